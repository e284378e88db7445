/** Reads test files and makes the list of tests: defaults of the file, matrix, contexts, recordings found. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';
import { type Document, type Path, readDocument } from './document.js';
import { exists, findFiles, isFolder, isPattern } from './glob.js';
import { digest } from './lastrun.js';
import { expandMatrix, type MatrixValues } from './matrix.js';
import { type Project, recordingsFolder, rulesOrigin, shown } from './project.js';
import { parseDuration, parseRange } from './range.js';
import type { RulesOrigin } from './results.js';
import { type ContextEntry, type TestEntry, type TestFile, testFileShape } from './testfile.js';

export interface TestCase {
  /** As the user would type it. */
  readonly file: string;
  readonly absolute: string;
  readonly name: string;
  readonly entry: TestEntry;
  readonly values: MatrixValues;
  /** Of the entry in the file. */
  readonly path: Path;
  readonly span: Span;
  readonly document: Document<TestFile>;
  readonly rules: RulesOrigin;
  /** Absolute; empty for synthetic tests and for scripts that are not pinned. */
  readonly recordings: readonly string[];
  readonly context: ContextEntry;
  readonly needs: readonly string[];
  readonly timeoutMs: number;
  readonly allow: readonly string[];
  /** What is wrong with the test itself; it fails to load then. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface Suite {
  readonly files: readonly string[];
  readonly cases: readonly TestCase[];
  /** Of files that do not have the right shape. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface SuiteOptions {
  readonly cwd: string;
  readonly project: Project;
  /** Absolute paths of test files. */
  readonly files: readonly string[];
  /** Rules of the flags: they win over those of files. */
  readonly rules?: readonly string[] | undefined;
  readonly ci?: boolean;
}

export function readSuite(options: SuiteOptions): Suite {
  const cases: TestCase[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const absolute of options.files) {
    const file = shown(absolute, options.cwd);
    const document = readDocument(readFileSync(absolute, 'utf8'), file, testFileShape, 'test file');
    diagnostics.push(...(notATest(document, file) ?? document.diagnostics));
    if (document.value !== undefined)
      cases.push(...casesOf(document, document.value, absolute, file, options));
  }
  return { files: options.files.map((file) => shown(file, options.cwd)), cases, diagnostics };
}

/** A policy under the name of a test is told apart from a test with mistakes. */
function notATest(document: Document<TestFile>, file: string): Diagnostic[] | undefined {
  const raw = document.raw as Record<string, unknown> | null | undefined;
  if (document.value !== undefined || raw === null || typeof raw !== 'object' || 'tests' in raw)
    return undefined;
  const policy = Array.isArray(raw['rules']) && raw['rules'].some((rule) => typeof rule === 'object');
  if (!policy && !('macros' in raw)) return undefined;
  return [
    diagnostic(workbenchCodes, 'not-a-test', `"${file}" is a policy, not a test file`, {
      suggestions: [`seccam check ${file}`],
    }),
  ];
}

function casesOf(
  document: Document<TestFile>,
  value: TestFile,
  absolute: string,
  file: string,
  options: SuiteOptions,
): TestCase[] {
  const folder = dirname(absolute);
  const only = value.tests.some((test) => test.only === true);
  const names = new Map<string, number>();
  const pinned = new Map<string, string>();
  const cases: TestCase[] = [];
  value.tests.forEach((raw, index) => {
    const path: Path = ['tests', index];
    for (const { entry: filled, name, values, unknown } of expandMatrix(raw)) {
      if (only && raw.only !== true && options.ci !== true) continue;
      const found: Diagnostic[] = [];
      const entry: TestEntry = {
        ...filled,
        rules: filled.rules ?? value.rules,
        context: filled.context ?? value.context,
      };
      const say = (
        code: keyof typeof workbenchCodes,
        message: string,
        at: Path,
        suggestions: readonly string[] = [],
      ) =>
        found.push(
          diagnostic(workbenchCodes, code, message, { span: document.span([...path, ...at]), suggestions }),
        );
      if (raw.only === true && options.ci === true)
        say(
          'only-in-ci',
          `Test "${name}" is marked "only", which leaves out the others of the file`,
          ['only'],
          ['take "only" away'],
        );
      for (const word of unknown)
        say(
          'unknown-matrix-value',
          `"{{${word}}}" stands for no value of the matrix`,
          [],
          nearest(word, Object.keys(values)),
        );
      if (names.has(name)) say('duplicate-test', `Another test of this file is called "${name}"`, ['name']);
      names.set(name, index);
      if (entry.run !== undefined) {
        const other = pinned.get(slug(name)) ?? name;
        if (other !== name)
          say(
            'duplicate-test',
            `The recordings of "${name}" and "${other}" would be pinned under one name: letters and digits tell them apart`,
            ['name'],
          );
        pinned.set(slug(name), name);
      }
      checkShape(entry, say);
      const recordings = recordingsOf(entry, folder, options.cwd, say);
      const duration = entry.timeout ?? value.timeout ?? options.project.config.test?.timeout ?? '60s';
      cases.push({
        file,
        absolute,
        name,
        entry,
        values,
        path,
        span: document.span([...path, 'name']),
        document,
        rules: rulesOf(entry, folder, options),
        recordings,
        context: contextOf(entry, value, options.project, say),
        needs: [...(value.needs ?? []), ...(entry.needs ?? [])],
        timeoutMs: (parseDuration(duration) ?? 60e9) / 1e6,
        allow: entry.allow ?? value.allow ?? options.project.config.test?.allow ?? [],
        diagnostics: found,
      });
    }
  });
  return cases;
}

type Say = (
  code: keyof typeof workbenchCodes,
  message: string,
  at: Path,
  suggestions?: readonly string[],
) => void;

const inputs = ['recording', 'recordings', 'run', 'events'] as const;
const expectations = ['expect', 'never', 'at_most', 'order', 'finally', 'others', 'snapshot'] as const;

function checkShape(entry: TestEntry, say: Say): void {
  const given = inputs.filter((key) => entry[key] !== undefined);
  if (entry.skip === undefined || given.length > 1) {
    if (given.length === 0 && entry.todo === undefined)
      say('no-input', `Test "${entry.name}" has nothing to run on`, [], [`one of ${inputs.join(', ')}`]);
    if (given.length > 1)
      say(
        'several-inputs',
        `Test "${entry.name}" has ${given.map((key) => `"${key}"`).join(' and ')}; one is needed`,
        [given[1]!],
      );
  }
  if (Array.isArray(entry.recordings) && entry.recordings.length === 0)
    say('no-input', `Test "${entry.name}" has nothing to run on: "recordings" is empty`, ['recordings']);
  const hopes = expectations.filter(
    (key) =>
      entry[key] !== undefined && entry[key] !== false && !(key === 'others' && entry.others === 'allow'),
  );
  const empty = hopes.every((key) => isEmpty(entry[key]));
  if (empty && entry.todo === undefined && entry.skip === undefined)
    say('no-expectation', `Test "${entry.name}" expects nothing`, [], [`one of ${expectations.join(', ')}`]);
  if (entry.files !== undefined && entry.run === undefined)
    say('bad-value', '"files" are laid out for a "run", and there is none', ['files']);
  (entry.expect ?? []).forEach((item, index) => {
    if (typeof item === 'string') return;
    for (const key of ['times', 'delivered'] as const) {
      const value = item[key];
      if (value !== undefined && parseRange(value) === undefined)
        say(
          'bad-value',
          `"${key}" is ${JSON.stringify(value)}, want N, N..M, N.. or ..M with N not above M`,
          ['expect', index, key],
        );
    }
  });
}

/** Nothing is hoped for: an empty list, a map of nothing or of such. */
const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isEmpty);

function rulesOf(entry: TestEntry, folder: string, options: SuiteOptions): RulesOrigin {
  if (options.rules !== undefined && options.rules.length > 0) return { from: 'flags', paths: options.rules };
  if (entry.rules === undefined) return rulesOrigin({ cwd: options.cwd }, options.project);
  return { from: 'test', paths: entry.rules.map((item) => shown(resolve(folder, item), options.cwd)) };
}

function recordingsOf(entry: TestEntry, folder: string, cwd: string, say: Say): string[] {
  const listed: { readonly pattern: string; readonly at: Path }[] = [];
  if (entry.recording !== undefined) listed.push({ pattern: entry.recording, at: ['recording'] });
  if (typeof entry.recordings === 'string') listed.push({ pattern: entry.recordings, at: ['recordings'] });
  else
    (entry.recordings ?? []).forEach(
      (pattern, index) => void listed.push({ pattern, at: ['recordings', index] }),
    );
  const found: string[] = [];
  for (const { pattern, at } of listed) {
    const files = findFiles(pattern, folder);
    if (files.length === 0) {
      const near = isPattern(pattern)
        ? []
        : similarFiles(resolve(folder, pattern)).map((file) => relative(folder, file));
      say(
        'no-such-file',
        isPattern(pattern)
          ? `No recording fits "${pattern}"`
          : `There is no recording "${shown(resolve(folder, pattern), cwd)}"`,
        at,
        near,
      );
    }
    for (const file of files) {
      if (isFolder(file))
        say('no-such-file', `"${pattern}" is a folder, want a recording`, at, [`${pattern}/*.seccam`]);
      else if (!found.includes(file)) found.push(file);
    }
  }
  return found;
}

function similarFiles(path: string): string[] {
  const folder = dirname(path);
  if (!exists(folder)) return [];
  const names = findFiles('*.seccam', folder);
  return nearest(
    path.slice(folder.length + 1),
    names.map((name) => name.slice(folder.length + 1)),
    1,
  ).map((name) => join(folder, name));
}

function contextOf(entry: TestEntry, file: TestFile, project: Project, say: Say): ContextEntry {
  let base: ContextEntry = {};
  if (typeof entry.context === 'string') {
    const known = project.config.contexts ?? {};
    const found = known[entry.context];
    if (found === undefined)
      say(
        'unknown-context',
        `No context is called "${entry.context}"`,
        ['context'],
        nearest(entry.context, Object.keys(known)),
      );
    else base = found;
  } else if (entry.context !== undefined) base = entry.context;
  return { ...base, set: { ...base.set, ...file.set, ...entry.set } };
}

/** Where the recording of a `run:` is pinned: by test file and name. */
export function pinnedPath(test: TestCase, project: Project): string {
  const stem = relative(project.root, test.absolute)
    .replace(/\.test\.ya?ml$/, '')
    .replaceAll('..', '_');
  return join(recordingsFolder(project), 'pinned', stem, `${slug(test.name)}.seccam`);
}

/** A name of a file made of a sentence; what it loses but punctuation is told apart by a hash. */
export function slug(text: string): string {
  const words = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const whole = words !== '' && words.length <= 80 && !/[^\0-\x7f]/.test(text);
  return whole ? words : `${words.slice(0, 70).replace(/-+$/, '') || 'test'}-${digest(text).slice(0, 8)}`;
}
