/** One policy file: found, read, and known for what it is. */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { ruleCodes } from './codes.js';
import { readDocument, type Section, type Text } from './document.js';
import type { LineIndex } from './placement.js';
import { policyShape } from './shape.js';

/** A policy's text under the name that diagnostics show. */
export interface PolicySource {
  readonly file: string;
  readonly text: string;
}

/** A macro as it stands, before definitions are combined. */
export interface MacroDefinition {
  readonly id: Text;
  readonly policy: Policy;
  readonly section: Section;
  readonly description: string;
  readonly expression: Text | undefined;
  readonly values: readonly Text[];
  readonly combine: 'merge' | 'override' | undefined;
}

/** A rule as it stands, before definitions are combined. */
export interface RuleDefinition {
  readonly id: Text;
  readonly policy: Policy;
  /** Where it was last defined, then the definition that gave each part. */
  readonly section: Section;
  readonly expression: Text | undefined;
  readonly description: string;
  readonly version: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly productTags: readonly string[];
  readonly actions: readonly Section[];
  readonly every: number | undefined;
  readonly everySpan: Span | undefined;
  readonly limiterToken: readonly Text[];
  readonly silent: boolean;
  readonly groupId: string | undefined;
  readonly priority: number;
  readonly disabled: boolean;
  readonly combine: 'override' | undefined;
  readonly overrideFields: readonly string[];
}

export interface Policy {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly version: string | undefined;
  readonly type: string;
  readonly replaces: Text | undefined;
  readonly root: Section;
  readonly lines: LineIndex;
  readonly macros: readonly MacroDefinition[];
  readonly rules: readonly RuleDefinition[];
}

/** Ends of file names that a folder gives. */
const endings = ['.policy', '.policy.yaml', '.policy.yml'];

/**
 * Lists the policies under paths: a file as it is, a folder with all below it, `default.policy` first and the
 * rest by name. Errors: `rules-not-found`, `not-a-policy` (a folder without policies gives nothing).
 */
export function findPolicies(paths: readonly string[]): {
  readonly sources: PolicySource[];
  readonly diagnostics: Diagnostic[];
} {
  const sources: PolicySource[] = [];
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<string>();
  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readText(file);
    if (typeof text === 'string') sources.push({ file, text });
    else diagnostics.push(text);
  };
  for (const path of paths) {
    const kind = kindOf(path);
    if (kind === 'folder') for (const file of folder(path, diagnostics)) add(file);
    else if (kind === 'file') add(path);
    else {
      diagnostics.push(
        diagnostic(ruleCodes, 'rules-not-found', `there are no rules at "${path}": ${kind}`, {
          suggestions: ['name a policy file, or a folder that holds *.policy files'],
        }),
      );
    }
  }
  return { sources, diagnostics };
}

function kindOf(path: string): string {
  try {
    const facts = statSync(path);
    return facts.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    return reason(error);
  }
}

function reason(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return code ?? 'it cannot be read';
}

function folder(path: string, diagnostics: Diagnostic[]): string[] {
  const found: string[] = [];
  const walk = (at: string, inside: string): void => {
    let entries: import('node:fs').Dirent[];
    try {
      entries = readdirSync(at, { withFileTypes: true });
    } catch (error) {
      diagnostics.push(
        diagnostic(ruleCodes, 'rules-not-found', `the folder "${at}" cannot be read: ${reason(error)}`),
      );
      return;
    }
    for (const entry of entries) {
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.'))
        walk(join(at, entry.name), name);
      else if (endings.some((ending) => entry.name.endsWith(ending)) && !entry.isDirectory())
        found.push(name);
    }
  };
  walk(path, '');
  const rank = (name: string): number => (basename(name) === 'default.policy' ? 0 : 1);
  found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
  return found.map((name) => join(path, name));
}

function readText(file: string): string | Diagnostic {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    return diagnostic(ruleCodes, 'rules-not-found', `"${file}" cannot be read: ${reason(error)}`);
  }
  if (file.endsWith('.seccam') || bytes.subarray(1, 7).toString('latin1') === 'SECCAM')
    return notPolicy(file, 'a recording', `seccam replay ${file} -r RULES`);
  if (bytes.subarray(0, 512).includes(0))
    return notPolicy(file, 'a binary file', 'name a policy file, or a folder that holds *.policy files');
  if (!isUtf8(bytes)) return notUtf8(file, bytes);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

/** YAML is UTF-8: another byte would be read as another text than the one that was meant. */
function notUtf8(file: string, bytes: Buffer): Diagnostic {
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const next = bytes.indexOf(10, from) + 1 || bytes.length;
    if (!isUtf8(bytes.subarray(from, next))) break;
    from = next;
  }
  return diagnostic(ruleCodes, 'yaml-syntax', `"${file}" is not UTF-8 at line ${line}`, {
    suggestions: ['save the file as UTF-8'],
  });
}

function notPolicy(file: string, what: string, verb: string | undefined, span?: Span): Diagnostic {
  return diagnostic(ruleCodes, 'not-a-policy', `"${file}" is ${what}, not a policy`, {
    ...(span === undefined ? {} : { span }),
    suggestions: verb === undefined ? ['a policy is a YAML mapping with `rules:` or `macros:`'] : [verb],
  });
}

/** Reads one policy; what is wrong in it is reported and left out. */
export function readPolicy(source: PolicySource): {
  readonly policy: Policy | undefined;
  readonly diagnostics: Diagnostic[];
} {
  const { file, text } = source;
  const read = readDocument(file, text, policyShape);
  const diagnostics: Diagnostic[] = [...read.diagnostics];
  const start = read.lines.span(0, 0);
  if (read.root === undefined) {
    if (diagnostics.length === 0) {
      const what =
        text.trim() === '' || /^(\s*#[^\n]*\n?|---)*\s*$/.test(text)
          ? 'empty'
          : /^(\s*#[^\n]*\n|---)*\s*(- |\[)/.test(text)
            ? 'a list'
            : 'a text without keys';
      const isFalco = what === 'a list' && /^\s*- (?:rule|macro|list|required_engine_version):/m.test(text);
      diagnostics.push(
        isFalco
          ? notPolicy(
              file,
              'a list of Falco rules',
              'write their conditions in SECL: docs/language.md',
              start,
            )
          : notPolicy(file, what, undefined, start),
      );
    }
    return { policy: undefined, diagnostics };
  }
  const foreign = foreignKind(file, read.topKeys);
  if (foreign !== undefined)
    return { policy: undefined, diagnostics: [notPolicy(file, foreign.what, foreign.verb, start)] };
  if (read.root.has('hooks')) {
    diagnostics.push(
      diagnostic(ruleCodes, 'hooks-not-loaded', 'on-demand hooks are not loaded: they need eBPF', {
        span: read.root.keySpan('hooks'),
      }),
    );
  }
  const macros: MacroDefinition[] = [];
  const rules: RuleDefinition[] = [];
  const policy: Policy = {
    name: basename(file),
    file,
    text,
    version: read.root.string('version'),
    type: read.root.string('type') ?? 'policy',
    replaces: read.root.text('replace_policy_id'),
    root: read.root,
    lines: read.lines,
    macros,
    rules,
  };
  for (const section of read.root.items('macros')) {
    const id = identifier(section, 'macro', diagnostics);
    if (id !== undefined) macros.push(macroDefinition(id, policy, section));
  }
  for (const section of read.root.items('rules')) {
    const id = identifier(section, 'rule', diagnostics);
    if (id !== undefined) rules.push(ruleDefinition(id, policy, section));
  }
  return { policy, diagnostics };
}

/** Recognises the other kinds of file by their keys, and names the verb that takes them. */
function foreignKind(
  file: string,
  keys: readonly string[],
): { what: string; verb: string | undefined } | undefined {
  const has = (...names: string[]): boolean => names.some((name) => keys.includes(name));
  if (file.endsWith('.snap.yaml') || (has('detections') && !has('rules', 'macros')))
    return { what: 'a snapshot of a test', verb: `seccam test ${file.replace(/\.snap\.yaml$/, '.yaml')}` };
  if (has('tests')) {
    // The project file lists globs of tests; a test file holds the tests themselves.
    if (
      has('packs', 'contexts', 'recordings', 'check', 'snapshot', 'test', 'requires') ||
      basename(file).startsWith('seccam.y')
    )
      return { what: 'a project file', verb: `seccam check ${file}` };
    return { what: 'a test file', verb: `seccam test ${file}` };
  }
  if (has('requires', 'contexts', 'packs', 'recordings'))
    return { what: 'a project file', verb: `seccam check ${file}` };
  if (has('schema') && !has('rules')) return { what: 'a result of seccam', verb: undefined };
  if (!has('rules', 'macros', 'hooks', 'replace_policy_id')) {
    if (has('version') && keys.length === 1) return undefined;
    return { what: 'a YAML file without `rules:` or `macros:`', verb: undefined };
  }
  return undefined;
}

/** A digit may come first: published policies have such ids. */
const idPattern = /^[a-zA-Z0-9_]+$/;

/** Whether a rule or macro of that id can load. */
export function isIdentifier(id: string): boolean {
  return idPattern.test(id);
}

function identifier(section: Section, kind: string, diagnostics: Diagnostic[]): Text | undefined {
  const id = section.text('id');
  if (id === undefined || id.text === '') {
    if (id === undefined && section.has('id')) return undefined;
    const expression = section.string('expression');
    diagnostics.push(
      diagnostic(
        ruleCodes,
        'missing-id',
        `a ${kind} has no "id"${expression === undefined ? '' : `: the one with the expression \`${expression.length > 50 ? `${expression.slice(0, 47)}…` : expression}\``}`,
        { span: section.span },
      ),
    );
    return undefined;
  }
  if (!idPattern.test(id.text)) {
    const better = id.text.replace(/[^a-zA-Z0-9_]/g, '_');
    diagnostics.push(
      diagnostic(
        ruleCodes,
        'wrong-id',
        `the ID "${id.text}" does not match the pattern \`^[a-zA-Z0-9_]*$\``,
        {
          span: id.span,
          suggestions: [{ text: `id: ${better}`, span: id.span, replacement: better }],
        },
      ),
    );
    // Read on, so that all errors of the item come at once; the loader leaves it out.
    return id;
  }
  return id;
}

function macroDefinition(id: Text, policy: Policy, section: Section): MacroDefinition {
  return {
    id,
    policy,
    section,
    description: section.string('description') ?? '',
    expression: filled(section.text('expression')),
    values: section.texts('values'),
    combine: section.string('combine') as 'merge' | 'override' | undefined,
  };
}

function ruleDefinition(id: Text, policy: Policy, section: Section): RuleDefinition {
  return {
    id,
    policy,
    section,
    expression: filled(section.text('expression')),
    description: section.string('description') ?? '',
    version: section.string('version'),
    tags: section.map('tags'),
    productTags: section.texts('product_tags').map((item) => item.text),
    actions: section.items('actions'),
    every: section.number('every'),
    everySpan: section.has('every') ? section.valueSpan('every') : undefined,
    limiterToken: section.texts('limiter_token'),
    silent: section.flag('silent'),
    groupId: section.string('group_id'),
    priority: section.number('priority') ?? 0,
    disabled: section.flag('disabled'),
    combine: section.string('combine') as 'override' | undefined,
    overrideFields:
      section
        .section('override_options')
        ?.texts('fields')
        .map((item) => item.text) ?? [],
  };
}

function filled(text: Text | undefined): Text | undefined {
  return text === undefined || text.text.trim() === '' ? undefined : text;
}
