/**
 * What the run before answered, kept in the user's cache and nowhere in the project: for `--failed`, and to
 * notice a test that changes its answer on the same inputs.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { makeFolder } from '../support/folder.js';
import type { TestOutcome } from './results.js';
import type { TestCase } from './suite.js';

interface Answered {
  readonly outcome: TestOutcome;
  /** Of everything that the answer may depend on. */
  readonly inputs: string;
  /** Of the answer. */
  readonly answer: string;
}

const keyOf = (test: TestCase): string => `${test.absolute}\n${test.name}`;

export class LastRun {
  constructor(
    readonly path: string,
    readonly before: Readonly<Record<string, Answered>>,
    readonly now: Record<string, Answered> = { ...before },
  ) {}

  static open(root: string): LastRun {
    const named = process.env['XDG_CACHE_HOME'] ?? '';
    // An empty or relative one counts for nothing, says the XDG base directory specification.
    const folder = isAbsolute(named) ? named : join(homedir(), '.cache');
    const path = join(folder, 'seccam', 'runs', `${digest(root).slice(0, 24)}.json`);
    try {
      const raw: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (raw !== null && typeof raw === 'object' && !Array.isArray(raw))
        return new LastRun(path, raw as Record<string, Answered>);
    } catch {
      // No run before, or a cache that cannot be read: both mean that nothing is known.
    }
    return new LastRun(path, {});
  }

  /** There was a run before. */
  get known(): boolean {
    return Object.keys(this.before).length > 0;
  }

  get anyFailed(): boolean {
    return Object.values(this.before).some(({ outcome }) => outcome === 'fail' || outcome === 'inconclusive');
  }

  failed(test: TestCase): boolean {
    const outcome = this.before[keyOf(test)]?.outcome;
    return outcome === 'fail' || outcome === 'inconclusive';
  }

  /** True when the same inputs gave another answer the last time. */
  contradicts(test: TestCase, inputs: string, answer: string): boolean {
    const before = this.before[keyOf(test)];
    return before !== undefined && before.inputs === inputs && before.answer !== answer;
  }

  remember(test: TestCase, outcome: TestOutcome, inputs: string, answer: string): void {
    this.now[keyOf(test)] = { outcome, inputs, answer };
  }

  save(): void {
    try {
      makeFolder(dirname(this.path));
      writeFileSync(this.path, JSON.stringify(this.now));
    } catch {
      // A cache that cannot be written only costs `--failed`.
    }
  }
}

export const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A file's identity without reading it: size, time and inode. */
export function stamp(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? `${path} absent` : `${path} ${found.size} ${found.mtimeMs} ${found.ino}`;
}
