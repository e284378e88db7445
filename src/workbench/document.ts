/**
 * A YAML file of ours checked against its shape: every finding at once, each at its place in the text,
 * unknown keys with what was probably meant. The shape is a zod schema; keys for suggestions come from the
 * JSON schema made of it, which is the one that editors use.
 */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import * as z from 'zod';
import { LineIndex, placeScalar, type ScalarStyle } from '../rules/placement.js';
import { type Diagnostic, diagnostic, type Span, sortDiagnostics } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';

/** Members and positions, from the root down. */
export type Path = readonly (string | number)[];

export interface Document<T> {
  readonly file: string;
  readonly text: string;
  /** Undefined when anything is wrong. */
  readonly value: T | undefined;
  /** What the YAML says, whether or not it has the right shape. */
  readonly raw: unknown;
  readonly diagnostics: readonly Diagnostic[];
  /** Of the value at `path`, or of the nearest value around it that there is. */
  span(path: Path): Span;
  /** Of the key that `path` ends in. */
  keySpan(path: Path): Span;
  /** Of a stretch of a text's value at `path` (an expression inside the YAML), as exactly as can be told. */
  within(path: Path, start: number, end: number): Span;
}

const greatestSize = 4 << 20;

const styles: Readonly<Record<string, ScalarStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

export function readDocument<T>(text: string, file: string, shape: z.ZodType<T>, kind: string): Document<T> {
  const lines = new LineIndex(file, text);
  const tooLarge = text.length > greatestSize;
  const yaml = parseDocument(tooLarge ? '' : text, {
    prettyErrors: false,
    version: '1.2',
    merge: true,
  });
  const found: Diagnostic[] = [];
  const at = (start: number, end: number): Span => lines.span(start, end);
  const whole = () => at(0, 0);
  const nodeAt = (path: Path): { node: Node | null; pair?: Pair } => walk(yaml.contents as Node | null, path);
  const spanOf = (node: Node | null | undefined): Span => {
    const range = node?.range;
    return range === null || range === undefined
      ? whole()
      : at(range[0], trimmedEnd(text, range[0], range[1]));
  };
  const document = {
    span: (path: Path) => spanOf(nodeAt(path).node),
    keySpan: (path: Path) => {
      const { pair, node } = nodeAt(path);
      return spanOf((pair?.key as Node | undefined) ?? node);
    },
    within: (path: Path, start: number, end: number) => {
      const { node } = nodeAt(path);
      const range = node?.range;
      if (isScalar(node) && typeof node.value === 'string' && range !== undefined && range !== null) {
        return placeScalar(
          lines,
          node.value,
          styles[node.type ?? 'PLAIN'] ?? 'plain',
          range[0],
          range[1],
        ).span(start, end);
      }
      return spanOf(node);
    },
  };
  if (tooLarge) {
    found.push(
      diagnostic(
        workbenchCodes,
        'not-yaml',
        `The file has ${text.length} characters; at most ${greatestSize} are read`,
        { span: whole() },
      ),
    );
    return { file, text, raw: undefined, value: undefined, diagnostics: found, ...document };
  }
  for (const error of yaml.errors) {
    found.push(
      diagnostic(workbenchCodes, 'not-yaml', yamlMessage(error, kind), {
        span: at(error.pos[0], error.pos[1]),
      }),
    );
  }
  if (found.length > 0)
    return { file, text, raw: undefined, value: undefined, diagnostics: sortDiagnostics(found), ...document };
  let raw: unknown;
  try {
    raw = yaml.toJS({ maxAliasCount: 100 });
  } catch (error) {
    found.push(
      diagnostic(workbenchCodes, 'not-yaml', firstLine((error as Error).message), { span: whole() }),
    );
    return { file, text, raw: undefined, value: undefined, diagnostics: found, ...document };
  }
  const answer = shape.safeParse(raw);
  if (answer.success) return { file, text, raw, value: answer.data, diagnostics: [], ...document };
  const schema = jsonSchema(shape);
  for (const issue of answer.error.issues)
    explainIssue(issue as unknown as Issue, [], raw, schema, kind, document, found);
  return {
    file,
    text,
    raw,
    value: undefined,
    diagnostics: sortDiagnostics(withoutEchoes(found)),
    ...document,
  };
}

const made = new WeakMap<z.ZodType, Schema>();

/** The JSON schema of a shape, as editors read it. */
export function jsonSchema(shape: z.ZodType): Schema {
  let schema = made.get(shape);
  if (schema === undefined) {
    schema = z.toJSONSchema(shape, { io: 'input' }) as Schema;
    made.set(shape, schema);
  }
  return schema;
}

/** As much of JSON Schema as we read back. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
}

interface Issue {
  readonly code: string;
  readonly path: Path;
  readonly message: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly expected?: string;
  readonly errors?: readonly (readonly Issue[])[];
}

type Places = Pick<Document<unknown>, 'span' | 'keySpan'>;

function explainIssue(
  issue: Issue,
  base: Path,
  raw: unknown,
  schema: Schema,
  kind: string,
  places: Places,
  found: Diagnostic[],
): void {
  const path = [...base, ...issue.path];
  const have = valueAt(raw, path);
  const here = schemasAt(schema, path);
  const name =
    path.length === 0
      ? `the ${kind}`
      : `"${[...path].reverse().find((part) => typeof part === 'string') ?? kind}"`;
  if (issue.code === 'unrecognized_keys') {
    const known = [...new Set(here.flatMap((item) => Object.keys(item.properties ?? {})))];
    for (const key of issue.keys ?? []) {
      const near = nearest(key, known);
      const owner =
        path.length === 0 ? `A ${kind}` : `${typeof path.at(-1) === 'number' ? 'An item of ' : ''}${name}`;
      found.push(
        diagnostic(workbenchCodes, 'unknown-key', `${owner} has no key "${key}"`, {
          span: places.keySpan([...path, key]),
          suggestions:
            near.length > 0
              ? near.slice(0, 1).map((text) => ({
                  text: `${text}:`,
                  span: places.keySpan([...path, key]),
                  replacement: text,
                }))
              : [`one of ${known.join(', ')}`],
        }),
      );
    }
    return;
  }
  if (issue.code === 'invalid_union' && issue.errors !== undefined) {
    const deeper = issue.errors.find((list) =>
      list.every((item) => item.path.length > 0 || item.code === 'unrecognized_keys'),
    );
    if (deeper !== undefined && deeper.length > 0) {
      for (const item of deeper) explainIssue(item, path, raw, schema, kind, places, found);
      return;
    }
  }
  if (have === undefined) {
    const parent = path.slice(0, -1);
    const key = String(path.at(-1));
    const owner =
      parent.length === 0
        ? `The ${kind}`
        : `The item of "${[...parent].reverse().find((part) => typeof part === 'string')}"`;
    const doc = here[0]?.description;
    found.push(
      diagnostic(
        workbenchCodes,
        'missing-key',
        `${owner} needs "${key}"${doc === undefined ? '' : ` (${lower(doc)})`}`,
        { span: places.span(parent) },
      ),
    );
    return;
  }
  const want = here.length === 0 ? (issue.expected ?? 'another value') : describe(here, have);
  if (path.length === 1 && path[0] === 'version' && typeof have === 'number' && have > 1) {
    found.push(
      diagnostic(
        workbenchCodes,
        'newer-version',
        `The ${kind} has version ${have}; this seccam reads version 1`,
        { span: places.span(path), suggestions: ['a newer seccam'] },
      ),
    );
    return;
  }
  const wrongKind =
    issue.code === 'invalid_type' ||
    (issue.code === 'invalid_union' && !here.some((item) => accepts(item, have)));
  const words = here
    .flatMap((item) => item.enum ?? (item.const === undefined ? [] : [item.const]))
    .map(String);
  found.push(
    diagnostic(
      workbenchCodes,
      wrongKind ? 'wrong-type' : 'bad-value',
      `${capital(name)}: have ${show(have)}, want ${want}`,
      {
        span: places.span(path),
        suggestions: typeof have === 'string' ? nearest(have, words).slice(0, 1) : [],
      },
    ),
  );
}

/** A missing key is not told when a misspelt one at the same place is. */
function withoutEchoes(found: readonly Diagnostic[]): Diagnostic[] {
  const meant = new Set(
    found
      .filter((item) => item.code === 'unknown-key')
      .flatMap((item) => item.suggestions.map((s) => s.replacement)),
  );
  return found.filter(
    (item) =>
      item.code !== 'missing-key' ||
      ![...meant].some((key) => key !== undefined && item.message.includes(` needs "${key}"`)),
  );
}

function walk(root: Node | null, path: Path): { node: Node | null; pair?: Pair } {
  let node = root;
  let pair: Pair | undefined;
  for (const part of path) {
    const current: unknown = isAlias(node) ? null : node;
    let next: Node | null = null;
    if (isMap(current)) {
      const found = (current as YAMLMap).items.find(
        (item) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === String(part),
      );
      if (found === undefined) break;
      pair = found as Pair;
      next = (found.value as Node | null) ?? (found.key as Node);
    } else if (isSeq(current)) {
      const item = current.items[Number(part)];
      if (item === undefined) break;
      pair = undefined;
      next = item as Node;
    } else break;
    node = next;
  }
  return pair === undefined ? { node } : { node, pair };
}

function trimmedEnd(text: string, start: number, end: number): number {
  let last = end;
  while (last > start && /\s/.test(text[last - 1] ?? '')) last--;
  return last;
}

function valueAt(raw: unknown, path: Path): unknown {
  let value = raw;
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function schemasAt(schema: Schema, path: Path): Schema[] {
  let here = flat(schema);
  for (const part of path) {
    here = here.flatMap((item) => {
      if (typeof part === 'number') return item.items === undefined ? [] : flat(item.items);
      const own = item.properties?.[part];
      if (own !== undefined) return flat(own, own.description);
      return typeof item.additionalProperties === 'object' ? flat(item.additionalProperties) : [];
    });
  }
  return here;
}

function flat(schema: Schema, description?: string): Schema[] {
  const branches = schema.anyOf?.flatMap((item) => flat(item)) ?? [schema];
  return description === undefined
    ? branches
    : branches.map((item) => (item.description === undefined ? { ...item, description } : item));
}

function describe(list: readonly Schema[], have: unknown): string {
  const words = list.map((item) => {
    if (item.const !== undefined) return JSON.stringify(item.const);
    if (item.enum !== undefined) return item.enum.map((word) => JSON.stringify(word)).join(' or ');
    const example = item.examples?.[0] === undefined ? '' : ` such as ${JSON.stringify(item.examples[0])}`;
    switch (item.type) {
      case 'string':
        return `a text${example}`;
      case 'integer':
      case 'number':
        return 'a number';
      case 'boolean':
        return 'true or false';
      case 'array':
        return Array.isArray(have) && have.length < (item.minItems ?? 0)
          ? `at least ${item.minItems}`
          : 'a list';
      case 'object':
        return 'a map of keys';
      default:
        return 'a value';
    }
  });
  return [...new Set(words)].join(' or ');
}

function accepts(schema: Schema, value: unknown): boolean {
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  return (
    schema.type === undefined || schema.type === kind || (schema.type === 'integer' && kind === 'number')
  );
}

function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '');
const capital = (text: string) =>
  text.startsWith('"') ? `Key ${text}` : text.charAt(0).toUpperCase() + text.slice(1);
const yamlMessage = (error: YAMLError, kind: string): string =>
  error.code === 'MULTIPLE_DOCS'
    ? `A ${kind} is one document, and a second one begins here`
    : firstLine(error.message);
const firstLine = (text: string) => text.split('\n')[0]!.replace(/\.$/, '');
