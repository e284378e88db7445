/**
 * Reads a YAML text against a shape: typed access to what is there, a place for each piece, and all
 * complaints at once. What is wrong is left out; the rest is kept.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { didYouMean, nearest } from '../support/suggestion.js';
import { ruleCodes } from './codes.js';
import { parseDuration } from './duration.js';
import { LineIndex, type Placement, placeScalar, type ScalarStyle } from './placement.js';
import { readPlainYaml } from './plain-yaml.js';
import type { ObjectShape, Shape } from './shape.js';

/** A scalar of the file. */
export interface Text {
  readonly text: string;
  readonly placement: Placement;
  readonly span: Span;
}

/** A mapping of the file that was read against its shape. */
export class Section {
  readonly members = new Map<string, Member>();
  /** Keys that stand there with a value of the wrong kind, which was reported. */
  readonly misread = new Set<string>();

  readonly #place: () => Span;

  constructor(
    readonly shape: ObjectShape,
    place: () => Span,
  ) {
    this.#place = place;
  }

  /** Its first line. */
  get span(): Span {
    return this.#place();
  }

  has(key: string): boolean {
    return this.members.has(key);
  }

  keySpan(key: string): Span {
    return this.members.get(key)?.keySpan() ?? this.span;
  }

  valueSpan(key: string): Span {
    return this.members.get(key)?.span() ?? this.span;
  }

  text(key: string): Text | undefined {
    return this.#value(key) as Text | undefined;
  }

  string(key: string): string | undefined {
    return this.text(key)?.text;
  }

  flag(key: string): boolean {
    return this.#value(key) === true;
  }

  /** Also durations, in ns. */
  number(key: string): number | undefined {
    return this.#value(key) as number | undefined;
  }

  texts(key: string): readonly Text[] {
    return (this.#value(key) as readonly Text[] | undefined) ?? [];
  }

  map(key: string): Readonly<Record<string, string>> {
    return (this.#value(key) as Readonly<Record<string, string>> | undefined) ?? {};
  }

  /** A scalar or list with its YAML type; undefined when absent. */
  value(key: string): unknown {
    return this.#value(key);
  }

  section(key: string): Section | undefined {
    return this.#value(key) as Section | undefined;
  }

  items(key: string): readonly Section[] {
    return (this.#value(key) as readonly Section[] | undefined) ?? [];
  }

  #value(key: string): unknown {
    return this.members.get(key)?.value;
  }
}

/** Places are worked out when they are asked for: most never are. */
export interface Member {
  readonly keySpan: () => Span;
  readonly span: () => Span;
  readonly value: unknown;
}

export interface ReadDocument {
  /** Undefined: not YAML, or not a mapping. */
  readonly root: Section | undefined;
  readonly topKeys: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  readonly lines: LineIndex;
}

/** Reads the first document of `text`. `plain` false: never with the quick reader (for tests). Errors: `yaml-syntax`, `wrong-shape`, `unknown-key`, `duplicate-key`. */
export function readDocument(file: string, text: string, shape: ObjectShape, plain = true): ReadDocument {
  const lines = new LineIndex(file, text);
  const reader = new Reader(lines);
  const quick = plain ? readPlainYaml(text) : undefined;
  if (quick !== undefined) return readRoot(reader, quick, shape);
  const parsed = parseAllDocuments(text, {
    prettyErrors: false,
    uniqueKeys: false,
    strict: true,
    keepSourceTokens: false,
    logLevel: 'silent',
  });
  const document = Array.isArray(parsed) ? parsed[0] : undefined;
  if (document === undefined) return { root: undefined, topKeys: [], diagnostics: [], lines };
  const told = new Set<number>();
  for (const error of document.errors) {
    // One slip makes the parser complain several times at one place.
    if (told.has(error.pos[0])) continue;
    told.add(error.pos[0]);
    const span = lines.span(error.pos[0], error.pos[1]);
    reader.diagnostics.push(
      diagnostic(ruleCodes, 'yaml-syntax', `this is not YAML: ${lowered(error.message)}`, {
        span,
        suggestions: yamlAdvice(error.message),
      }),
    );
  }
  reader.document = document;
  const second = Array.isArray(parsed) ? parsed[1] : undefined;
  if (second !== undefined && !isEmpty(second.contents as Node | null)) {
    const at = (second.contents?.range ?? [0])[0];
    reader.diagnostics.push(
      diagnostic(
        ruleCodes,
        'second-document',
        'only the first YAML document of a file is read: this is the second',
        {
          span: lines.span(at, firstLineEnd(text, at, text.length)),
        },
      ),
    );
  }
  const contents = reader.resolve(document.contents as Node | null);
  if (document.errors.length > 0 || !isMap(contents))
    return { root: undefined, topKeys: [], diagnostics: reader.diagnostics, lines };
  return readRoot(reader, contents, shape);
}

function readRoot(reader: Reader, map: YAMLMap, shape: ObjectShape): ReadDocument {
  const topKeys = map.items.map((pair) => (isScalar(pair.key) ? String(pair.key.value) : ''));
  return {
    root: reader.object(map, shape),
    topKeys,
    diagnostics: reader.diagnostics,
    lines: reader.lines,
  };
}

function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

function lowered(message: string): string {
  const first = message.split('\n')[0] ?? message;
  if (/call stack/i.test(first)) return 'it nests too deep';
  return first.charAt(0).toLowerCase() + first.slice(1).replace(/\.$/, '');
}

const quoteAdvice =
  'put the text in quotes, or write it as a block: `expression: >-` and the text indented below';

function yamlAdvice(message: string): string[] {
  if (
    message.includes('Nested mappings') ||
    message.includes('implicit map') ||
    message.includes('Plain value cannot start')
  )
    return [quoteAdvice];
  if (message.includes('scalar at node end'))
    return [
      'a quote within the quotes ends them: write the text as a block, `expression: >-` and the text indented below',
    ];
  if (message.includes('flow sequence') || message.includes('flow map'))
    return ['inside [ ], put what holds brackets, commas or `: ` in quotes: \'~"/a[0-9]"\''];
  if (message.toLowerCase().includes('tab')) return ['indent with spaces; YAML does not allow tabs'];
  return [];
}

const kindNames: Readonly<Record<Shape['kind'], string>> = {
  text: 'a text',
  flag: 'true or false',
  number: 'a whole number',
  duration: 'a duration such as 10s',
  value: 'a text, a number, true, false or a list of them',
  texts: 'a list of texts',
  map: 'a mapping of texts',
  items: 'a list',
  object: 'a mapping',
  anything: 'anything',
};

class Reader {
  readonly diagnostics: Diagnostic[] = [];
  document: Document | undefined;

  constructor(readonly lines: LineIndex) {}

  resolve(node: Node | null | undefined): Node | null {
    if (node === undefined || node === null) return null;
    if (isAlias(node)) return this.document === undefined ? null : (node.resolve(this.document) ?? null);
    return node;
  }

  span(node: Node | null | undefined): Span {
    const range = node?.range;
    if (range === undefined || range === null) return this.lines.span(0, 0);
    const end =
      isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')
        ? range[0] + 1
        : range[1];
    return this.lines.span(
      range[0],
      isScalar(node) ? end : firstLineEnd(this.lines.text, range[0], range[1]),
    );
  }

  object(node: YAMLMap, shape: ObjectShape): Section {
    const section = new Section(shape, () => this.span(node));
    this.#members(node, shape, section, new Set());
    for (const key of shape.required) {
      if (!section.has(key)) this.#wrong(section.span, `${shape.article} ${shape.name} needs "${key}"`);
    }
    return section;
  }

  /** `merged`: what `<<` led through; a map that merges itself, or one twice, adds nothing more. */
  #members(node: YAMLMap, shape: ObjectShape, section: Section, merged: Set<YAMLMap>): void {
    const own = merged.size === 0;
    merged.add(node);
    const late: Node[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : undefined;
      const keySpan = (): Span => this.span(pair.key);
      if (key === undefined) {
        this.#wrong(keySpan(), 'a key is a plain word here');
        continue;
      }
      if (key === '<<') {
        const from = this.resolve(pair.value);
        if (isSeq(from)) late.push(...(from.items as Node[]));
        else if (from !== null) late.push(from);
        continue;
      }
      if (section.has(key)) {
        if (own)
          this.diagnostics.push(
            diagnostic(ruleCodes, 'duplicate-key', `"${key}" stands twice in this ${shape.name}`, {
              span: keySpan(),
              notes: [{ message: 'first here', span: section.keySpan(key) }],
            }),
          );
        continue;
      }
      const known = shape.keys[key];
      if (known === undefined) {
        this.#unknown(key, keySpan(), shape);
        continue;
      }
      const source = this.resolve(pair.value);
      if (this.#isSwallowed(pair.value, source)) {
        section.misread.add(key);
        continue;
      }
      if (source === null || (isScalar(source) && source.value === null)) continue;
      const value = this.#value(source, known, key);
      if (value === undefined) section.misread.add(key);
      else section.members.set(key, { keySpan, span: () => this.span(source), value });
    }
    for (const from of late) {
      const source = this.resolve(from);
      if (isMap(source) && !merged.has(source)) this.#members(source, shape, section, merged);
    }
  }

  /** A text that YAML takes for a tag or an alias, so that nothing is left of it; reports it. */
  #isSwallowed(node: Node | null, resolved: Node | null): boolean {
    const word =
      isAlias(node) && resolved === null ? `*${node.source}` : isScalar(node) ? (node.tag ?? '') : '';
    if (word === '' || word.startsWith('tag:yaml.org')) return false;
    this.diagnostics.push(
      diagnostic(
        ruleCodes,
        'wrong-shape',
        `"${word}" is ${isAlias(node) ? 'an alias that nothing in this file defines' : 'a tag'} to YAML, not a text`,
        { span: this.span(node), suggestions: [quoteAdvice] },
      ),
    );
    return true;
  }

  #unknown(key: string, span: Span, shape: ObjectShape): void {
    const known = Object.keys(shape.keys);
    const suggestion = didYouMean(key, known);
    const best = nearest(key, known, 1)[0];
    this.diagnostics.push(
      diagnostic(
        ruleCodes,
        'unknown-key',
        `${shape.article} ${shape.name} has no key "${key}"; it is ignored`,
        {
          span,
          suggestions:
            suggestion === undefined || best === undefined
              ? [`the keys of ${shape.article} ${shape.name} are ${known.join(', ')}`]
              : [{ text: suggestion, span, replacement: best }],
        },
      ),
    );
  }

  #wrong(span: Span, message: string): void {
    this.diagnostics.push(diagnostic(ruleCodes, 'wrong-shape', message, { span }));
  }

  #value(node: Node, shape: Shape, key: string): unknown {
    switch (shape.kind) {
      case 'text':
        return this.#text(node, shape, key);
      case 'flag':
        return this.#flag(node, shape, key);
      case 'number': {
        if (isScalar(node) && typeof node.value === 'number' && Number.isInteger(node.value))
          return node.value;
        return this.#mismatch(node, shape, key);
      }
      case 'duration':
        return this.#duration(node, shape, key);
      case 'value':
        return this.#plain(node, shape, key);
      case 'texts':
        return this.#texts(node, shape, key);
      case 'map':
        return this.#map(node, shape, key);
      case 'items': {
        if (!isSeq(node)) return this.#mismatch(node, shape, key);
        const items: Section[] = [];
        for (const item of node.items as Node[]) {
          const resolved = this.resolve(item);
          if (isMap(resolved)) items.push(this.object(resolved, shape.of));
          else
            this.#wrong(
              this.span(item),
              `"${key}" is a list of mappings: have ${describe(resolved)}, want ${shape.of.article} ${shape.of.name} with its keys`,
            );
        }
        return items;
      }
      case 'object':
        return isMap(node) ? this.object(node, shape.of) : this.#mismatch(node, shape, key);
      case 'anything':
        return true;
    }
  }

  #text(node: Node, shape: Shape & { kind: 'text' | 'texts' }, key: string): Text | undefined {
    if (!isScalar(node)) return this.#mismatch(node, shape, key);
    const text = scalarText(node);
    if (shape.among !== undefined && !shape.among.includes(text)) {
      this.diagnostics.push(
        diagnostic(
          ruleCodes,
          'wrong-shape',
          `"${key}" is one of ${shape.among.map((word) => `"${word}"`).join(', ')}: have "${text}"`,
          {
            span: this.span(node),
            suggestions: [didYouMean(text, shape.among)].filter((item) => item !== undefined),
          },
        ),
      );
      return undefined;
    }
    const range = node.range ?? [0, 0, 0];
    const placement = placeScalar(
      this.lines,
      text,
      styles[node.type ?? 'PLAIN'] ?? 'plain',
      range[0],
      range[1],
    );
    const { lines } = this;
    const block = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
    return {
      text,
      placement,
      get span() {
        return lines.span(range[0], block ? range[0] + 1 : range[1]);
      },
    };
  }

  #flag(node: Node, shape: Shape, key: string): boolean | undefined {
    if (!isScalar(node)) return this.#mismatch(node, shape, key);
    if (typeof node.value === 'boolean') return node.value;
    // YAML 1.1 words, which the reference's loader reads as truth values here.
    const word = node.type === 'PLAIN' ? scalarText(node).toLowerCase() : '';
    if (['yes', 'on', 'y'].includes(word)) return true;
    if (['no', 'off', 'n'].includes(word)) return false;
    return this.#mismatch(node, shape, key);
  }

  #duration(node: Node, shape: Shape, key: string): number | undefined {
    if (!isScalar(node)) return this.#mismatch(node, shape, key);
    const text = scalarText(node);
    const ns = parseDuration(text);
    if (ns !== undefined) return ns;
    this.diagnostics.push(
      diagnostic(
        ruleCodes,
        'wrong-duration',
        `"${key}" wants a duration: have "${text}", want a number with a unit`,
        {
          span: this.span(node),
          suggestions: [
            /^\d+$/.test(text)
              ? `${key}: ${text}s`
              : /^\d+d$/.test(text)
                ? `${key}: ${Number.parseInt(text, 10) * 24}h`
                : `${key}: 10s`,
          ],
        },
      ),
    );
    return undefined;
  }

  #plain(node: Node, shape: Shape, key: string): unknown {
    if (isScalar(node)) {
      const value = node.value;
      if (typeof value === 'string' || typeof value === 'boolean') return value;
      if (typeof value === 'number' && Number.isInteger(value)) return value;
      return this.#mismatch(node, shape, key);
    }
    if (!isSeq(node)) return this.#mismatch(node, shape, key);
    const list: unknown[] = [];
    for (const item of node.items as Node[]) {
      const resolved = this.resolve(item);
      if (isScalar(resolved)) list.push(resolved.value);
    }
    const kinds = new Set(list.map((item) => typeof item));
    if (kinds.size > 1 || list.some((item) => typeof item !== 'string' && typeof item !== 'number')) {
      this.#wrong(this.span(node), `"${key}" is a list of texts or of numbers, of one kind`);
      return undefined;
    }
    return list;
  }

  #texts(node: Node, shape: Shape & { kind: 'texts' }, key: string): Text[] | undefined {
    if (!isSeq(node)) return this.#mismatch(node, shape, key);
    const texts: Text[] = [];
    for (const item of node.items as Node[]) {
      const resolved = this.resolve(item);
      const text = resolved === null ? undefined : this.#text(resolved, shape, key);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  #map(node: Node, shape: Shape, key: string): Record<string, string> | undefined {
    if (!isMap(node)) return this.#mismatch(node, shape, key);
    const map: [string, string][] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const value = this.resolve(pair.value);
      if (isScalar(pair.key) && (value === null || isScalar(value)))
        map.push([scalarText(pair.key), value === null ? '' : scalarText(value)]);
      else this.#wrong(this.span(pair.key), `"${key}" holds texts only`);
    }
    return Object.fromEntries(map);
  }

  #mismatch(node: Node, shape: Shape, key: string): undefined {
    const list = (shape.kind === 'texts' || shape.kind === 'items') && isScalar(node);
    this.diagnostics.push(
      diagnostic(
        ruleCodes,
        'wrong-shape',
        `"${key}" has the wrong kind: have ${describe(node)}, want ${kindNames[shape.kind]}`,
        {
          span: this.span(node),
          suggestions: list
            ? [`${key}: [${scalarText(node)}]`]
            : shape.kind === 'items' && isMap(node)
              ? ['begin each of them with "- "']
              : [],
        },
      ),
    );
    return undefined;
  }
}

const styles: Readonly<Record<string, ScalarStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

/** The text of a scalar as it is written, whatever type YAML gives it. */
function scalarText(node: Scalar): string {
  if (typeof node.value === 'string') return node.value;
  return node.source ?? (node.value === null ? '' : String(node.value));
}

function describe(node: Node | null): string {
  if (node === null) return 'nothing';
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node)) return 'an alias';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'string')
    return `the text "${node.value.length > 40 ? `${node.value.slice(0, 37)}…` : node.value}"`;
  return `${typeof node.value === 'boolean' ? 'the truth value' : 'the number'} ${String(node.value)}`;
}

function firstLineEnd(text: string, start: number, end: number): number {
  const newline = text.indexOf('\n', start);
  return newline < 0 || newline > end ? end : newline;
}
