/** Recordings written anew: cut to what rules need, merged, redacted, upgraded. */
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { eventByName } from '../catalogue/events.js';
import { replay } from '../pipeline/index.js';
import {
  mergeRecordings,
  openOutput,
  type Rewritten,
  recordingCodes,
  redactRecording,
  type Source,
  trimRecording,
  upgradeRecording,
} from '../recording/index.js';
import { Engine, type LoadedRule } from '../rules/index.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { workbenchCodes } from './codes.js';
import { fits } from './glob.js';
import { projectOf, rulesOrigin } from './project.js';
import { existing } from './recordings.js';
import { RuleSets, type RulesInUse } from './ruleset.js';

interface OutputOptions {
  readonly output: string;
  readonly force?: boolean;
  readonly cwd?: string;
}

export interface RewriteResult {
  readonly events: number;
  readonly kept: number;
  readonly output: string;
  /** Of the source: damage that ended the reading. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface TrimFileOptions extends OutputOptions {
  readonly recording: string;
  /** Policies whose detections are kept; default: the rules in use. */
  readonly rules?: readonly string[];
  /** Only detections of rules whose id fits one of these patterns. */
  readonly rule?: readonly string[];
  /** Events for which this is true are kept too. */
  readonly where?: string;
  /** So many events before and after each. */
  readonly near?: number;
  /** Search for the smallest recording with the same detections of `rule`. */
  readonly shrink?: boolean;
}

const chunk = 1 << 20;
const fileSource =
  (path: string): Source =>
  () =>
    createReadStream(path, { highWaterMark: chunk });

async function written(
  output: string,
  options: OutputOptions,
  write: (emit: (bytes: Uint8Array) => void) => Promise<Rewritten>,
): Promise<RewriteResult> {
  const file = openOutput(resolve(options.cwd ?? process.cwd(), output), options.force === true);
  try {
    const done = await write((bytes) => file.write(bytes));
    file.finish();
    return { events: done.events, kept: done.kept, output, diagnostics: done.diagnostics };
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/** What fires where: `seq → rules` and the list of detections as text, for comparison. */
interface Found {
  readonly seqs: Set<number>;
  /** Events at which a rule matched that sets what those rules read. */
  readonly setting: Set<number>;
  readonly list: string[];
}

async function detections(
  name: string,
  bytes: Source | string,
  inUse: RulesInUse,
  options: TrimFileOptions,
): Promise<Found> {
  const engine = new Engine(inUse.rules, { limits: false });
  const found: Found = { seqs: new Set(), setting: new Set(), list: [] };
  const condition = options.where === undefined ? undefined : engine.condition(options.where, '<where>');
  if (condition !== undefined && condition.condition === undefined)
    throw new DiagnosticError(condition.diagnostics);
  const patterns = options.rule ?? [];
  const setters = settersFor(inUse, patterns);
  await replay([typeof bytes === 'string' ? bytes : { name, bytes: bytes() }], {
    strings: inUse.strings,
    engine,
    onEvent: (event) => {
      if (condition?.condition?.decide(event) === true) found.seqs.add(event.seq);
    },
    onDetection: (detection) => {
      if (setters.has(detection.ruleId)) found.setting.add(detection.seq);
      if (patterns.length > 0 && !patterns.some((pattern) => fits(pattern, detection.ruleId))) return;
      found.seqs.add(detection.seq);
      found.list.push(`${detection.seq} ${detection.ruleId}`);
    },
  });
  return found;
}

/** Writes what the detections of rules (or a condition) need. */
export async function trimFile(options: TrimFileOptions): Promise<RewriteResult> {
  const cwd = options.cwd ?? process.cwd();
  const path = resolve(cwd, existing(options.recording, cwd));
  const inUse = new RuleSets(cwd).load(rulesOrigin(options, projectOf({ cwd })).paths);
  const errors = inUse.diagnostics.filter((item) => item.severity === 'error');
  if (inUse.rules.rules.length === 0 && options.where === undefined)
    throw new DiagnosticError([
      ...errors,
      diagnostic(
        workbenchCodes,
        'no-rules',
        'No rule was loaded, and there is no --where: nothing says what to keep.',
      ),
    ]);
  const found = await detections(options.recording, path, inUse, options);
  if (found.seqs.size === 0)
    throw new DiagnosticError(
      [
        diagnostic(
          recordingCodes,
          'nothing-to-trim',
          `No event of "${options.recording}" is asked for: no detection and no event fits.`,
        ),
      ],
      1,
    );
  const types = new Set(
    inUse.rules.rules
      .filter((rule) => options.rule === undefined || options.rule.some((pattern) => fits(pattern, rule.id)))
      .map((rule) => rule.eventType),
  );
  const keep = options.shrink === true ? await shrink(fileSource(path), found, inUse, options) : found.seqs;
  const result = await written(options.output, options, (emit) =>
    trimRecording(fileSource(path), emit, {
      name: options.recording,
      keep: (raw) => keep.has(raw.seq),
      near: options.near ?? 0,
      reason: options.shrink === true ? 'shrink' : 'trim',
      traced: [...types].filter((type) => eventByName(type) !== undefined).sort(),
    }),
  );
  return { ...result, diagnostics: [...errors, ...result.diagnostics] };
}

/** At most this many replays are made to find a smaller set. */
const TRIALS = 200;

/** Ids of the rules that set a variable on which a rule that fits hangs, directly or through others. */
function settersFor(inUse: RulesInUse, patterns: readonly string[]): ReadonlySet<string> {
  const { rules, variables } = inUse.rules;
  const found = new Set<string>();
  const asked = rules.filter(
    ({ id }) => patterns.length === 0 || patterns.some((pattern) => fits(pattern, id)),
  );
  for (const rule of asked) {
    for (const name of readBy(rule)) {
      for (const id of variables.get(name)?.setBy ?? []) {
        const setter = inUse.rules.byId(id);
        if (setter === undefined || found.has(id)) continue;
        found.add(id);
        asked.push(setter);
      }
    }
  }
  return found;
}

/** Names of the variables that a rule reads, in its condition or in what it sets. */
function readBy(rule: LoadedRule): string[] {
  return [
    ...rule.rule.variables,
    ...rule.actions.flatMap((action) =>
      action.kind === 'set' && action.source.kind === 'computed'
        ? action.source.compiled.value.variables
        : [],
    ),
  ];
}

/**
 * Finds a small set of events after which the rules detect the same: those of the detections, else with them
 * those that set the variables they read, else all; and of what is added the least part, by delta debugging.
 * What was found to be enough is what the next trial reads.
 */
async function shrink(
  source: Source,
  wanted: Found,
  inUse: RulesInUse,
  options: TrimFileOptions,
): Promise<ReadonlySet<number>> {
  let enough = source;
  const same = async (seqs: ReadonlySet<number>): Promise<boolean> => {
    const parts: Uint8Array[] = [];
    await trimRecording(enough, (bytes) => parts.push(bytes.slice()), {
      name: options.recording,
      keep: (raw) => seqs.has(raw.seq),
    });
    const now = await detections(options.recording, () => parts, inUse, options);
    if (now.list.join() !== wanted.list.join()) return false;
    enough = () => parts;
    return true;
  };
  if (await same(wanted.seqs)) return wanted.seqs;
  let extra = [...wanted.setting].filter((seq) => !wanted.seqs.has(seq));
  if (extra.length === 0 || !(await same(new Set([...wanted.seqs, ...extra])))) {
    const all: number[] = [];
    await trimRecording(source, () => undefined, {
      name: options.recording,
      keep: (raw) => all.push(raw.seq) > 0,
    });
    extra = all.filter((seq) => !wanted.seqs.has(seq));
  }
  let parts = 2;
  for (let trial = 0; trial < TRIALS && extra.length > 0; ) {
    const size = Math.ceil(extra.length / parts);
    let smaller: number[] | undefined;
    for (let from = 0; from < extra.length && trial < TRIALS; from += size, trial++) {
      const rest = [...extra.slice(0, from), ...extra.slice(from + size)];
      if (await same(new Set([...wanted.seqs, ...rest]))) {
        smaller = rest;
        break;
      }
    }
    if (smaller !== undefined) {
      extra = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(extra.length, parts * 2);
  }
  return new Set([...wanted.seqs, ...extra]);
}

export async function mergeFiles(
  options: OutputOptions & { readonly recordings: readonly string[] },
): Promise<RewriteResult> {
  const cwd = options.cwd ?? process.cwd();
  const sources = options.recordings.map((name) => ({
    name,
    read: fileSource(resolve(cwd, existing(name, cwd))),
  }));
  return written(options.output, options, (emit) => mergeRecordings(sources, emit));
}

/** Patterns that are not given come from seccam.yaml. */
export async function redactFile(
  options: OutputOptions & {
    readonly recording: string;
    readonly args?: readonly string[];
    readonly paths?: Readonly<Record<string, string>>;
  },
): Promise<RewriteResult> {
  const cwd = options.cwd ?? process.cwd();
  const configured = projectOf({ cwd }).config.recordings?.redact;
  const args = options.args ?? configured?.args ?? [];
  const paths = options.paths ?? configured?.paths ?? {};
  const path = resolve(cwd, existing(options.recording, cwd));
  for (const pattern of args) {
    try {
      new RegExp(pattern, 'd');
    } catch (error) {
      throw new DiagnosticError([
        diagnostic(
          workbenchCodes,
          'bad-value',
          `"${pattern}" is not a regular expression: ${error instanceof Error ? error.message : String(error)}`,
        ),
      ]);
    }
  }
  return written(options.output, options, (emit) =>
    redactRecording(fileSource(path), emit, { name: options.recording, args, paths }),
  );
}

export async function upgradeFile(
  options: OutputOptions & { readonly recording: string },
): Promise<RewriteResult> {
  const cwd = options.cwd ?? process.cwd();
  const path = resolve(cwd, existing(options.recording, cwd));
  return written(options.output, options, (emit) =>
    upgradeRecording(fileSource(path), emit, options.recording),
  );
}
