/** Everything that is wrong with policies, tests and the project file, without running anything. */
import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { findPolicies } from '../rules/index.js';
import { applyFixes, lintRules } from '../rules/lint/index.js';
import {
  type Diagnostic,
  DiagnosticError,
  diagnostic,
  type Severity,
  sortDiagnostics,
} from '../support/diagnostic.js';
import { workbenchCodes } from './codes.js';
import { checkCase } from './conditions.js';
import { checkContext } from './declared.js';
import { exists, findFiles, isFolder, isPattern, walk } from './glob.js';
import {
  findProject,
  type Project,
  projectFileName,
  readProject,
  recordingsFolder,
  rulesOrigin,
  shown,
  testFiles,
} from './project.js';
import { parseSize } from './range.js';
import type { CheckOptions, CheckSummary } from './results.js';
import { RuleSets } from './ruleset.js';
import { pinnedPath, readSuite, type Suite } from './suite.js';

type Kind = CheckSummary['files'][number]['kind'];

interface Work {
  /** As the user would type them. */
  readonly policies: string[];
  /** Absolute. */
  readonly tests: string[];
  readonly projects: string[];
  readonly others: { readonly file: string; readonly kind: Kind }[];
  /** Everything of the project was asked for: what is unused can be told. */
  readonly whole: boolean;
}

export async function check(options: CheckOptions = {}): Promise<CheckSummary> {
  const cwd = options.cwd ?? process.cwd();
  let found = look(options, cwd);
  let fixed = 0;
  // A fix may uncover the next, and of fixes that overlap only the first is made.
  for (let round = 0; options.fix === true && round < 8; round++) {
    const mended = mend(found.diagnostics, cwd);
    if (mended === 0) break;
    fixed += mended;
    found = look(options, cwd);
  }
  const errors = found.diagnostics.some((item) => item.severity === 'error');
  return { schema: 'seccam/check@1', ...found, fixed, answer: errors ? 1 : 0 };
}

function look(options: CheckOptions, cwd: string): Omit<CheckSummary, 'schema' | 'fixed' | 'answer'> {
  const project = findProject(cwd);
  const work = sort(options, cwd, project);
  const files: { file: string; kind: Kind }[] = [...work.others];
  const diagnostics: Diagnostic[] = [];
  for (const file of work.projects) {
    const read = readProject(resolve(cwd, file), cwd);
    files.push({ file, kind: 'project' });
    diagnostics.push(...read.diagnostics, ...projectMistakes(read));
  }
  const sets = new RuleSets(cwd);
  let rules = 0;
  if (work.policies.length > 0) {
    const inUse = sets.load(work.policies);
    rules = inUse.rules.rules.length;
    diagnostics.push(...inUse.diagnostics, ...lintRules(inUse.rules));
    for (const file of inUse.sources.keys()) files.push({ file: shown(file, cwd), kind: 'policy' });
  }
  const suite = readSuite({ cwd, project, files: work.tests, rules: options.rules, ci: false });
  for (const file of suite.files) files.push({ file, kind: 'test' });
  diagnostics.push(...suite.diagnostics);
  const told = new Set<string>();
  for (const test of suite.cases) {
    const inUse = sets.load(test.rules.paths);
    for (const item of [...inUse.diagnostics, ...checkCase(test, inUse)]) {
      // The same rules are loaded by many tests, and a matrix makes many tests of one.
      const key = `${item.code} ${item.message} ${item.span?.file} ${item.span?.start.offset}`;
      if (told.has(key)) continue;
      told.add(key);
      if (
        !diagnostics.some(
          (known) =>
            known.code === item.code &&
            known.message === item.message &&
            known.span?.start.offset === item.span?.start.offset,
        )
      )
        diagnostics.push(item);
    }
  }
  if (work.whole) diagnostics.push(...recordingMistakes(project, suite, cwd));
  return {
    files: files.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0)),
    rules,
    tests: suite.cases.length,
    diagnostics: sortDiagnostics(levelled(diagnostics, project)),
  };
}

/** What each path is: by its name, and where that says nothing by what it holds. */
function sort(options: CheckOptions, cwd: string, project: Project): Work {
  const work: Work = {
    policies: [],
    tests: [],
    projects: [],
    others: [],
    whole: options.paths === undefined || options.paths.length === 0,
  };
  if (work.whole) {
    const origin = rulesOrigin(options, project);
    work.policies.push(...origin.paths);
    work.tests.push(...testFiles(project));
    if (project.file !== undefined) work.projects.push(shown(project.file, cwd));
    if (work.tests.length === 0 && work.projects.length === 0 && origin.from === 'starter') {
      throw new DiagnosticError([
        diagnostic(
          workbenchCodes,
          'no-such-file',
          'There is nothing to check here: no seccam.yaml, no tests, no rules',
          { suggestions: ['seccam init', 'seccam check PATH'] },
        ),
      ]);
    }
    return work;
  }
  const take = (absolute: string): void => {
    const name = basename(absolute);
    const file = shown(absolute, cwd);
    if (/\.snap\.ya?ml$/.test(name)) work.others.push({ file, kind: 'snapshot' });
    else if (/\.test\.ya?ml$/.test(name)) work.tests.push(absolute);
    else if (name === projectFileName) work.projects.push(file);
    else if (/\.seccam$/.test(name)) work.others.push({ file, kind: 'recording' });
    else if (looksLikeTest(absolute)) work.tests.push(absolute);
    else work.policies.push(file);
  };
  for (const path of options.paths ?? []) {
    const absolute = resolve(cwd, path);
    if (isFolder(absolute)) {
      const inside = walk(absolute);
      const policies = findPolicies([path]).sources;
      if (policies.length > 0) work.policies.push(path);
      for (const file of inside)
        if (/\.test\.ya?ml$|\.snap\.ya?ml$/.test(file) || basename(file) === projectFileName) take(file);
      if (
        policies.length === 0 &&
        !inside.some((file) => /\.test\.ya?ml$/.test(file) || basename(file) === projectFileName)
      ) {
        throw new DiagnosticError([
          diagnostic(
            workbenchCodes,
            'no-such-file',
            isReadable(absolute)
              ? `"${path}" holds no policy, test or project file`
              : `"${path}" cannot be read: permission denied`,
          ),
        ]);
      }
    } else if (exists(absolute)) take(absolute);
    else if (isPattern(path)) findFiles(path, cwd).forEach(take);
    else throw new DiagnosticError([diagnostic(workbenchCodes, 'no-such-file', `There is no "${path}"`)]);
  }
  return work;
}

function looksLikeTest(path: string): boolean {
  try {
    return /^tests:/m.test(readFileSync(path, 'utf8').slice(0, 65536));
  } catch {
    return false;
  }
}

function projectMistakes(project: Project): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const [name, context] of Object.entries(project.config.contexts ?? {})) {
    const span = project.document?.span(['contexts', name]);
    for (const item of checkContext(context)) found.push(span === undefined ? item : { ...item, span });
  }
  for (const [index, path] of (project.config.rules ?? []).entries()) {
    if (findFiles(path, project.root).length > 0) continue;
    const span = project.document?.span(['rules', index]);
    found.push(
      diagnostic(
        workbenchCodes,
        'no-such-file',
        `There are no rules "${path}"`,
        span === undefined ? {} : { span },
      ),
    );
  }
  return found;
}

/** Recordings that no test uses, and those that are large. */
function recordingMistakes(project: Project, suite: Suite, cwd: string): Diagnostic[] {
  const folder = recordingsFolder(project);
  if (project.file === undefined || !isFolder(folder)) return [];
  const used = new Set(
    suite.cases.flatMap((test) => [
      ...test.recordings,
      ...(test.entry.run === undefined ? [] : [pinnedPath(test, project)]),
    ]),
  );
  const limit = project.config.recordings?.max_size;
  const bytes = typeof limit === 'number' ? limit : parseSize(limit ?? '1MiB');
  const found: Diagnostic[] = [];
  for (const file of findFiles('**/*.seccam', folder)) {
    const name = shown(file, cwd);
    const { size } = statSync(file);
    if (bytes !== undefined && size > bytes) {
      found.push(
        diagnostic(workbenchCodes, 'large-recording', `"${name}" has ${size} bytes, want at most ${bytes}`, {
          suggestions: [`seccam recording trim ${name} --keep RULES`],
        }),
      );
    }
    if (!used.has(file))
      found.push(
        diagnostic(workbenchCodes, 'unused-recording', `No test uses "${name}"`, {
          suggestions: [`seccam new test --from ${name}`],
        }),
      );
  }
  return found;
}

/** Severities as `check.codes` of the project wants them. */
function levelled(diagnostics: readonly Diagnostic[], project: Project): Diagnostic[] {
  const levels = project.config.check?.codes ?? {};
  const severity: Readonly<Record<string, Severity>> = { error: 'error', warn: 'warning' };
  return diagnostics.flatMap((item) => {
    const level = levels[item.code];
    if (level === 'off') return [];
    return [level === undefined ? item : { ...item, severity: severity[level] ?? item.severity }];
  });
}

/** Writes the mechanical fixes of every file; gives how many there were. */
function mend(diagnostics: readonly Diagnostic[], cwd: string): number {
  const files = new Set(
    diagnostics.flatMap((item) =>
      item.suggestions.flatMap((one) =>
        one.span === undefined || one.replacement === undefined ? [] : [one.span.file],
      ),
    ),
  );
  let count = 0;
  for (const file of files) {
    const path = resolve(cwd, file);
    const { text, fixed } = applyFixes(file, readFileSync(path, 'utf8'), diagnostics);
    if (fixed.length === 0) continue;
    writeFileSync(path, text);
    count += fixed.length;
  }
  return count;
}

function isReadable(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
