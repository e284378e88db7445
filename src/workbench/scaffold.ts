/** Writes what one would rather not type: a project, a rule, a test, from nothing or from a recording. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { makeFolder } from '../support/folder.js';
import { packageRoot, packageVersion } from '../support/package.js';
import { workbenchCodes } from './codes.js';
import { candidateExpressions, detectionsOf, type FoundDetection } from './found.js';
import { findProject, projectFileName, projectOf, rulesOrigin, shown } from './project.js';
import { existing } from './recordings.js';
import type { CommonOptions, ScaffoldResult } from './results.js';
import { RuleSets } from './ruleset.js';
import { slug } from './suite.js';

export interface InitOptions {
  readonly cwd?: string;
  /** Which CI file to write; default the one whose folder or file is there, else `github`. */
  readonly ci?: 'github' | 'gitlab' | 'none';
}

export interface NewOptions extends CommonOptions {
  readonly from?: string;
  /** The event that it is about. */
  readonly at?: number;
  /** Id of the rule, or sentence of the test. */
  readonly name?: string;
  readonly output?: string;
}

const projectText = `# yaml-language-server: $schema=./node_modules/seccam/schema/project.json
version: 1
rules: [rules]
tests: ["tests/**/*.test.yaml"]
recordings: {folder: recordings}
`;

const policyText = `version: "1.0.0"

rules:
  - id: key_read_below_web_server
    description: A process below a web server opened a private key
    expression: |
      open.file.path in [~"/home/*/.ssh/id_*", ~"/root/.ssh/id_*"]
      && process.ancestors.file.name in ["nginx", "httpd", "apache2"]
`;

const testText = `# yaml-language-server: $schema=../node_modules/seccam/schema/test.json
version: 1

tests:
  - name: a process below the web server reads a key
    events:
      - type: open
        process: {file.path: /usr/bin/cat, uid: 33, ancestors: [{file.path: /bin/sh}, {file.path: /usr/sbin/nginx}]}
        fields: {open.file.path: /home/www/.ssh/id_ed25519}
    expect: [key_read_below_web_server]

  - name: a user reads a key of his own
    events:
      - type: open
        process: {file.path: /usr/bin/ssh, uid: 1000, ancestors: [{file.path: /bin/bash}]}
        fields: {open.file.path: /home/me/.ssh/id_ed25519}
    never: [key_read_below_web_server]
`;

const attributes = ['*.seccam binary diff=seccam'];
const attributesNote =
  '# Once per clone, so that "git diff" shows events: git config diff.seccam.textconv "npx seccam inspect --events --normalise"';

/** Template of packaging/ci → where it goes in a project. */
const pipelines = {
  github: { template: 'github-workflow.yml', path: '.github/workflows/seccam.yml' },
  gitlab: { template: 'gitlab.yml', path: '.gitlab-ci.yml' },
} as const;

/** The shipped pipeline; without a lock file, which `npm ci` demands, this version is installed by name. */
function pipelineText(template: string, cwd: string): string {
  const text = readFileSync(join(packageRoot(), 'packaging/ci', template), 'utf8').replace(/^#.*\n/, '');
  const locked = ['package-lock.json', 'npm-shrinkwrap.json'].some((name) => existsSync(join(cwd, name)));
  return locked ? text : text.replace('npm ci', `npm install --no-save seccam@${packageVersion()}`);
}

/** Never overwrites: a file that is there is left alone and said to be. */
export async function init(options: InitOptions = {}): Promise<ScaffoldResult> {
  const cwd = options.cwd ?? process.cwd();
  const files: ScaffoldResult['files'][number][] = [];
  const write = (path: string, text: string): void => {
    const whole = join(cwd, path);
    if (existsSync(whole)) return void files.push({ path, state: 'existed' });
    makeFolder(dirname(whole));
    writeFileSync(whole, text);
    files.push({ path, state: 'written' });
  };
  write(projectFileName, projectText);
  write('rules/web.policy', policyText);
  write('tests/web.test.yaml', testText);
  files.push({
    path: '.gitattributes',
    state: addLines(join(cwd, '.gitattributes'), [attributesNote, ...attributes]),
  });
  const ci = options.ci ?? (existsSync(join(cwd, '.gitlab-ci.yml')) ? 'gitlab' : 'github');
  if (ci !== 'none') write(pipelines[ci].path, pipelineText(pipelines[ci].template, cwd));
  return {
    files,
    next: ['seccam test', 'seccam record -- COMMAND', 'seccam new test --from recordings/COMMAND.seccam'],
    diagnostics: [],
  };
}

function addLines(path: string, lines: readonly string[]): 'written' | 'existed' | 'changed' {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const missing = lines.filter((line) => before === undefined || !before.split('\n').includes(line));
  if (missing.length === 0) return 'existed';
  const gap = before === undefined || before === '' || before.endsWith('\n') ? '' : '\n';
  writeFileSync(path, `${before ?? ''}${gap}${missing.join('\n')}\n`);
  return before === undefined ? 'written' : 'changed';
}

/** `new test story.seccam`: a name that is a recording was meant as one. */
function refuseRecording(
  verb: string,
  name: string | undefined,
  from: string | undefined,
  cwd: string,
): void {
  if (name === undefined || from !== undefined || !/\.seccam$/.test(name)) return;
  if (!existsSync(resolve(cwd, name))) return;
  throw new DiagnosticError([
    diagnostic(workbenchCodes, 'bad-value', `"${name}" is a recording, and a name is wanted here`, {
      suggestions: [`seccam new ${verb} --from ${name}`],
    }),
  ]);
}

/** A test of the detections that a recording fires now, or a template. */
export async function newTest(options: NewOptions = {}): Promise<ScaffoldResult> {
  const cwd = options.cwd ?? process.cwd();
  refuseRecording('test', options.name, options.from, cwd);
  const project = projectOf({ cwd });
  const stem =
    options.from === undefined
      ? slug(options.name ?? 'new')
      : basename(options.from).replace(/\.seccam$/, '');
  const output = resolve(cwd, options.output ?? join(shown(project.root, cwd), 'tests', `${stem}.test.yaml`));
  const path = shown(output, cwd);
  if (existsSync(output)) throw exists(path);
  const diagnostics: Diagnostic[] = [];
  let body: Record<string, unknown>;
  if (options.from === undefined)
    body = { name: options.name ?? 'what holds, as a sentence', todo: 'record it: seccam record -- COMMAND' };
  else {
    const recording = existing(options.from, cwd);
    const inUse = new RuleSets(cwd).load(rulesOrigin(options, project).paths);
    diagnostics.push(...inUse.diagnostics);
    const found = await detectionsOf(recording, inUse, {
      cwd,
      at: options.at,
      allResults: options.allResults === true,
    });
    body = {
      name:
        options.name ??
        (found.length === 0
          ? `nothing fires on ${stem}`
          : `${[...new Set(found.map((one) => one.rule))].join(', ').replaceAll('_', ' ')} on ${stem}`),
      recording: relative(dirname(output), resolve(cwd, recording)),
      ...expectationsOf(found, options.at !== undefined),
    };
  }
  const rules =
    options.rules === undefined || options.rules.length === 0
      ? {}
      : { rules: options.rules.map((rule) => relative(dirname(output), resolve(cwd, rule))) };
  const schema = relative(dirname(output), join(project.root, 'node_modules/seccam/schema/test.json'));
  makeFolder(dirname(output));
  writeFileSync(
    output,
    `# yaml-language-server: $schema=${schema}\n${stringify({ version: 1, ...rules, tests: [body] }, { lineWidth: 0 }).replace('\ntests:', '\n\ntests:')}`,
  );
  return { files: [{ path, state: 'written' }], next: [`seccam test ${path}`], diagnostics };
}

/** Counts as they are now, a condition for each rule that fired once, first matches in order, and nothing else. */
function expectationsOf(found: readonly FoundDetection[], one: boolean): Record<string, unknown> {
  if (found.length === 0) return { at_most: 0 };
  const rules = [...new Set(found.map((detection) => detection.rule))];
  const expect = rules.map((rule) => {
    const hits = found.filter((detection) => detection.rule === rule);
    const where = commonCondition(hits);
    return { rule, times: one ? '1..' : hits.length, ...(where === '' ? {} : { where }) };
  });
  const firsts = rules.map((rule) => found.find((detection) => detection.rule === rule)!.seq);
  const ordered = rules.length > 1 && new Set(firsts).size === rules.length && !one;
  return { expect, ...(ordered ? { order: rules } : {}), ...(one ? {} : { others: 'forbid' }) };
}

/** What holds at every one of the detections. */
function commonCondition(hits: readonly FoundDetection[]): string {
  const [first, ...rest] = hits;
  return (first?.conditions ?? [])
    .filter((condition) => rest.every((hit) => hit.conditions.includes(condition)))
    .join(' && ');
}

/** A rule for an event of a recording, with candidates from the most specific on, or a template. */
export async function newRule(options: NewOptions = {}): Promise<ScaffoldResult> {
  const cwd = options.cwd ?? process.cwd();
  refuseRecording('rule', options.name, options.from, cwd);
  const project = findProject(cwd);
  const id = (options.name ?? 'new_rule').replace(/\W+/g, '_').replace(/^(\d)/, '_$1');
  const output = resolve(
    cwd,
    options.output ?? join(shown(project.root, cwd), project.config.rules?.[0] ?? 'rules', `${id}.policy`),
  );
  const path = shown(output, cwd);
  if (existsSync(output)) throw exists(path);
  let expression = 'exec.file.name == "program"';
  let candidates: { expression: string; matches: number }[] = [];
  if (options.from !== undefined) {
    candidates = await candidateExpressions(existing(options.from, cwd), {
      cwd,
      at: options.at,
      allResults: options.allResults === true,
    });
    expression = candidates[0]?.expression ?? expression;
  }
  const others = candidates
    .slice(1)
    .map(
      (candidate) => `    # ${String(candidate.matches).padStart(6)} events here: ${candidate.expression}\n`,
    );
  const text = `version: "1.0.0"\n\nrules:\n  - id: ${id}\n    description: ""\n    expression: ${JSON.stringify(expression).includes('\\') ? `'${expression.replaceAll("'", "''")}'` : expression}\n${others.join('')}`;
  makeFolder(dirname(output));
  writeFileSync(output, text);
  return {
    files: [{ path, state: 'written' }],
    next: [
      `seccam check ${path}`,
      ...(options.from === undefined
        ? []
        : [`seccam replay ${options.from} -r ${path}`, `seccam new test --from ${options.from}`]),
    ],
    ...(candidates.length === 0 ? {} : { candidates }),
    diagnostics: [],
  };
}

function exists(path: string): DiagnosticError {
  return new DiagnosticError([
    diagnostic(workbenchCodes, 'file-exists', `"${path}" exists, and nothing was written`, {
      suggestions: ['--output FILE'],
    }),
  ]);
}
