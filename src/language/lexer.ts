/** Text → tokens. Every problem is a diagnostic; lexing always reaches the end of the text. */

import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { languageCodes } from './codes.js';
import type { Source } from './source.js';
import type { Comment, Token, TokenKind } from './token.js';

const space = /[ \t\r\n]+/y;
const comment = /(?:#|\/\/)[^\n]*/y;
const ipv4 = /\d+\.\d+\.\d+\.\d+/y;
const ipv6 = /[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*/y;
const prefix = /\/\d+/y;
const duration = /\d+(?:m|s|h)s*/y;
const int = /[-+]?\d+/y;
const quoted = /"(?:[^"\\]|\\[\s\S])*"/y;
const singlyQuoted =
  /'[^'\n]*'|[\u201c\u201d\u2018\u2019][^\u201c\u201d\u2018\u2019\n]*[\u201c\u201d\u2018\u2019]/y;
const variable = /\$\{([A-Za-z_][A-Za-z0-9_.]*)\}/y;
const reference = /%\{([A-Za-z_][A-Za-z0-9_.[\]]*)\}/y;
const word = /[A-Za-z_][A-Za-z0-9_.[\]]*/y;
const operators = [
  '||',
  '&&',
  '>=',
  '<=',
  '!=',
  '==',
  '=~',
  '!~',
  '>',
  '<',
  '!',
  '&',
  '|',
  '^',
  '+',
  '-',
  '(',
  ')',
  '[',
  ']',
  ',',
];
const validDuration = /^\d+(?:ms|s|m|h)$/;

export interface Lexed {
  readonly tokens: readonly Token[];
  readonly comments: readonly Comment[];
  readonly diagnostics: readonly Diagnostic[];
}

export function lex(source: Source): Lexed {
  const { text } = source;
  const tokens: Token[] = [];
  const comments: Comment[] = [];
  const diagnostics: Diagnostic[] = [];
  let at = 0;

  const match = (pattern: RegExp, from = at): string | undefined => {
    pattern.lastIndex = from;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: TokenKind, length: number, value?: string): void => {
    const written = text.slice(at, at + length);
    tokens.push({ kind, text: written, value: value ?? written, start: at, end: at + length });
    at += length;
  };
  const complain = (
    code: 'unknown-character' | 'unterminated-string' | 'invalid-duration',
    message: string,
    length: number,
    suggestions: readonly string[] = [],
  ): void => {
    const span = source.span(at, at + length);
    diagnostics.push(diagnostic(languageCodes, code, message, { span, suggestions }));
  };

  while (at < text.length) {
    const blank = match(space);
    if (blank !== undefined) {
      at += blank.length;
      continue;
    }
    const remark = match(comment);
    if (remark !== undefined) {
      comments.push({ text: remark, start: at, end: at + remark.length });
      at += remark.length;
      continue;
    }

    const char = text[at]!;
    const opensQuote = char === '"' || ((char === '~' || char === 'r') && text[at + 1] === '"');
    if (opensQuote) {
      const lead = char === '"' ? 0 : 1;
      const body = match(quoted, at + lead);
      if (body === undefined) {
        complain('unterminated-string', 'The string that begins here has no closing quote', text.length - at);
        push('string', text.length - at, text.slice(at + lead + 1));
        continue;
      }
      push(
        char === '"' ? 'string' : char === '~' ? 'pattern' : 'regexp',
        lead + body.length,
        body.slice(1, -1),
      );
      continue;
    }

    const single = "'\u201c\u201d\u2018\u2019".includes(char) ? match(singlyQuoted) : undefined;
    if (single !== undefined) {
      const body = single.slice(1, -1);
      const suggestions = body.includes('"') ? [] : [`"${body}"`];
      complain('unknown-character', 'Texts stand in double quotes', single.length, suggestions);
      push('string', single.length, body);
      continue;
    }

    const address = match(ipv4) ?? match(ipv6);
    if (address !== undefined) {
      const bits = match(prefix, at + address.length);
      push(bits === undefined ? 'ip' : 'cidr', address.length + (bits?.length ?? 0));
      continue;
    }
    const age = match(duration);
    if (age !== undefined) {
      if (!validDuration.test(age))
        complain(
          'invalid-duration',
          `"${age}" is not a duration: want a number and ms, s, m or h`,
          age.length,
        );
      push('duration', age.length);
      continue;
    }
    const number = match(int);
    if (number !== undefined) {
      push('int', number.length);
      continue;
    }
    const name = match(variable);
    if (name !== undefined) {
      push('variable', name.length, name.slice(2, -1));
      continue;
    }
    const field = match(reference);
    if (field !== undefined) {
      push('reference', field.length, field.slice(2, -1));
      continue;
    }
    const ident = match(word);
    if (ident !== undefined) {
      push('ident', balanced(ident));
      continue;
    }
    const operator = operators.find((item) => text.startsWith(item, at));
    if (operator !== undefined) {
      push('punctuation', operator.length);
      continue;
    }
    if (char === '=') {
      complain('unknown-character', '"=" compares nothing: want "==" or "=~"', 1);
      tokens.push({ kind: 'punctuation', text: '==', value: '==', start: at, end: at + 1 });
      at += 1;
      continue;
    }
    const length = text.codePointAt(at)! > 0xffff ? 2 : 1;
    complain(
      'unknown-character',
      `The character "${text.slice(at, at + length)}"${codePoint(text, at)} begins nothing that the language knows`,
      length,
    );
    at += length;
  }
  tokens.push({ kind: 'end', text: '', value: '', start: text.length, end: text.length });
  return { tokens, comments, diagnostics };
}

/** ` (U+00A0)`: of what may look like nothing, or like something else. */
function codePoint(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  return code < 0x7f && code > 0x20 ? '' : ` (U+${code.toString(16).toUpperCase().padStart(4, '0')})`;
}

/** The length of the name without a bracket that it does not open: in `[EPERM]` the name is `EPERM`. */
function balanced(name: string): number {
  let open = 0;
  for (let index = 0; index < name.length; index++) {
    if (name[index] === '[') open += 1;
    else if (name[index] === ']') {
      if (open === 0) return index;
      open -= 1;
    }
  }
  return name.length;
}
