/**
 * Decides rules on events, carries out their actions and meters what is delivered.
 *
 * Deterministic: it reads no clock and no randomness; the same events give the same detections, byte for
 * byte. Synchronous: nothing here awaits.
 */
import type { Event, Process } from '../catalogue/event.js';
import type { ActionReport, Detection } from './detection.js';
import type { KillAction, HashAction } from './action.js';
import type { Observer } from './trace.js';
import type { LoadedRule, Ruleset } from './ruleset.js';
import type { World } from './world.js';

export interface EngineOptions {
  /** Names and host of the recording or stream; default: nothing is known. */
  readonly world?: World;
  /** False: every match is delivered (`--no-limits`). Default true. */
  readonly limits?: boolean;
  /** Whose detections carry `matched` and `variables`: only those delivered (default), or all. */
  readonly details?: 'delivered' | 'all';
  /** Carries out kill and hash; without it they are reported as simulated. */
  readonly perform?: (action: KillAction | HashAction, event: Event, rule: LoadedRule) => ActionReport;
  /** Plugged in by explain, coverage and mutation: sees every leaf of every rule. Nothing plugged in costs nothing. */
  readonly observer?: Observer;
}
void (0 as unknown as [Process, Detection, Ruleset]);
