/** Marks that redaction left in texts, and what could have stood in their place. */
import type { Leaf, LeafResult, LiteralNode } from '../language/index.js';
import { literalsOf } from './leaf.js';

/** Those of the tracer within an argument and as a component of a path, and those of `recording redact`. */
const ownMarks = String.raw`<redacted[^>]*>|\*{8}|redacted-[0-9a-f]{8}(?![0-9a-f])`;

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

interface Replacement {
  readonly text: string;
  /** What everything that was replaced begins with. */
  readonly from: string;
}

export class HiddenTexts {
  readonly #pattern: RegExp;
  readonly #replacements: readonly Replacement[];

  /** `paths`: of the header's `redacted`, `GLOB` or `GLOB=TEXT` each. */
  constructor(paths: readonly string[] = []) {
    this.#replacements = paths.flatMap((path) => {
      const at = path.indexOf('=');
      const text = at < 0 ? '' : path.slice(at + 1);
      return text === '' ? [] : [{ text, from: staticPrefix(path.slice(0, at)) }];
    });
    const own = this.#replacements.map(({ text }) => `(?<=^|/|=)${escaped(text)}(?=$|/)`);
    this.#pattern = new RegExp([ownMarks, ...own].join('|'), 'g');
  }

  isMarked(text: string): boolean {
    this.#pattern.lastIndex = 0;
    return this.#pattern.test(text);
  }

  /** Whether the leaf could have come out otherwise with what was hidden from it. */
  couldTurn(leaf: Leaf, result: LeafResult): boolean {
    const members = leaf.kind === 'test' ? literalsOf(leaf.right) : [];
    const marked = (text: unknown): text is string => typeof text === 'string' && this.isMarked(text);
    if (members.length === 0) return [...result.left, ...result.right].some(marked);
    return result.left.some((text) => marked(text) && members.some((member) => this.#couldBe(text, member)));
  }

  #couldBe(text: string, member: LiteralNode): boolean {
    if (typeof member.value !== 'string') return true;
    const kind = member.matcher?.kind ?? 'exact';
    if (kind !== 'exact' && kind !== 'glob') return true;
    this.#pattern.lastIndex = 0;
    const first = this.#pattern.exec(text)!;
    let last = first;
    for (let next = this.#pattern.exec(text); next !== null; next = this.#pattern.exec(text)) last = next;
    const replaced = this.#replacements.find((one) => one.text === first[0]);
    const before = text.slice(0, first.index) + (replaced?.from ?? '');
    const after = text.slice(last.index + last[0].length);
    if (kind === 'exact') return member.value.startsWith(before) && member.value.endsWith(after);
    const head = staticPrefix(member.value);
    const tail = member.value.slice(member.value.lastIndexOf('*') + 1);
    return (
      (head.startsWith(before) || before.startsWith(head)) && (tail.endsWith(after) || after.endsWith(tail))
    );
  }
}

const staticPrefix = (glob: string): string => /^[^*?[]*/.exec(glob)![0];

/** `paths` of what a header tells of redaction. */
export function hiddenPaths(redacted: unknown): readonly string[] {
  const paths =
    typeof redacted === 'object' && redacted !== null && 'paths' in redacted ? redacted.paths : undefined;
  return Array.isArray(paths) ? paths.filter((path): path is string => typeof path === 'string') : [];
}
