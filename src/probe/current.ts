/** The one event object of a probe: filled again for each event. */
import { type DerivedValue, derivedFields } from '../catalogue/derived.js';
import type { ColumnValue, Event, Process, World } from '../catalogue/event.js';
import type { StringId, StringTable } from '../support/strings.js';
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
  cut = 0;
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

  readonly #strings: StringTable;

  constructor(process: Process, world: World, clock: Clock, strings: StringTable) {
    this.process = process;
    this.world = world;
    this.#clock = clock;
    this.#strings = strings;
  }

  timestamp(): bigint {
    return this.#clock.exact(this.timeLow, this.timeHigh);
  }

  derived(name: string): DerivedValue | undefined {
    return derivedFields.get(name)?.(this, this.#strings);
  }
}
