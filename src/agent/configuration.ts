/**
 * Where the agent's settings come from: defaults, the file, `SECCAM_*` variables, flags; later ones win.
 * Every value remembers its origin, so that `agent config` can answer "why is it so?".
 */
import { readFileSync } from 'node:fs';
import { type Document, LineCounter, parseDocument } from 'yaml';
import type * as z from 'zod';
import { type Diagnostic, DiagnosticError, diagnostic, type Span, spanAt } from '../support/diagnostic.js';
import { didYouMean } from '../support/suggestion.js';
import { agentCodes } from './codes.js';
import { outputKeys, type Settings, settingsSchema } from './settings.js';

export const DEFAULT_FILE = '/etc/seccam/agent.yaml';

/** Values that flags gave, by path with dots (`flight.size`); undefined: the flag was not given. */
export type FlagValues = Readonly<
  Record<string, { readonly value: unknown; readonly flag: string } | undefined>
>;

export interface ConfigurationSources {
  /** `--config`; undefined: the default file when it exists; empty: none. */
  readonly file?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly flags?: FlagValues;
}

export interface ConfigurationEntry {
  /** `limits.buffer` */
  readonly name: string;
  readonly value: unknown;
  /** `default`, `FILE:LINE`, `SECCAM_LIMITS_BUFFER` or `--listen`. */
  readonly origin: string;
}

export interface Configuration {
  readonly settings: Settings;
  readonly entries: readonly ConfigurationEntry[];
  readonly file: string | undefined;
  /** Nothing is wrong, but somebody may have meant something else. */
  readonly warnings: readonly Diagnostic[];
}

/** Reads and checks all sources. Throws a `DiagnosticError` with everything that is wrong. */
export function readConfiguration(sources: ConfigurationSources = {}): Configuration {
  const read = readSettingsFile(sources.file);
  const origins = new Map<string, string>();
  const values: Record<string, unknown> = read === undefined ? {} : structuredClone(read.values);
  if (read !== undefined)
    for (const name of leafNames(values)) origins.set(name, `${read.file}:${read.line(name)}`);

  const environment = sources.environment ?? process.env;
  const diagnostics: Diagnostic[] = [];
  for (const [name, schema] of leafSchemas()) {
    const variable = variableOf(name);
    const text = environment[variable];
    if (text === undefined) continue;
    const value = fromText(text, schema);
    if (value === undefined) {
      diagnostics.push(
        diagnostic(
          agentCodes,
          'bad-configuration',
          `the variable ${variable} is "${text}": want ${wantOf(schema)}`,
        ),
      );
      continue;
    }
    place(values, name, value);
    origins.set(name, variable);
  }
  for (const [name, given] of Object.entries(sources.flags ?? {})) {
    if (given === undefined) continue;
    place(values, name, given.value);
    origins.set(name, given.flag);
  }

  const result = settingsSchema.safeParse(values);
  if (!result.success) {
    for (const issue of result.error.issues) diagnostics.push(...explainIssue(issue, values, origins, read));
  }
  if (!result.success || diagnostics.length > 0) throw new DiagnosticError(diagnostics);
  const entries = leafNames(result.data).map((name) => ({
    name,
    value: find(result.data, name),
    origin: originOf(name, origins),
  }));
  return { settings: result.data, entries, file: read?.file, warnings: misspelt(environment) };
}

/** Of the program itself and of its build. */
const otherVariables = new Set(['SECCAM_DEBUG', 'SECCAM_KEEP_CODE', 'SECCAM_TRACER', 'SECCAM_NATIVE']);

/** Variables whose names are nearly those of settings. */
function misspelt(environment: Readonly<Record<string, string | undefined>>): Diagnostic[] {
  const known = settingNames().map(variableOf);
  return Object.keys(environment)
    .filter((name) => name.startsWith('SECCAM_') && !known.includes(name) && !otherVariables.has(name))
    .flatMap((name) => {
      const hint = didYouMean(name, known);
      return hint === undefined
        ? []
        : [
            diagnostic(agentCodes, 'unknown-key', `no setting has the variable ${name}`, {
              severity: 'warning',
              suggestions: [hint],
            }),
          ];
    });
}

interface SettingsFile {
  readonly file: string;
  readonly values: Record<string, unknown>;
  line(name: string): number;
  span(path: readonly PropertyKey[]): Span | undefined;
}

function readSettingsFile(given: string | undefined): SettingsFile | undefined {
  if (given === '') return undefined;
  const file = given ?? DEFAULT_FILE;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (given === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'permission denied'
          : code === 'EISDIR'
            ? 'it is a folder'
            : String(code);
    throw new DiagnosticError([
      diagnostic(
        agentCodes,
        'configuration-unreadable',
        `the configuration "${file}" cannot be read: ${why}`,
      ),
    ]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new DiagnosticError(
      document.errors.map((error) =>
        diagnostic(
          agentCodes,
          'configuration-unreadable',
          `this is not YAML: ${error.message.split('\n')[0]}`,
          { span: spanAt(file, text, error.pos[0], error.pos[1]) },
        ),
      ),
    );
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value !== null && value !== undefined && (typeof value !== 'object' || Array.isArray(value))) {
    throw new DiagnosticError([
      diagnostic(
        agentCodes,
        'bad-configuration',
        `the configuration "${file}" is no mapping of names to values`,
      ),
    ]);
  }
  const span = (path: readonly PropertyKey[]): Span | undefined => {
    const range = rangeOf(document, path);
    return range === undefined ? undefined : spanAt(file, text, range[0], range[1]);
  };
  return {
    file,
    values: (value ?? {}) as Record<string, unknown>,
    span,
    line: (name) => span(name.split('.'))?.start.line ?? 1,
  };
}

/** Where the key of a path, or the nearest thing above it, stands. */
function rangeOf(document: Document, path: readonly PropertyKey[]): [number, number] | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown =
      document.getIn(path.slice(0, length - 1).map(String), true) ??
      (length === 1 ? document.contents : undefined);
    const key = String(path[length - 1]);
    const items =
      typeof parent === 'object' && parent !== null && 'items' in parent && Array.isArray(parent.items)
        ? (parent.items as unknown[])
        : [];
    for (const item of items) {
      if (typeof item !== 'object' || item === null || !('key' in item)) continue;
      const found = item.key as { value?: unknown; range?: [number, number, number] | null } | null;
      if (found !== null && String(found.value) === key && found.range)
        return [found.range[0], found.range[1]];
    }
    const item = items[Number(key)] as { range?: [number, number, number] | null } | undefined;
    if (item?.range) return [item.range[0], item.range[1]];
  }
  return undefined;
}

/** What an issue wants, as the end of a sentence. */
function wanted(issue: z.core.$ZodIssue): string {
  const quoted = (values: readonly unknown[]): string =>
    values.map((value) => JSON.stringify(value)).join(' or ');
  if (issue.code === 'invalid_value') return quoted(issue.values);
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'type') return quoted([...outputKeys.keys()]);
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    return issue.expected === 'array' ? 'a list' : issue.expected === 'object' ? 'a mapping' : issue.expected;
  if (issue.code === 'too_small') return `at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}`;
  return issue.message;
}

function explainIssue(
  issue: z.core.$ZodIssue,
  values: unknown,
  origins: ReadonlyMap<string, string>,
  read: SettingsFile | undefined,
): Diagnostic[] {
  const name = issue.path.map(String).join('.');
  const origin = originOf(name, origins);
  const inFile = read !== undefined && (origin === 'default' || origin.startsWith(`${read.file}:`));
  if (issue.code === 'unrecognized_keys') {
    const known =
      issue.path[0] === 'outputs' && issue.path.length === 2
        ? (outputKeys.get(String(find(values, `${name}.type`))) ?? [])
        : knownBelow(issue.path.map(String));
    return issue.keys.map((key) => {
      const hint = didYouMean(key, known);
      const span = read?.span([...issue.path, key]);
      return diagnostic(
        agentCodes,
        'unknown-key',
        `there is no setting "${[...issue.path.map(String), key].join('.')}"`,
        {
          ...(span === undefined ? {} : { span }),
          suggestions: hint === undefined ? [] : [hint],
        },
      );
    });
  }
  const span = inFile ? read.span(issue.path) : undefined;
  const where = inFile || origin === 'default' ? '' : ` (from ${origin})`;
  const value = find(values, name);
  return [
    diagnostic(
      agentCodes,
      'bad-configuration',
      value === undefined
        ? `"${name}" is missing${where}: want ${wanted(issue)}`
        : `"${name || 'the configuration'}"${where} is ${JSON.stringify(value)}: want ${wanted(issue)}`,
      span === undefined ? {} : { span },
    ),
  ];
}

function originOf(name: string, origins: ReadonlyMap<string, string>): string {
  for (let part = name; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
    const found = origins.get(part);
    if (found !== undefined) return found;
  }
  return 'default';
}

/** `limits.buffer` → `SECCAM_LIMITS_BUFFER`. */
export function variableOf(name: string): string {
  return `SECCAM_${name.replaceAll('.', '_').toUpperCase()}`;
}

type AnySchema = z.core.$ZodType;

interface SchemaShape {
  readonly type: string;
  readonly innerType?: AnySchema;
  readonly shape?: Readonly<Record<string, AnySchema>>;
  readonly element?: AnySchema;
  readonly options?: readonly AnySchema[];
}

function shapeOf(schema: AnySchema): SchemaShape {
  let shape = schema._zod.def as unknown as SchemaShape;
  while (shape.innerType !== undefined) shape = shape.innerType._zod.def as unknown as SchemaShape;
  return shape;
}

/** Every setting that is no group, by its path with dots. */
function leafSchemas(): [string, AnySchema][] {
  const list: [string, AnySchema][] = [];
  const walk = (prefix: string, schema: AnySchema): void => {
    const { shape } = shapeOf(schema);
    if (shape === undefined) list.push([prefix, schema]);
    else
      for (const [key, below] of Object.entries(shape)) walk(prefix === '' ? key : `${prefix}.${key}`, below);
  };
  walk('', settingsSchema);
  return list;
}

/** Names of the settings, for help and documentation. */
export function settingNames(): string[] {
  return leafSchemas().map(([name]) => name);
}

function knownBelow(path: readonly string[]): string[] {
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
  return [
    ...new Set(
      settingNames()
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length).split('.')[0]!),
    ),
  ];
}

/** The value of a variable's text as the setting's type wants it; undefined when it cannot be. */
function fromText(text: string, schema: AnySchema): unknown {
  const { type, element } = shapeOf(schema);
  if (type === 'boolean')
    return /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off|)$/i.test(text) ? false : undefined;
  if (type === 'number' || type === 'literal') return /^\d+$/.test(text) ? Number(text) : undefined;
  if (type === 'array') {
    if (element !== undefined && shapeOf(element).type === 'union') return parseJson(text);
    const parts = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    if (element === undefined || shapeOf(element).type !== 'number') return parts;
    return parts.every((part) => /^\d+$/.test(part)) ? parts.map(Number) : undefined;
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function wantOf(schema: AnySchema): string {
  const { type, element } = shapeOf(schema);
  if (type === 'boolean') return 'true or false';
  if (type === 'number') return 'a whole number';
  if (type === 'array')
    return element !== undefined && shapeOf(element).type === 'union'
      ? 'a list in JSON'
      : element !== undefined && shapeOf(element).type === 'number'
        ? 'whole numbers with commas between'
        : 'values with commas between';
  return 'text';
}

function place(values: Record<string, unknown>, name: string, value: unknown): void {
  const parts = name.split('.');
  let at = values;
  for (const part of parts.slice(0, -1)) {
    const below = at[part];
    if (typeof below !== 'object' || below === null || Array.isArray(below)) at[part] = {};
    at = at[part] as Record<string, unknown>;
  }
  at[parts.at(-1)!] = value;
}

function find(values: unknown, name: string): unknown {
  return name
    .split('.')
    .reduce<unknown>(
      (at, part) =>
        typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined,
      values,
    );
}

/** Paths of values that are no mappings, in order. */
function leafNames(values: unknown, prefix = ''): string[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return [prefix];
  return Object.entries(values).flatMap(([key, value]) =>
    leafNames(value, prefix === '' ? key : `${prefix}.${key}`),
  );
}
