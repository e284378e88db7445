/**
 * Holds events against a profile: what it does not explain is an anomaly, told once for each executable
 * and act. An engine that is asked through it (`isNormal: watch.explains`) suppresses detections on what it
 * explains.
 */
import type { Event, Process } from '../../catalogue/event.js';
import type { StringTable } from '../../support/strings.js';
import type { Detection } from '../detection.js';
import { type Act, actor, actsOf, opensNothing } from './acts.js';
import type { CompiledProfile } from './profile.js';

/** What has an engine's shape. */
interface Decides {
  evaluate(event: Event): readonly Detection[];
  restore?(state: unknown, event: Event, images: ReadonlyMap<number, Process>): void;
}

const none: readonly Detection[] = [];

/** Anomalies that are remembered as told; beyond, the first ones may be told again. */
const toldLimit = 100_000;

/** The detection is of no rule: a profile does not explain the event. */
export function isAnomaly(detection: Detection): boolean {
  return detection.ruleSpan === undefined && detection.ruleId.startsWith('anomaly_');
}

export class ProfileWatch implements Decides {
  readonly #profile: CompiledProfile;
  /** Decides the rules. */
  engine: Decides | undefined;
  readonly #strings: StringTable;
  readonly #told = new Set<string>();

  constructor(profile: CompiledProfile, strings: StringTable, engine?: Decides) {
    this.#profile = profile;
    this.#strings = strings;
    this.engine = engine;
  }

  /** The profile knows the executable, and that it does this. */
  readonly explains = (event: Event): boolean => {
    const behaviours = this.#profile.of(this.#strings.text(actor(event).file.path));
    if (behaviours.length === 0) return false;
    if (opensNothing(event, this.#strings)) return true;
    const acts = actsOf(event, this.#strings);
    return acts.length > 0 && acts.every((act) => behaviours.some((behaviour) => behaviour.explains(act)));
  };

  restore(state: unknown, event: Event, images: ReadonlyMap<number, Process>): void {
    this.engine?.restore?.(state, event, images);
  }

  evaluate(event: Event): readonly Detection[] {
    const found = this.engine?.evaluate(event) ?? none;
    const path = this.#strings.text(actor(event).file.path);
    const behaviours = this.#profile.of(path);
    // Of an executable that the profile does not know, its exec was the anomaly.
    if (behaviours.length === 0) return found;
    const acts = actsOf(event, this.#strings);
    if (acts.length === 0) return found;
    const odd = acts.filter((act) => !behaviours.some((behaviour) => behaviour.explains(act)));
    if (odd.length === 0) return found;
    const anomalies = odd
      .filter((act) => this.#isNew(path, act))
      .map((act) => this.#anomaly(event, path, act));
    return anomalies.length === 0 ? found : [...found, ...anomalies];
  }

  #isNew(path: string, act: Act): boolean {
    const key = [path, act.kind, act.what, ...act.access].join('\0');
    if (this.#told.has(key)) return false;
    if (this.#told.size >= toldLimit) this.#told.delete(this.#told.values().next().value!);
    this.#told.add(key);
    return true;
  }

  #anomaly(event: Event, path: string, act: Act): Detection {
    const how = act.access.length === 0 ? '' : ` (${act.access.join(', ')})`;
    return {
      ruleId: `anomaly_${act.kind}`,
      policy: this.#profile.name,
      tags: { profile: this.#profile.name },
      description: `${path} is not known to do this: ${act.kind} ${act.what}${how}`,
      ruleSpan: undefined,
      seq: event.seq,
      eventType: event.type,
      timestamp: event.timestamp(),
      delivered: true,
      suppressedBy: undefined,
      matched: [],
      actions: [],
      variables: {},
    };
  }
}
