/**
 * How near a text comes to a literal that does not match it: what makes one of many events that are equally
 * many conditions away the closest. Numbers compare within one rule only; they have no unit.
 */
import { compileMatcher, type LiteralNode, matchPattern, type Matcher } from '../language/index.js';

/** Texts with the same last part, or within a pattern whose stars cross folders: nearer than any prefix. */
const whole = 10_000;

/** Nothing comes nearer: the same but for upper and lower case. */
export const nearestOfAll = 2 * whole;

/** Nearness of one text, from 0 (nothing in common) to `nearestOfAll`. */
export type Approach = (have: string) => number;

/** Undefined: the literal is no text. */
export function approachTo(literal: LiteralNode): Approach | undefined {
  if (typeof literal.value !== 'string') return undefined;
  const matcher: Matcher = literal.matcher ?? { kind: 'exact', text: literal.value, fold: false };
  switch (matcher.kind) {
    case 'exact':
      return toText(matcher.text);
    case 'glob':
      return matcher.text.includes('*') ? toGlob(matcher.text) : toText(matcher.text);
    case 'pattern':
      return toPattern(matcher.text);
    case 'regexp':
      return toRegexp(matcher);
  }
}

function toText(want: string): Approach {
  const last = want.slice(want.lastIndexOf('/') + 1);
  const folded = want.toLowerCase();
  return (have) => {
    if (have.toLowerCase() === folded) return nearestOfAll;
    if (last !== '' && have.slice(have.lastIndexOf('/') + 1) === last) return whole;
    return beginning(have, want);
  };
}

/** The folders that fit from the front and from the back, so that what is wrong between them is one stretch. */
function toGlob(want: string): Approach {
  const folders = want.split('/');
  const loose = crossing(want);
  const firm = want.replaceAll('*', '').length;
  return (have) => {
    if (matchPattern(loose, have)) return whole + firm;
    if (matchPattern(loose, have, true)) return nearestOfAll;
    const parts = have.split('/');
    const { front, back, firm: same } = bothEnds(folders, parts);
    const parting = inOrder((folders[front] ?? '').split('*'), parts[front] ?? '');
    return Math.min(whole - 1, front + back + same + parting);
  };
}

function toPattern(want: string): Approach {
  const parts = want.split('*');
  return (have) => {
    if (matchPattern(want, have, true)) return nearestOfAll;
    // Within the text, but not the whole of it.
    if (matchPattern(`*${want}*`, have)) return whole + want.length;
    return Math.min(whole - 1, inOrder(parts, have));
  };
}

function toRegexp(matcher: Matcher): Approach {
  const tests = looserRegexps(matcher.text).map(({ text, fold }) =>
    compileMatcher({ ...matcher, text, fold }),
  );
  const parts = firmParts(matcher.text);
  return (have) =>
    tests.some((test) => test(have)) ? nearestOfAll : Math.min(whole - 1, inOrder(parts, have));
}

/** A glob whose stars cross folders, as a plain pattern. */
export function crossing(glob: string): string {
  return glob.replace(/\*+/g, '*');
}

/** A regexp in any case, and one that need not be at the beginning and end. */
export function looserRegexps(text: string): readonly { readonly text: string; readonly fold: boolean }[] {
  const inside = text.replace(/^\^/, '').replace(/([^\\])\$$/, '$1');
  return [{ text, fold: true }, ...(inside === text || inside === '' ? [] : [{ text: inside, fold: false }])];
}

/** A regexp that was meant as a glob, or is as simple as one. */
export function globOf(regexp: string): string {
  return regexp
    .replace(/^\^/, '')
    .replace(/([^\\])\$$/, '$1')
    .replace(/\.\*/g, '*')
    .replace(/\\([.\-/])/g, '$1');
}

/**
 * How many folders of a glob fit those of a path one to one from the front, and of the rest from the back; of
 * several ways the one with the most characters that are no stars.
 */
export function bothEnds(
  folders: readonly string[],
  path: readonly string[],
): { readonly front: number; readonly back: number; readonly firm: number } {
  const most = Math.min(folders.length, path.length);
  const fits = (at: number): boolean => {
    const folder = folders.at(at)!;
    return folder !== '**' && matchPattern(folder, path.at(at)!);
  };
  let [fromFront, fromBack] = [0, 0];
  while (fromFront < most && fits(fromFront)) fromFront++;
  while (fromBack < most && fits(-1 - fromBack)) fromBack++;
  const firmOf = (folder: string): number => folder.length - (folder.match(/\*/g)?.length ?? 0);
  let firm = folders.slice(0, fromFront).reduce((sum, folder) => sum + firmOf(folder), 0);
  let best = { front: fromFront, back: 0, firm: -1 };
  for (let front = fromFront, back = 0; ; ) {
    while (back < Math.min(fromBack, most - front)) firm += firmOf(folders.at(-1 - back++)!);
    if (firm > best.firm) best = { front, back, firm };
    if (front === 0) return best;
    firm -= firmOf(folders[--front]!);
  }
}

/** Characters of the parts that stand in the text in their order; of one that does not, its longest beginning there. */
function inOrder(parts: readonly string[], have: string): number {
  let near = 0;
  let at = 0;
  parts.forEach((part, index) => {
    if (part === '') return;
    if (index === 0) {
      at = beginning(have, part);
      near += at;
      return;
    }
    if (index === parts.length - 1) near += ending(have, part);
    for (let length = part.length; length > 0; length--) {
      const found = have.indexOf(part.slice(0, length), at);
      if (found === -1) continue;
      near += length;
      at = found + length;
      return;
    }
  });
  return near;
}

/** Texts that a match of the regexp holds, roughly: classes, groups and what is repeated are left out. */
function firmParts(regexp: string): readonly string[] {
  const parts = [''];
  for (const [token] of regexp.matchAll(/\\.|\[\^?\]?[^\]]*\]|\{[^}]*\}|./gs)) {
    const last = parts.length - 1;
    if (/^(?:[*?]|\{.*\})$/.test(token)) parts.splice(last, 1, parts[last]!.slice(0, -1), '');
    else if (/^(?:\\[^\w]|[^\\[{^$.|+()])$/.test(token)) parts[last] += token.at(-1)!;
    else parts.push('');
  }
  // Nothing of it need be at the very beginning.
  return regexp.startsWith('^') ? parts.filter((part, index) => part !== '' || index === 0) : ['', ...parts];
}

function beginning(have: string, want: string): number {
  let length = 0;
  while (length < want.length && length < have.length && want[length] === have[length]) length++;
  return length;
}

function ending(have: string, want: string): number {
  let length = 0;
  while (length < want.length && length < have.length && want.at(-1 - length) === have.at(-1 - length))
    length++;
  return length;
}
