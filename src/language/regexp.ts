/**
 * Regular expressions with RE2's syntax and meaning, in linear time: unanchored, no look-around, no
 * back-references. RE2JS decides what is valid. Simple patterns, which mean the same to JavaScript and cannot
 * make it backtrack far, run there: it is some fifty times faster.
 */

import { RE2JS } from 're2js';

export type TextTest = (text: string) => boolean;

/** A compiled regexp, or why it is not one. */
export function compileRegexp(
  pattern: string,
  fold: boolean,
): { readonly test: TextTest } | { readonly problem: string } {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern, fold ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    return {
      problem: error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'not valid',
    };
  }
  const quick = fold ? undefined : simple(pattern);
  return { test: quick ?? ((text) => compiled.test(text)) };
}

/** Whether `pattern` is valid RE2 syntax: the problem in words, or undefined. */
export function regexpProblem(pattern: string): string | undefined {
  const compiled = compileRegexp(pattern, false);
  return 'problem' in compiled ? compiled.problem : undefined;
}

/** How many ways through a pattern JavaScript may have to try at one place of a text. */
const waysLimit = 256;

const literals = /[A-Za-z0-9_\-/:,;=@%&<>~!#'" ]/;
const escapes = /[.\-/$^*+?()[\]{}|\\:,;=@%&<>~!#'" ]/;

/**
 * The test of a pattern of literals, classes, plain groups, alternatives and bounded repetitions, with at most
 * one unbounded repetition behind a `^`; undefined when the pattern is anything else. `.*` at either end of a
 * pattern decides nothing and is dropped.
 */
export function simple(pattern: string): TextTest | undefined {
  let text = pattern;
  if (!text.includes('|')) {
    while (text.startsWith('.*') && !/^\.\*[?+*{]/.test(text)) text = text.slice(2);
    while (/(?:^|[^\\.])\.\*$/.test(text) && text.length > 1) text = text.slice(0, -2);
  }
  const translated = translate(text);
  if (translated === undefined) return undefined;
  const compiled = new RegExp(translated, 'u');
  return (value) => compiled.test(value);
}

function translate(pattern: string): string | undefined {
  let at = 0;
  let ways = 1;
  let unbounded = 0;
  let out = '';
  const next = (): string | undefined => pattern[at];

  /** One alternative list; false: the pattern is not simple. */
  const alternatives = (depth: number): boolean => {
    let branches = 1;
    let first = true;
    while (at < pattern.length && next() !== ')') {
      if (next() === '|') {
        branches += 1;
        out += '|';
        at += 1;
        first = true;
        continue;
      }
      if (!term(depth, first)) return false;
      first = false;
    }
    ways *= branches;
    return ways <= waysLimit;
  };

  const term = (depth: number, first: boolean): boolean => {
    const char = next()!;
    if (char === '^') {
      at += 1;
      out += '^';
      return first && !isQuantifier(next());
    }
    if (char === '$') {
      at += 1;
      out += '$';
      return !isQuantifier(next());
    }
    if (char === '(') {
      if (depth > 8) return false;
      at += 1;
      if (pattern.startsWith('?:', at)) at += 2;
      else if (next() === '?') return false;
      out += '(?:';
      if (!alternatives(depth + 1) || next() !== ')') return false;
      at += 1;
      out += ')';
      if (next() === '?' && !isQuantifier(pattern[at + 1])) {
        at += 1;
        out += '?';
        ways *= 2;
        return true;
      }
      return !isQuantifier(next());
    }
    return atom() && repetition();
  };

  const atom = (): boolean => {
    const char = next()!;
    at += 1;
    if (char === '.') {
      out += '[^\\n]';
      return true;
    }
    if (char === '[') return set();
    if (char === '\\') {
      const escaped = next() ?? '';
      at += 1;
      if (escaped === 'd' || escaped === 'w') out += `\\${escaped}`;
      else if (escaped !== '' && escapes.test(escaped)) out += quote(escaped);
      else return false;
      return true;
    }
    if (!literals.test(char)) return false;
    out += quote(char);
    return true;
  };

  const set = (): boolean => {
    out += '[';
    if (next() === '^') {
      out += '^';
      at += 1;
    }
    let empty = true;
    for (;;) {
      const char = next();
      if (char === undefined || char === '[') return false;
      at += 1;
      if (char === ']') {
        if (empty) return false;
        out += ']';
        return true;
      }
      empty = false;
      if (char === '\\') {
        const escaped = next() ?? '';
        at += 1;
        if (escaped === 'd' || escaped === 'w') out += `\\${escaped}`;
        else if (/[.\-/\]\\^$]/.test(escaped)) out += `\\${escaped}`;
        else return false;
        // After a class or an escape, a dash could be read in two ways.
        if (next() === '-' && pattern[at + 1] !== ']') return false;
        continue;
      }
      if (next() === '-' && pattern[at + 1] !== ']') {
        const to = pattern[at + 1] ?? '';
        const ordered = /[a-z]/.test(char)
          ? /[a-z]/
          : /[A-Z]/.test(char)
            ? /[A-Z]/
            : /[0-9]/.test(char)
              ? /[0-9]/
              : undefined;
        if (ordered === undefined || !ordered.test(to) || to < char) return false;
        out += `${char}-${to}`;
        at += 2;
        continue;
      }
      if (!/[A-Za-z0-9_./:,;=@%&<>~!#'" +*?$-]/.test(char)) return false;
      out += char === '-' || char === '/' ? `\\${char}` : char;
    }
  };

  const repetition = (): boolean => {
    const char = next();
    if (!isQuantifier(char)) return true;
    if (char === '{') {
      const found = /^\{(\d{1,2})(?:,(\d{1,2}))?\}/.exec(pattern.slice(at));
      if (found === null) return false;
      const least = Number(found[1]);
      const most = Number(found[2] ?? found[1]);
      if (most < least || most > 32) return false;
      ways *= most - least + 1;
      out += found[0];
      at += found[0].length;
    } else {
      if (char === '?') ways *= 2;
      else unbounded += 1;
      out += char;
      at += 1;
    }
    return !isQuantifier(next()) && ways <= waysLimit;
  };

  if (!alternatives(0) || at < pattern.length) return undefined;
  if (unbounded > 1 || (unbounded === 1 && (!pattern.startsWith('^') || pattern.includes('|'))))
    return undefined;
  return out;
}

function isQuantifier(char: string | undefined): boolean {
  return char === '*' || char === '+' || char === '?' || char === '{';
}

function quote(char: string): string {
  return /[.$^*+?()[\]{}|\\/]/.test(char) ? `\\${char}` : char;
}
