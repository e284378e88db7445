/** The one event object of a probe: filled again for each event. */
import type { ColumnValue, Event, Process, World } from '../catalogue/event.js';
import type { StringId } from '../support/strings.js';
import type { Clock } from './clock.js';

export class CurrentEvent implements Event {
  id = 0;
  type = '';
  seq = 0;
  pid = 0;
  tid = 0;
  retval = 0;
  elapsed = 0;
  wall = 0;
  duration = 0;
  flags = 0;
  missing = 0;
  syscall = 0;
  arch = 0;
  process: Process;
  columns: readonly ColumnValue[] = [];
  target: Process | null = null;
  hostnames: readonly StringId[] = [];
  readonly world: World;
  timeLow = 0;
  timeHigh = 0;
  readonly #clock: Clock;

  constructor(process: Process, world: World, clock: Clock) {
    this.process = process;
    this.world = world;
    this.#clock = clock;
  }

  timestamp(): bigint {
    return this.#clock.exact(this.timeLow, this.timeHigh);
  }
}
