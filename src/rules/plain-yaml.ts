/**
 * Reads the plain kind of YAML that policies are written in, many times faster than the whole language can be
 * read: block mappings and lists, scalars on one line, block scalars, simple `[…]` and `{…}`.
 *
 * The nodes are those of the `yaml` package, with the values and ranges that it would give them. Whatever is
 * not plain, or not certain to be right (anchors, tags, tabs, CRLF, folded lines …), gives undefined: then the
 * package reads the text, and says what is wrong with it.
 */
import { type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

/** The top mapping of a text, or undefined when it takes the whole language to read it. */
export function readPlainYaml(text: string): YAMLMap | undefined {
  if (text.includes('\r') || !text.endsWith('\n')) return undefined;
  try {
    return new PlainReader(text).document();
  } catch (error) {
    if (error === notPlain) return undefined;
    throw error;
  }
}

const notPlain = new Error('not plain YAML');

function giveUp(): never {
  throw notPlain;
}

const key = /([A-Za-z_][\w./-]*):(?=[ \n])/y;
/** What a scalar without quotes may begin with; `-` only before something other than a blank. */
const plainStart = /[^\s\-?:,[\]{}#&*!|>'"%@`]|-(?=[^\s,[\]{}])/y;
const number =
  /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$/;
const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['null', 'Null', 'NULL', '~'].map((word) => [word, null] as const),
]);
const deepest = 64;

class PlainReader {
  #at = 0;
  #depth = 0;
  /** The end of the last value's line: a mapping of one line lasts until there, with its comment. */
  #end = 0;

  constructor(readonly text: string) {}

  document(): YAMLMap {
    if (this.text.startsWith('---\n')) this.#at = 4;
    const column = this.#next();
    if (column !== 0) giveUp();
    const root = this.#map(0);
    if (this.#next() !== -1) giveUp();
    return root;
  }

  /** Goes to the next line that holds something; its column, or -1 at the end. Stands at the start of a line. */
  #next(): number {
    const { text } = this;
    for (;;) {
      const start = this.#at;
      let at = start;
      while (text.charCodeAt(at) === 32) at++;
      if (at >= text.length) return -1;
      const char = text.charCodeAt(at);
      if (char === 9) giveUp();
      if (char === 10) {
        this.#at = at + 1;
        continue;
      }
      if (char === 35) {
        this.#at = text.indexOf('\n', at) + 1;
        continue;
      }
      return at - start;
    }
  }

  /** The mapping or list whose first line stands at `column` of this line. */
  #block(column: number): Node {
    this.#depth += 1;
    if (this.#depth > deepest) giveUp();
    const at = this.#at + column;
    const node = this.text.startsWith('- ', at) ? this.#list(column) : this.#map(column);
    this.#depth -= 1;
    return node;
  }

  /** `first`: where its first key stands when that is not at `column` of this line. */
  #map(column: number, first = this.#at + column): YAMLMap {
    const map = new YAMLMap();
    let at = first;
    let end = first;
    for (;;) {
      key.lastIndex = at;
      const found = key.exec(this.text)?.[1];
      if (found === undefined) giveUp();
      const name = this.#plainScalar(found, at);
      const value = this.#afterKey(at + found.length + 1, column);
      map.items.push(new Pair(name, value));
      end = Math.max(value.range![1], this.#end);
      const next = this.#next();
      if (next < column) break;
      if (next > column) giveUp();
      at = this.#at + column;
    }
    map.range = [first, end, end];
    return map;
  }

  #afterKey(colon: number, column: number): Node {
    const { text } = this;
    let at = colon;
    while (text.charCodeAt(at) === 32) at++;
    if (at > colon && text.charCodeAt(at) !== 10 && text.charCodeAt(at) !== 35)
      return this.#inline(at, column);
    this.#at = text.indexOf('\n', at) + 1;
    const next = this.#next();
    if (next > column) return this.#block(next);
    // A list may stand at the column of its key.
    if (next === column && text.startsWith('- ', this.#at + column)) return this.#block(column);
    return giveUp();
  }

  #list(column: number): YAMLSeq {
    const list = new YAMLSeq();
    const first = this.#at + column;
    let end = first;
    for (;;) {
      const { text } = this;
      let at = this.#at + column + 1;
      while (text.charCodeAt(at) === 32) at++;
      key.lastIndex = at;
      const item = key.test(text) ? this.#map(at - this.#at, at) : this.#inline(at, column);
      list.items.push(item);
      end = Math.max(item.range![1], this.#end);
      const next = this.#next();
      if (next < column) break;
      if (next > column) giveUp();
      if (!text.startsWith('- ', this.#at + column)) break;
    }
    list.range = [first, end, end];
    return list;
  }

  /** A value on the line of its key or dash; afterwards the reader stands on the next line. */
  #inline(at: number, column: number): Node {
    const { text } = this;
    const char = text[at];
    let node: Node;
    if (char === '"' || char === "'") node = this.#quoted(at, column);
    else if (char === '|' || char === '>') return this.#blockScalar(at, column);
    else if (char === '[' || char === '{') node = this.#flow(at, column);
    else {
      plainStart.lastIndex = at;
      if (!plainStart.test(text)) giveUp();
      return this.#unquoted(at, column);
    }
    at = node.range![1];
    const newline = text.indexOf('\n', at);
    if (!/^(?: *| +#.*)$/s.test(text.slice(at, newline))) giveUp();
    this.#end = newline;
    this.#at = newline + 1;
    return node;
  }

  /** Text without quotes, with the lines that go on further in than `column`. */
  #unquoted(at: number, column: number): Scalar {
    const { text } = this;
    let value = '';
    for (let start = at; ; ) {
      const newline = text.indexOf('\n', start);
      let line = text.slice(start, newline);
      const comment = line.indexOf(' #');
      if (comment !== -1) line = line.slice(0, comment);
      line = line.replace(/ +$/, '');
      if (line.includes(': ') || line.includes('\t') || line.endsWith(':')) giveUp();
      value = value === '' ? line : `${value} ${line}`;
      this.#at = newline + 1;
      this.#end = newline;
      const indent = this.#indent(this.#at);
      if (indent <= column || text.charCodeAt(this.#at + indent) === 35) {
        if (start === at) return this.#plainScalar(line, at);
        return scalar(value, 'PLAIN', value, at, start + line.length);
      }
      start = this.#at + indent;
      // A comment ends the text; what begins like an item of a list is left to those who know better.
      if (comment !== -1 || /[\s-]/.test(text[start] ?? ' ')) giveUp();
    }
  }

  /** Blanks at the start of a line. */
  #indent(line: number): number {
    let at = line;
    while (this.text.charCodeAt(at) === 32) at++;
    return at < this.text.length && this.text.charCodeAt(at) === 10 ? 0 : at - line;
  }

  #plainScalar(source: string, at: number): Scalar {
    const word = words.get(source);
    const value = word !== undefined ? word : number.test(source) ? numberOf(source) : source;
    if (typeof value === 'string' && /^[-+]?\.(?:inf|nan)$/i.test(source)) giveUp();
    return scalar(value, 'PLAIN', source, at, at + source.length);
  }

  #quoted(at: number, column: number): Scalar {
    const { text } = this;
    const single = text[at] === "'";
    let end = at + 1;
    for (; ; end++) {
      const char = text.charCodeAt(end);
      if (Number.isNaN(char) || (char === 10 && this.#indent(end + 1) <= column)) giveUp();
      if (single ? char === 39 : char === 34) {
        if (!single || text.charCodeAt(end + 1) !== 39) break;
        end++;
      } else if (!single && char === 92) {
        end++;
        if (text.charCodeAt(end) === 10) giveUp();
      }
    }
    const source = text.slice(at + 1, end);
    const folded = source.includes('\n') ? source.replace(/[ \t]*\n[ \t]*/g, ' ') : source;
    const value = single ? folded.replaceAll("''", "'") : unescaped(folded);
    return scalar(value, single ? 'QUOTE_SINGLE' : 'QUOTE_DOUBLE', source, at, end + 1);
  }

  #blockScalar(at: number, column: number): Scalar {
    const { text } = this;
    const header = /[|>]-?\n/y;
    header.lastIndex = at;
    const found = header.exec(text)?.[0];
    if (found === undefined) giveUp();
    const folded = found[0] === '>';
    const lines: string[] = [];
    let indent = -1;
    let line = at + found.length;
    for (; line < text.length; ) {
      const newline = text.indexOf('\n', line);
      let start = line;
      while (text.charCodeAt(start) === 32) start++;
      const blank = start === newline;
      if (indent === -1) {
        indent = start - line;
        if (blank || indent <= column) giveUp();
      }
      if (blank) {
        if (start - line > indent) giveUp();
        lines.push('');
      } else {
        if (start - line < indent) {
          if (start - line > column || text.charCodeAt(start) === 9) giveUp();
          break;
        }
        const content = text.slice(line + indent, newline);
        if (folded && /^[ \t]/.test(content)) giveUp();
        if (content.trim() === '') giveUp();
        lines.push(content);
      }
      line = newline + 1;
    }
    while (lines[lines.length - 1] === '') lines.pop();
    if (lines.length === 0) giveUp();
    const value = `${folded ? fold(lines) : lines.join('\n')}${found.includes('-') ? '' : '\n'}`;
    this.#at = line;
    return scalar(value, folded ? 'BLOCK_FOLDED' : 'BLOCK_LITERAL', value, at, line);
  }

  /** `[…]` or `{…}`; lines that follow are further in than `column`. */
  #flow(at: number, column: number): YAMLMap | YAMLSeq {
    this.#depth += 1;
    if (this.#depth > deepest) giveUp();
    const { text } = this;
    const isMap = text[at] === '{';
    const close = isMap ? '}' : ']';
    const map = new YAMLMap();
    const list = new YAMLSeq();
    const node = isMap ? map : list;
    node.flow = true;
    let here = this.#blanks(at + 1, column);
    while (text[here] !== close) {
      let name: Scalar | undefined;
      if (isMap) {
        key.lastIndex = here;
        const found = key.exec(text)?.[1];
        if (found === undefined) giveUp();
        name = this.#plainScalar(found, here);
        here += found.length + 1;
        while (text.charCodeAt(here) === 32) here++;
      }
      const value = this.#flowValue(here, column);
      if (name === undefined) list.items.push(value);
      else map.items.push(new Pair(name, value));
      here = this.#blanks(value.range![1], column);
      if (text[here] === close) break;
      if (text[here] !== ',') giveUp();
      here = this.#blanks(here + 1, column);
      if (text[here] === close) giveUp();
    }
    node.range = [at, here + 1, here + 1];
    this.#depth -= 1;
    return node;
  }

  #flowValue(at: number, column: number): Node {
    const { text } = this;
    const char = text[at];
    if (char === '[' || char === '{') return this.#flow(at, column);
    if (char === '"' || char === "'") return this.#quoted(at, column);
    plainStart.lastIndex = at;
    if (!plainStart.test(text)) giveUp();
    let end = at;
    for (; ; end++) {
      const next = text.charCodeAt(end);
      if (next === 9 || Number.isNaN(next) || next === 91 || next === 123) giveUp();
      if (next === 10 || next === 44 || next === 93 || next === 125) break;
      if (next === 58 && /[\s,[\]{}]/.test(text[end + 1] ?? ' ')) giveUp();
      if (next === 35 && text.charCodeAt(end - 1) === 32) giveUp();
    }
    while (text.charCodeAt(end - 1) === 32) end--;
    return this.#plainScalar(text.slice(at, end), at);
  }

  /** Behind blanks and ends of lines. */
  #blanks(from: number, column: number): number {
    const { text } = this;
    let at = from;
    let line = -1;
    for (; ; at++) {
      const char = text.charCodeAt(at);
      if (char === 10) line = at + 1;
      else if (char !== 32) break;
    }
    if (line !== -1 && at - line <= column) giveUp();
    if (at >= text.length || text.charCodeAt(at) === 35 || text.charCodeAt(at) === 9) giveUp();
    return at;
  }
}

function scalar(value: unknown, type: Scalar.Type, source: string, start: number, end: number): Scalar {
  const node = new Scalar(value);
  node.type = type;
  node.source = source;
  node.range = [start, end, end];
  return node;
}

function numberOf(source: string): number {
  return /^0[ox]/.test(source) || !/^[-+]?[0-9]+$/.test(source)
    ? Number(source)
    : Number.parseInt(source, 10);
}

const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', n: '\n', t: '\t' };

function unescaped(source: string): string {
  if (!source.includes('\\')) return source;
  return source.replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? giveUp());
}

/** Lines are joined by blanks; an empty line is an end of line. */
function fold(lines: readonly string[]): string {
  let text = '';
  let empty = 0;
  for (const [index, line] of lines.entries()) {
    if (line === '') {
      empty += 1;
      continue;
    }
    if (index > 0) text += empty > 0 ? '\n'.repeat(empty) : ' ';
    text += line;
    empty = 0;
  }
  return text;
}
