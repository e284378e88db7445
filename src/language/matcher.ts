/** Matchers → tests on one text. A matcher's identity is its kind, text and fold; equal ones share a test. */

import { invariant } from '../support/assert.js';
import { compileGlob, compilePattern, foldCase, globProblem, patternProblem } from './pattern.js';
import { compileRegexp, regexpProblem, type TextTest } from './regexp.js';
import type { Matcher } from './tree.js';

export function compileMatcher(matcher: Matcher): TextTest {
  switch (matcher.kind) {
    case 'exact': {
      const want = matcher.fold ? foldCase(matcher.text) : matcher.text;
      return matcher.fold ? (text) => foldCase(text) === want : (text) => text === want;
    }
    case 'pattern':
      return compilePattern(matcher.text, matcher.fold);
    case 'glob':
      return compileGlob(matcher.text, matcher.fold);
    case 'regexp': {
      const compiled = compileRegexp(matcher.text, matcher.fold);
      invariant('test' in compiled, 'the checker refuses invalid regexps');
      return compiled.test;
    }
  }
}

/** One test for "any of these": exact texts through a set, the rest in order. */
export function compileMatchers(matchers: readonly Matcher[]): TextTest {
  const exact = new Set(
    matchers.filter((item) => item.kind === 'exact' && !item.fold).map((item) => item.text),
  );
  const folded = new Set(
    matchers.filter((item) => item.kind === 'exact' && item.fold).map((item) => foldCase(item.text)),
  );
  const others = matchers.filter((item) => item.kind !== 'exact').map(compileMatcher);
  return (text) =>
    exact.has(text) || (folded.size > 0 && folded.has(foldCase(text))) || others.some((test) => test(text));
}

/** Why a matcher is not valid, with the code to report it under; undefined when it is. */
export function matcherProblem(
  matcher: Matcher,
): { code: 'invalid-pattern' | 'invalid-regexp'; problem: string } | undefined {
  if (matcher.kind === 'exact') return undefined;
  const problem =
    matcher.kind === 'regexp'
      ? regexpProblem(matcher.text)
      : matcher.kind === 'glob'
        ? globProblem(matcher.text)
        : patternProblem(matcher.text);
  if (problem === undefined) return undefined;
  return { code: matcher.kind === 'regexp' ? 'invalid-regexp' : 'invalid-pattern', problem };
}

export function matcherKey(matcher: Matcher): string {
  return `${matcher.kind}${matcher.fold ? '~' : ':'}${matcher.text}`;
}

/** Texts that a field with variants also compares as. */
export function textVariant(kind: 'title' | 'upper' | 'lower', text: string): string {
  if (kind === 'upper') return text.toUpperCase();
  if (kind === 'lower') return text.toLowerCase();
  return text.replace(
    /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}
