/**
 * Regular expressions with RE2's syntax and meaning, in linear time: unanchored, no look-around, no
 * back-references. RE2JS decides; patterns that are only literal text around `.*` take a shortcut that means
 * the same.
 */

import { RE2JS } from 're2js';

export type TextTest = (text: string) => boolean;

/** A compiled regexp, or why it is not one. */
export function compileRegexp(pattern: string, fold: boolean): { test: TextTest } | { problem: string } {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern, fold ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    return { problem: error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'not valid' };
  }
  const quick = fold ? undefined : literalTest(pattern);
  return { test: quick ?? ((text) => compiled.matcher(text).find()) };
}

/** Whether `pattern` is valid RE2 syntax: the problem in words, or undefined. */
export function regexpProblem(pattern: string): string | undefined {
  const compiled = compileRegexp(pattern, false);
  return 'problem' in compiled ? compiled.problem : undefined;
}

const plain = /^[A-Za-z0-9_\-/:,;=@%&<>~!#'" ]*$/;

/**
 * A test for `^?` literal (`.*` literal)* `$?`, or undefined when the pattern is anything more. `.` does not
 * match a newline in RE2, so texts with one are not decided here: the caller's pattern is only taken when the
 * literals can be found in order within one line.
 */
function literalTest(pattern: string): TextTest | undefined {
  const anchored = pattern.startsWith('^');
  const closed = pattern.endsWith('$') && !pattern.endsWith('\\$');
  const body = pattern.slice(anchored ? 1 : 0, closed ? -1 : undefined);
  const parts = body.split('.*').map((part) => (/^(?:[^\\]|\\[.\-/])*$/.test(part) ? part.replace(/\\([.\-/])/g, '\u0000$1') : undefined));
  const literals: string[] = [];
  for (const part of parts) {
    if (part === undefined) return undefined;
    const escaped = part.replace(/\u0000[.\-/]/g, '');
    if (!plain.test(escaped)) return undefined;
    literals.push(part.replace(/\u0000/g, ''));
  }
  return (text) => {
    if (!text.includes('\n')) return ordered(literals, anchored, closed, text);
    if (anchored || closed || literals.length === 1) {
      return literals.length === 1 ? ordered(literals, anchored, closed, text) : lines(literals, anchored, closed, text);
    }
    return text.split('\n').some((line) => ordered(literals, false, false, line));
  };
}

/** `^` holds at the very beginning and `$` at the very end only, and `.*` cannot leave its line. */
function lines(literals: readonly string[], anchored: boolean, closed: boolean, text: string): boolean {
  const all = text.split('\n');
  return all.some((line, index) => {
    if (anchored && index !== 0) return false;
    if (closed && index !== all.length - 1) return false;
    return ordered(literals, anchored, closed, line);
  });
}

function ordered(literals: readonly string[], anchored: boolean, closed: boolean, text: string): boolean {
  const last = literals.length - 1;
  let at = 0;
  for (let index = 0; index <= last; index++) {
    const literal = literals[index]!;
    const atStart = index === 0 && anchored;
    const atEnd = index === last && closed;
    if (atStart && atEnd) return text === literal;
    if (atStart) {
      if (!text.startsWith(literal)) return false;
      at = literal.length;
    } else if (atEnd) {
      return text.length - literal.length >= at && text.endsWith(literal);
    } else {
      const found = text.indexOf(literal, at);
      if (found === -1) return false;
      at = found + literal.length;
    }
  }
  return true;
}
