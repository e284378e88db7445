/** Which tests are run: by place, name, rule, last answer, change, and shard. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { workbenchCodes } from './codes.js';
import { exists, findFiles, fits, isFolder, isPattern, pathPattern, walk } from './glob.js';
import type { LastRun } from './lastrun.js';
import { type Project, shown, testFiles } from './project.js';
import type { TestOptions } from './results.js';
import { slug, type TestCase } from './suite.js';

export interface Place {
  /** Absolute. */
  readonly file: string;
  readonly line: number | undefined;
}

/** Files named by `PATH` and `PATH:LINE`, in order, each once; without any, those of the project. */
export function places(options: TestOptions, project: Project): Place[] {
  const cwd = options.cwd ?? process.cwd();
  if (options.paths === undefined || options.paths.length === 0) {
    const files = testFiles(project);
    if (files.length === 0) {
      throw new DiagnosticError([
        diagnostic(
          workbenchCodes,
          'no-tests',
          `No test file fits ${(project.config.tests ?? ['tests/**/*.test.yaml']).map((item) => `"${item}"`).join(', ')} in "${shown(project.root, cwd)}"`,
          { suggestions: ['seccam new test', 'seccam test PATH'] },
        ),
      ]);
    }
    return files.map((file) => ({ file, line: undefined }));
  }
  const found: Place[] = [];
  for (const text of options.paths) {
    const split = /^(.*?):(\d+)(?::\d+)?$/.exec(text);
    const path = split !== null && !exists(resolve(cwd, text)) ? split[1]! : text;
    const line = path === text ? undefined : Number(split![2]);
    const whole = resolve(cwd, path);
    const lines = line !== undefined && exists(whole) && !isFolder(whole) ? linesOf(whole) : undefined;
    if (line !== undefined && (isFolder(whole) || (lines !== undefined && (line < 1 || line > lines))))
      throw new DiagnosticError([
        diagnostic(
          workbenchCodes,
          'bad-value',
          lines === undefined
            ? `"${path}" is a folder, which has no line ${line}`
            : `"${path}" has ${lines} lines, and no line ${line}`,
          { suggestions: [`seccam test ${path}`] },
        ),
      ]);
    if (isFolder(whole))
      found.push(
        ...walk(whole)
          .filter((file) => /\.test\.ya?ml$/.test(file))
          .map((file) => ({ file, line: undefined })),
      );
    else if (exists(whole)) found.push({ file: whole, line });
    else if (isPattern(path)) found.push(...findFiles(path, cwd).map((file) => ({ file, line })));
    else throw new DiagnosticError([diagnostic(workbenchCodes, 'no-such-file', `There is no "${path}"`)]);
  }
  if (found.length === 0)
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'no-tests',
        `No test file is in ${options.paths.map((item) => `"${item}"`).join(', ')}`,
      ),
    ]);
  return found.filter(
    (place, index) =>
      found.findIndex((other) => other.file === place.file && other.line === place.line) === index,
  );
}

/** Lines of a file; what comes after the last newline is one only when there is something. */
const linesOf = (file: string): number => readFileSync(file, 'utf8').replace(/\n$/, '').split('\n').length;

export function select(
  cases: readonly TestCase[],
  wanted: readonly Place[],
  options: TestOptions,
  last: LastRun | undefined,
): TestCase[] {
  let chosen = cases.filter((test) =>
    wanted.some(
      (place) => place.file === test.absolute && (place.line === undefined || isAt(test, place.line, cases)),
    ),
  );
  const { names, ruleIds } = options;
  if (names !== undefined && names.length > 0)
    chosen = chosen.filter((test) => names.some((name) => nameFits(name, test.name)));
  if (ruleIds !== undefined && ruleIds.length > 0) {
    chosen = chosen.filter((test) =>
      rulesNamed(test).some((rule) =>
        ruleIds.some((wantedRule) => fits(wantedRule, rule) || fits(rule, wantedRule)),
      ),
    );
  }
  if (options.failed === true)
    chosen = last === undefined ? chosen : chosen.filter((test) => last.failed(test));
  if (options.changed !== undefined) {
    const changed = changedFiles(options.changed, options.cwd ?? process.cwd());
    chosen = chosen.filter((test) => dependsOn(test, changed, options.cwd ?? process.cwd()));
  }
  if (options.changedFiles !== undefined) {
    const changed = new Set(options.changedFiles);
    chosen = chosen.filter((test) => dependsOn(test, changed, options.cwd ?? process.cwd()));
  }
  if (options.shard !== undefined) {
    const { index, count } = options.shard;
    chosen = chosen.filter((_, position) => position % count === index - 1);
  }
  return chosen;
}

/** Every rule or pattern that the test says something about. */
export function rulesNamed(test: TestCase): string[] {
  const { entry } = test;
  return [
    ...(entry.expect ?? []).map((item) => (typeof item === 'string' ? item : item.rule)),
    ...(entry.never ?? []),
    ...(entry.order ?? []),
    ...(typeof entry.at_most === 'object' ? Object.keys(entry.at_most.rules ?? {}) : []),
  ];
}

function nameFits(name: string, test: string): boolean {
  const expression = /^\/(.+)\/(i?)$/.exec(name);
  if (expression === null) return test.includes(name);
  try {
    return new RegExp(expression[1]!, expression[2]).test(test);
  } catch (error) {
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'bad-value',
        `${name} is no regular expression: ${(error as Error).message}`,
      ),
    ]);
  }
}

/** A line belongs to the last test that begins at or above it. */
function isAt(test: TestCase, line: number, cases: readonly TestCase[]): boolean {
  const starts = [
    ...new Set(
      cases
        .filter((other) => other.absolute === test.absolute)
        .map((other) => other.document.span(other.path).start.line),
    ),
  ];
  const own = test.document.span(test.path).start.line;
  const at = Math.max(...starts.filter((start) => start <= line));
  return own === (Number.isFinite(at) ? at : Math.min(...starts));
}

/** Absolute paths that differ from a revision, files that git does not know included. */
export function changedFiles(revision: string, cwd: string): ReadonlySet<string> {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const top = git('rev-parse', '--show-toplevel').trim();
    git('rev-parse', '--verify', '--quiet', `${revision}^{commit}`);
    const names = [
      ...git('diff', '--name-only', '-z', revision, '--').split('\0'),
      ...git('ls-files', '--others', '--exclude-standard', '-z', '--full-name', top).split('\0'),
    ];
    return new Set(names.filter((name) => name !== '').map((name) => resolve(top, name)));
  } catch {
    throw new DiagnosticError([
      diagnostic(workbenchCodes, 'unknown-revision', `Git knows no revision "${revision}" here`),
    ]);
  }
}

function dependsOn(test: TestCase, changed: ReadonlySet<string>, cwd: string): boolean {
  if (changed.has(test.absolute)) return true;
  const wanted = recordingsWanted(test);
  const rules = test.rules.paths.map((path) => resolve(cwd, path));
  for (const file of changed) {
    if (wanted(file)) return true;
    if (/(^|\/)seccam\.yaml$/.test(file) && test.absolute.startsWith(dirname(file))) return true;
    if (rules.some((path) => file === path || file.startsWith(`${path}/`))) return true;
  }
  return false;
}

/** Tells recordings that the test asks for, also those that are not there any more. */
function recordingsWanted({ entry, absolute, name }: TestCase): (file: string) => boolean {
  const asked = [entry.recording ?? [], entry.recordings ?? []]
    .flat()
    .map((one) => resolve(dirname(absolute), one));
  const patterns = asked.map((path) => (isPattern(path) ? pathPattern(path) : undefined));
  return (file) =>
    asked.includes(file) ||
    patterns.some((pattern) => pattern?.test(file) === true) ||
    (entry.run !== undefined && file.includes('/pinned/') && file.endsWith(`/${slug(name)}.seccam`));
}
