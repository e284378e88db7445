/**
 * One recording under one rule set and one context: replayed once for all tests that ask about it. What it
 * gives is what verdicts are made of.
 */
import { createReadStream } from 'node:fs';
import type { Event } from '../catalogue/event.js';
import { type Input, replay, type StreamSummary } from '../pipeline/index.js';
import { type Detection, Engine, type LoadedRule, type Observer } from '../rules/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { Declared, isEmptyContext } from './declared.js';
import { type Doubt, Doubts } from './doubt.js';
import { fits } from './glob.js';
import { Lineage } from './lineage.js';
import { Look, standsAlone } from './look.js';
import type { RulesInUse } from './ruleset.js';
import type { SnapshotLine } from './snapshot.js';
import type { ContextEntry } from './testfile.js';

/** A detection as verdicts count it. */
export interface SeenDetection {
  readonly rule: string;
  readonly sourceRule: string;
  readonly seq: number;
  readonly type: string;
  /** `cat(9040)` */
  readonly process: string;
  readonly delivered: boolean;
  readonly actions: readonly string[];
  /** `conditionKey` of the conditions that held. */
  readonly held: ReadonlySet<string>;
  readonly line?: SnapshotLine;
}

export interface Facts {
  /** As the user would type it. */
  readonly recording: string;
  readonly events: number;
  readonly byType: ReadonlyMap<string, { readonly events: number; readonly shown: number }>;
  /** Event types that could have been seen; undefined: the recording does not say. */
  readonly traced: ReadonlySet<string> | undefined;
  /** Sentences: what is missing from the recording as a whole. */
  readonly gaps: readonly string[];
  /** By rule; none: nothing about its silence is doubtful. */
  readonly doubts: ReadonlyMap<string, readonly Doubt[]>;
  readonly detections: readonly SeenDetection[];
  /** Condition after the last event → its truth; undefined: it could not be decided. */
  readonly finally: ReadonlyMap<string, boolean | undefined>;
  readonly diagnostics: readonly Diagnostic[];
  readonly damaged: boolean;
  /** Not so: it is no recording at all. */
  readonly readable: boolean;
  readonly synthetic: boolean;
  /** The time limit ended it: what is told is of what was read until then. */
  readonly cut: boolean;
  readonly tookMs: number;
  /** What explains the rules of `explained`; without such rules undefined. */
  readonly look?: Look;
}

/** A condition on detections of a rule (or of all that a pattern names). */
export interface WhereCondition {
  readonly rule: string;
  readonly text: string;
}

export const conditionKey = (condition: WhereCondition): string => `${condition.rule}\n${condition.text}`;

export interface ScenarioOptions {
  readonly input: Input;
  readonly recording: string;
  readonly rules: RulesInUse;
  readonly context: ContextEntry;
  readonly conditions: readonly WhereCondition[];
  readonly finallyConditions: readonly string[];
  /** Keep what snapshots show. */
  readonly lines: boolean;
  readonly synthetic: boolean;
  /** Types that can be seen in synthetic events. */
  readonly types?: ReadonlySet<string>;
  readonly allResults: boolean;
  /** Longest time. */
  readonly limitMs: number;
  readonly observer?: Observer | undefined;
  readonly companion?: Companion | undefined;
  /** Rules that are likely to need an explanation: what it has to look at is looked at in this replay. */
  readonly explained?: readonly LoadedRule[];
}

/** Looks at the events beside the engine, before it does: how mutants are decided. */
export interface Companion {
  /** Type → names of the columns that the recording has, and what its header tells of redaction. */
  schema(events: ReadonlyMap<string, readonly string[]>, redacted: unknown): void;
  /**
   * An event that rules see. `counts`: how often each rule matched before it; `read` makes of a detection
   * what snapshots show, when they are asked for.
   */
  see(
    event: Event,
    counts: readonly number[],
    read: (detection: Detection, event: Event) => SnapshotLine | undefined,
  ): void;
  /** After the last event, if there was one. */
  end(last: Event | undefined): void;
}

/** Blind spots that hide acts of the program; the others only say how it was traced. */
const hiding = new Set([
  'io-uring',
  'foreign-filter',
  'user-notification',
  'foreign-abi',
  'untraced-child',
  'no-trace-permission',
  'unknown',
]);

export async function runScenario(options: ScenarioOptions): Promise<Facts> {
  const began = performance.now();
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(options.limitMs)));
  const { rules, strings } = options.rules;
  const engine = new Engine(rules, {
    details: options.lines ? 'all' : 'delivered',
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  });
  const detections: SeenDetection[] = [];
  const conditions = options.conditions.map((condition) => ({
    rule: condition.rule,
    key: conditionKey(condition),
    decide: engine.condition(condition.text).condition?.decide,
  }));
  const finals = options.finallyConditions.map((text) => ({
    text,
    decide: engine.condition(text).condition?.decide,
  }));
  const doubts = new Doubts(strings, groupByType(rules.rules));
  const declared = isEmptyContext(options.context) ? undefined : new Declared(options.context, strings);
  const lineage = options.lines ? new Lineage(strings) : undefined;
  const line = (detection: Detection, event: Event): SnapshotLine | undefined =>
    lineage === undefined ? undefined : lineOf(detection, event, lineage, options.rules);
  const asked = options.explained?.filter(standsAlone) ?? [];
  const look = asked.length === 0 ? undefined : new Look(options.rules, asked, 1, engine);
  let last: Event | undefined;

  const summary = await replay([named(options)], {
    strings,
    engine,
    allResults: options.allResults,
    signal,
    onHeader: (header) => {
      const events = header.catalogue?.events ?? [];
      const columns = new Map(events.map((row) => [row.name, row.columns.map((column) => column.name)]));
      doubts.schema(columns, header.redacted);
      look?.begin(header.json);
      options.companion?.schema(columns, header.redacted);
    },
    onEvent: (event, shown) => {
      declared?.apply(event);
      lineage?.see(event);
      last = event;
      if (shown) look?.shown(event, true);
      else look?.hidden(event);
      if (!shown) return;
      doubts.see(event, (rule) => engine.trace(rule.index, event));
      options.companion?.see(event, engine.counts.matched, line);
    },
    onDetection: (detection, event) => {
      const rule = rules.byId(detection.ruleId);
      const held = new Set<string>();
      for (const condition of conditions) {
        if (
          !fits(condition.rule, detection.ruleId) &&
          !fits(condition.rule, rule?.sourceId ?? detection.ruleId)
        )
          continue;
        if (condition.decide?.(event) === true) held.add(condition.key);
      }
      detections.push({
        rule: detection.ruleId,
        sourceRule: rule?.sourceId ?? detection.ruleId,
        seq: detection.seq,
        type: detection.eventType,
        process: `${strings.text(event.process.file.name) || strings.text(event.process.comm)}(${event.process.pid})`,
        delivered: detection.delivered,
        actions: detection.actions.map((action) => action.kind),
        held,
        ...(lineage === undefined ? {} : { line: line(detection, event)! }),
      });
    },
  });
  const stream = summary.streams[0]!;
  options.companion?.end(last);
  const final = new Map<string, boolean | undefined>();
  for (const { text, decide } of finals) final.set(text, last === undefined ? undefined : decide?.(last));
  return {
    recording: options.recording,
    events: summary.events,
    byType: summary.byType,
    traced: options.types ?? (stream.traced === undefined ? undefined : new Set(stream.traced)),
    gaps: options.synthetic ? [] : gapsOf(stream),
    doubts: doubts.all(),
    detections,
    finally: final,
    diagnostics: summary.diagnostics,
    damaged: summary.damaged,
    readable:
      stream.header !== undefined ||
      summary.diagnostics.every((item) => item.code === 'unfinished-recording'),
    synthetic: options.synthetic,
    cut: signal.aborted,
    tookMs: performance.now() - began,
    ...(look === undefined ? {} : { look }),
  };
}

/** Messages name the recording as the user would type it. */
const named = ({ input, recording }: ScenarioOptions): Input =>
  typeof input === 'string'
    ? { name: recording, bytes: createReadStream(input, { highWaterMark: 1 << 20 }) }
    : input;

function lineOf(detection: Detection, event: Event, lineage: Lineage, rules: RulesInUse): SnapshotLine {
  return {
    rule: detection.ruleId,
    event: detection.eventType,
    lineage: lineage.of(event.process),
    fields: rules.rules.model.fieldsOf(event),
    args: rules.strings.text(event.process.derived.args),
    matched: detection.matched.map((part) => ({ field: part.field, value: part.value })),
    actions: detection.actions.map((action) => action.kind),
  };
}

export function groupByType(rules: readonly LoadedRule[]): Map<string, LoadedRule[]> {
  const groups = new Map<string, LoadedRule[]>();
  for (const rule of rules) {
    const group = groups.get(rule.eventType);
    if (group === undefined) groups.set(rule.eventType, [rule]);
    else group.push(rule);
  }
  return groups;
}

/** Why events may be missing from a recording, as sentences. */
export function gapsOf(stream: StreamSummary): string[] {
  const found: string[] = [];
  for (const gap of stream.gaps) {
    if (gap.reason === 'trimmed') continue;
    found.push(
      `${gap.lost === undefined ? 'an unknown number of events was' : `${gap.lost} event${gap.lost === 1 ? ' was' : 's were'}`} lost (${gap.reason})`,
    );
  }
  for (const spot of stream.blindSpots) {
    if (hiding.has(spot.reason))
      found.push(
        `process ${spot.pid} could not be seen wholly (${spot.reason}${spot.detail === '' ? '' : `: ${spot.detail}`})`,
      );
  }
  if (stream.gaps.length === 0 && stream.lost > 0) found.push(`${stream.lost} events were lost`);
  if (!stream.complete) found.push('the recording was not finished');
  return [...new Set(found)];
}
