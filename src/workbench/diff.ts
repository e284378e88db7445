/** What differs: between two sets of rules over the same recordings, and between two recordings. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Event } from '../catalogue/event.js';
import { replay, type StreamSummary } from '../pipeline/index.js';
import { Engine, type LoadedRule, loadPolicies, type PolicySource } from '../rules/index.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { nodeText } from './account.js';
import { workbenchCodes } from './codes.js';
import { eventText } from './eventtext.js';
import { exists, findFiles } from './glob.js';
import { textDiff } from './linediff.js';
import { type Project, projectOf, recordingsFolder, rulesOrigin, shown } from './project.js';
import { existing, findRecordings } from './recordings.js';
import { inputOf } from './replay.js';
import type {
  DiffRecordingsOptions,
  DiffRulesOptions,
  RecordingsDiff,
  RuleChange,
  RulesDiff,
} from './results.js';
import { RuleSets, type RulesInUse } from './ruleset.js';

// ---------------------------------------------------------------- rules

interface Hit {
  readonly recording: string;
  readonly seq: number;
  readonly type: string;
  readonly process: string;
}

interface Side {
  readonly inUse: RulesInUse;
  /** Rule → hits, in order of recordings and events. */
  readonly hits: ReadonlyMap<string, readonly Hit[]>;
}

export async function diffRules(options: DiffRulesOptions): Promise<RulesDiff> {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const origin = rulesOrigin(options, project);
  const recordings = projectRecordings(options, project, cwd);
  const after = new RuleSets(cwd).load(origin.paths);
  const before = baseRules(options.base, origin.paths, cwd);
  const diagnostics: Diagnostic[] = [...after.diagnostics.filter((item) => item.severity === 'error')];
  for (const item of before.diagnostics) {
    if (item.severity === 'error')
      diagnostics.push({
        ...item,
        notes: [...item.notes, { message: `in the rules of "${options.base}"` }],
        severity: 'warning',
      });
  }
  const notes: string[] = [];
  const old = await hitsOf(before, recordings, cwd, options, notes);
  const now = await hitsOf(after, recordings, cwd, options, []);
  const ids = [...new Set([...before.rules.rules, ...after.rules.rules].map((rule) => rule.id))].sort();
  const changes: RuleChange[] = [];
  for (const id of ids) {
    const change = await changeOf(
      id,
      { inUse: before, hits: old.hits },
      { inUse: after, hits: now.hits },
      cwd,
      options,
    );
    if (change !== undefined) changes.push(change);
  }
  const differs = changes.some(
    (change) => change.gained > 0 || change.lost > 0 || change.state === 'actions',
  );
  const damaged = old.damaged && options.acceptDamage !== true;
  return {
    schema: 'seccam/diff-rules@1',
    base: options.base,
    recordings,
    events: now.events,
    changes,
    notes,
    diagnostics,
    answer: damaged || after.rules.rules.length === 0 ? 2 : differs ? 1 : 0,
  };
}

function projectRecordings(options: DiffRulesOptions, project: Project, cwd: string): readonly string[] {
  if (options.recordings !== undefined && options.recordings.length > 0)
    return findRecordings(options.recordings, cwd, project).recordings;
  const found = findFiles('**/*.seccam', recordingsFolder(project)).map((file) => shown(file, cwd));
  if (found.length === 0)
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'no-recording',
        `There is no recording in "${shown(recordingsFolder(project), cwd)}" to compare the rules on`,
      ),
    ]);
  return found;
}

/** The rules of a folder or file, or of a git revision, read without a checkout. */
function baseRules(base: string, paths: readonly string[], cwd: string): RulesInUse {
  if (exists(resolve(cwd, base))) return new RuleSets(cwd).load([base]);
  const sources = paths.flatMap((path) => revisionSources(base, path, cwd));
  const strings = new StringTable();
  const { rules, diagnostics, sources: texts } = loadPolicies(sources, { strings, allowEmpty: true });
  return { paths, rules, strings, diagnostics, sources: texts };
}

function git(cwd: string, args: readonly string[]): string {
  return execFileSync('git', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 << 20,
  });
}

/** Throws when git does not know the revision; `what` says what it is not. */
export function checkRevision(revision: string, cwd: string, what = 'is not a revision'): void {
  try {
    git(cwd, ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]);
  } catch {
    throw new DiagnosticError([
      diagnostic(workbenchCodes, 'unknown-revision', `"${revision}" ${what} that git knows here`),
    ]);
  }
}

export function revisionSources(revision: string, path: string, cwd: string): PolicySource[] {
  checkRevision(revision, cwd, 'is neither a path nor a revision');
  let names: string[];
  try {
    names = git(cwd, ['ls-tree', '-r', '-z', '--name-only', revision, '--', path])
      .split('\0')
      .filter((name) => name !== '');
  } catch {
    return []; // Outside of the repository: shipped rules do not change between revisions of the project.
  }
  const file = names.length === 1 && names[0] === path;
  return names
    .filter((name) => file || /\.policy(\.ya?ml)?$/.test(name))
    .sort(
      (a, b) =>
        Number(!/(^|\/)default\.policy$/.test(a)) - Number(!/(^|\/)default\.policy$/.test(b)) ||
        (a < b ? -1 : 1),
    )
    .map((name) => ({ file: `${revision}:${name}`, text: git(cwd, ['show', `${revision}:./${name}`]) }));
}

async function hitsOf(
  inUse: RulesInUse,
  recordings: readonly string[],
  cwd: string,
  options: DiffRulesOptions,
  notes: string[],
): Promise<{ hits: Map<string, Hit[]>; events: number; damaged: boolean }> {
  const hits = new Map<string, Hit[]>();
  let current = '';
  const summary = await replay(
    recordings.map((name) => inputOf(name, cwd)),
    {
      strings: inUse.strings,
      allResults: options.allResults === true,
      engineFor: (name) => {
        current = shown(name, cwd);
        return new Engine(inUse.rules, { limits: false });
      },
      onDetection: (detection, event) => {
        const list = hits.get(detection.ruleId);
        const hit = {
          recording: current,
          seq: detection.seq,
          type: detection.eventType,
          process: `${inUse.strings.text(event.process.file.name)}(${event.process.pid})`,
        };
        if (list === undefined) hits.set(detection.ruleId, [hit]);
        else list.push(hit);
      },
    },
  );
  notes.push(...recordingNotes(summary.streams, cwd));
  return { hits, events: summary.events, damaged: summary.damaged };
}

/** Recordings that were made otherwise than the first: their silence means something else. */
function recordingNotes(streams: readonly StreamSummary[], cwd: string): string[] {
  const first = streams[0];
  if (first === undefined) return [];
  const notes: string[] = [];
  for (const stream of streams.slice(1)) {
    if (stream.header?.catalogue.version !== first.header?.catalogue.version)
      notes.push(
        `${shown(stream.name, cwd)} was made with catalogue ${stream.header?.catalogue.version}, ${shown(first.name, cwd)} with ${first.header?.catalogue.version}`,
      );
  }
  return notes;
}

async function changeOf(
  id: string,
  before: Side,
  after: Side,
  cwd: string,
  options: DiffRulesOptions,
): Promise<RuleChange | undefined> {
  const oldRule = before.inUse.rules.byId(id);
  const newRule = after.inUse.rules.byId(id);
  const old = before.hits.get(id) ?? [];
  const now = after.hits.get(id) ?? [];
  const key = (hit: Hit) => `${hit.recording}\n${hit.seq}`;
  const oldKeys = new Set(old.map(key));
  const newKeys = new Set(now.map(key));
  const gained = now.filter((hit) => !oldKeys.has(key(hit)));
  const lost = old.filter((hit) => !newKeys.has(key(hit)));
  const base = { rule: id, before: old.length, after: now.length, gained: gained.length, lost: lost.length };
  const example = lost[0] ?? gained[0];
  const side = lost.length > 0 ? after : before;
  const shownExample =
    example === undefined
      ? {}
      : { example: { ...example, ...(await decidingLeaf(id, example, side, cwd, options)) } };
  if (oldRule === undefined)
    return newRule === undefined ? undefined : { ...base, state: 'added', ...shownExample };
  if (newRule === undefined) return { ...base, state: 'removed', ...shownExample };
  if (gained.length > 0 || lost.length > 0)
    return {
      ...base,
      state: gained.length === 0 ? 'lost' : lost.length === 0 ? 'gained' : 'changed',
      ...shownExample,
    };
  return actionText(oldRule) === actionText(newRule) ? undefined : { ...base, state: 'actions' };
}

function actionText(rule: LoadedRule): string {
  return JSON.stringify(
    rule.actions.map((action) =>
      action.kind === 'set'
        ? [
            action.kind,
            action.variable.name,
            action.append,
            action.source.kind === 'constant' ? action.source.value : '',
          ]
        : [action.kind, { ...action, filter: undefined }],
    ),
  );
}

/** The leaf that keeps the other side's rule from matching at the event. */
async function decidingLeaf(
  id: string,
  hit: Hit,
  side: Side,
  cwd: string,
  options: DiffRulesOptions,
): Promise<{ leaf?: string }> {
  const rule = side.inUse.rules.byId(id);
  if (rule === undefined) return {};
  let text: string | undefined;
  const engine = new Engine(side.inUse.rules, {
    limits: false,
    observer: {
      rule: (one, event: Event, _value, trace) => {
        if (one.index !== rule.index || event.seq !== hit.seq) return;
        const seen = trace();
        const wrong = rule.rule.leaves.find((leaf) => seen.leaves[leaf.leaf]?.value === false);
        if (wrong !== undefined) text = nodeText(wrong, rule, side.inUse);
      },
    },
  });
  await replay([inputOf(hit.recording, cwd)], {
    strings: side.inUse.strings,
    engine,
    to: hit.seq,
    allResults: options.allResults === true,
  });
  return text === undefined ? {} : { leaf: text };
}

// ---------------------------------------------------------------- recordings

export async function diffRecordings(options: DiffRecordingsOptions): Promise<RecordingsDiff> {
  const cwd = options.cwd ?? process.cwd();
  const left = existing(options.left, cwd);
  const right = existing(options.right, cwd);
  const a = await eventText(inputOf(left, cwd));
  const b = await eventText(inputOf(right, cwd));
  const notes: string[] = [];
  const versions = [a.stream.header?.catalogue.version, b.stream.header?.catalogue.version];
  if (versions[0] !== versions[1]) notes.push(`catalogue ${versions[0]} against ${versions[1]}`);
  const tracedA = new Set(a.stream.traced ?? []);
  const tracedB = new Set(b.stream.traced ?? []);
  const onlyA = [...tracedA].filter((name) => !tracedB.has(name));
  const onlyB = [...tracedB].filter((name) => !tracedA.has(name));
  if (onlyA.length > 0) notes.push(`recorded in ${left} only: ${onlyA.join(', ')}`);
  if (onlyB.length > 0) notes.push(`recorded in ${right} only: ${onlyB.join(', ')}`);
  const diff = textDiff(a.lines.join('\n'), b.lines.join('\n'), 'events');
  const changed = diff.split('\n');
  const added = changed.filter((line) => line.startsWith('+')).length;
  const removed = changed.filter((line) => line.startsWith('-')).length;
  const damaged = (a.stream.damaged || b.stream.damaged) && options.acceptDamage !== true;
  return {
    schema: 'seccam/diff-recordings@1',
    left,
    right,
    notes,
    added,
    removed,
    diff,
    diagnostics: [...a.stream.diagnostics, ...b.stream.diagnostics],
    answer: damaged ? 2 : added + removed > 0 || notes.length > 0 ? 1 : 0,
  };
}
