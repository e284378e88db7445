/**
 * Holds events against a profile: what it does not explain is an anomaly, told once for each executable
 * and act; a detection of a rule on an event that it explains is suppressed.
 */
import type { Event } from '../../catalogue/event.js';
import type { StringTable } from '../../support/strings.js';
import type { Detection } from '../detection.js';
import { type Act, actor, actsOf } from './acts.js';
import type { CompiledProfile } from './profile.js';

/** What has an engine's shape. */
interface Decides {
  evaluate(event: Event): readonly Detection[];
}

const none: readonly Detection[] = [];

export class ProfileWatch implements Decides {
  readonly #profile: CompiledProfile;
  readonly #engine: Decides | undefined;
  readonly #strings: StringTable;
  readonly #told = new Set<string>();

  constructor(profile: CompiledProfile, strings: StringTable, engine?: Decides) {
    this.#profile = profile;
    this.#strings = strings;
    this.#engine = engine;
  }

  evaluate(event: Event): readonly Detection[] {
    const found = this.#engine?.evaluate(event) ?? none;
    const path = this.#strings.text(actor(event).file.path);
    const behaviours = this.#profile.of(path);
    // Of an executable that the profile does not know, its exec was the anomaly.
    if (behaviours.length === 0) return found;
    const acts = actsOf(event, this.#strings);
    if (acts.length === 0) return found;
    const odd = acts.filter((act) => !behaviours.some((behaviour) => behaviour.explains(act)));
    if (odd.length === 0) {
      return found.length === 0
        ? found
        : found.map((detection) =>
            detection.delivered
              ? { ...detection, delivered: false, suppressedBy: 'profile' as const }
              : detection,
          );
    }
    const anomalies = odd
      .filter((act) => this.#isNew(path, act))
      .map((act) => this.#anomaly(event, path, act));
    return anomalies.length === 0 ? found : [...found, ...anomalies];
  }

  #isNew(path: string, act: Act): boolean {
    const key = [path, act.kind, act.what, ...act.access].join('\0');
    if (this.#told.has(key)) return false;
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
