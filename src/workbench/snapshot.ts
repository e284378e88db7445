/** Snapshots of detections: what a test fires, normalised, as YAML that one can review. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { parse, stringify } from 'yaml';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import { workbenchCodes } from './codes.js';
import { textDiff } from './linediff.js';
import { type Mask, Normaliser } from './normalise.js';
import type { SnapshotChange } from './results.js';

/** A detection, not yet normalised. */
export interface SnapshotLine {
  readonly rule: string;
  readonly event: string;
  /** `sh#1/cat#2` */
  readonly lineage: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly args: string;
  readonly matched: readonly { readonly field: string | undefined; readonly value: unknown }[];
  readonly actions: readonly string[];
}

/** One entry of a snapshot; equal detections of one process are folded. */
export interface SnapshotEntry {
  readonly [key: string]: unknown;
  readonly times?: number;
}

export const defaultSnapshotFields = ['rule', 'event', 'process.lineage', 'process.args', 'matched'] as const;

export interface SnapshotOptions {
  readonly fields?: readonly string[] | undefined;
  readonly masks?: readonly Mask[] | undefined;
  /** Named `<work>`. */
  readonly work: string;
}

/** Entries by process in order of their lineage, and within a process in the order of events. */
export function snapshotEntries(lines: readonly SnapshotLine[], options: SnapshotOptions): SnapshotEntry[] {
  const normaliser = new Normaliser({
    folders: { [options.work]: '<work>', [homedir()]: '<home>' },
    masks: options.masks ?? [],
  });
  const fields = options.fields ?? defaultSnapshotFields;
  const groups = new Map<string, Map<string, { entry: Record<string, unknown>; times: number }>>();
  for (const line of lines) {
    const entry: Record<string, unknown> = {};
    for (const field of fields) {
      const value = part(line, field, normaliser);
      if (value !== undefined && value !== '')
        entry[field === 'process.lineage' ? 'process' : field === 'process.args' ? 'args' : field] = value;
    }
    const group = lookup(groups, line.lineage, () => new Map());
    const key = JSON.stringify(entry);
    const known = group.get(key);
    if (known === undefined) group.set(key, { entry, times: 1 });
    else known.times += 1;
  }
  const order = [...groups.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return order.flatMap((lineage) =>
    [...groups.get(lineage)!.values()].map(({ entry, times }) => (times === 1 ? entry : { ...entry, times })),
  );
}

function part(line: SnapshotLine, field: string, normaliser: Normaliser): unknown {
  switch (field) {
    case 'rule':
      return line.rule;
    case 'event':
      return line.event;
    case 'process.lineage':
      return line.lineage;
    case 'process.args':
      return normaliser.text(field, line.args);
    case 'actions':
      return line.actions.length === 0 ? undefined : line.actions;
    case 'matched': {
      const matched: Record<string, unknown> = {};
      for (const { field: name, value } of line.matched) {
        if (name === undefined) continue;
        const shown = normaliser.value(name, value);
        if (shown !== undefined) matched[name] = shown;
      }
      return Object.keys(matched).length === 0 ? undefined : matched;
    }
    default:
      return normaliser.value(field, line.fields[field]);
  }
}

export const snapshotPath = (testFile: string): string =>
  testFile.replace(/\.ya?ml$/, '.snap.yaml').replace(/\.test\.snap\.yaml$/, '.test.snap.yaml');

/** The snapshots beside one test file: name of the test → entries. */
export class SnapshotFile {
  readonly #tests: Map<string, readonly SnapshotEntry[]>;
  #changed = false;

  constructor(
    readonly path: string,
    readonly shown: string,
  ) {
    this.#tests = new Map();
    if (!existsSync(path)) return;
    let raw: unknown;
    try {
      raw = parse(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new DiagnosticError([
        diagnostic(
          workbenchCodes,
          'not-yaml',
          `"${shown}" cannot be read: ${(error as Error).message.split('\n')[0]}`,
        ),
      ]);
    }
    const tests = (raw as { snapshots?: Record<string, SnapshotEntry[]> } | null)?.snapshots ?? {};
    for (const [name, entries] of Object.entries(tests))
      if (Array.isArray(entries)) this.#tests.set(name, entries);
  }

  compare(test: string, entries: readonly SnapshotEntry[]): SnapshotChange {
    const before = this.#tests.get(test);
    const file = this.shown;
    if (before === undefined)
      return {
        file,
        state: 'absent',
        added: total(entries),
        removed: 0,
        diff: textDiff('', textOf(entries), file),
      };
    const { added, removed } = difference(before, entries);
    const state = textOf(before) === textOf(entries) ? 'same' : 'differs';
    return {
      file,
      state,
      added,
      removed,
      diff: state === 'same' ? '' : textDiff(textOf(before), textOf(entries), file),
    };
  }

  set(test: string, entries: readonly SnapshotEntry[]): void {
    this.#tests.set(test, entries);
    this.#changed = true;
  }

  /** Writes when something was set; tests in order of name, so that a diff is small. */
  save(): void {
    if (!this.#changed) return;
    const snapshots = Object.fromEntries([...this.#tests].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
    const head = '# Written by "seccam test --update". Review the difference, do not edit.\n';
    writeFileSync(this.path, head + stringify({ version: 1, snapshots }, { lineWidth: 0 }));
    this.#changed = false;
  }
}

export const textOf = (entries: readonly SnapshotEntry[]): string =>
  entries.length === 0 ? '' : stringify(entries, { lineWidth: 0 });

const total = (entries: readonly SnapshotEntry[]): number =>
  entries.reduce((sum, entry) => sum + (entry.times ?? 1), 0);

/** How many detections were gained and lost: differences of multisets. */
export function difference(
  before: readonly SnapshotEntry[],
  after: readonly SnapshotEntry[],
): { added: number; removed: number } {
  const counts = new Map<string, number>();
  const add = (entries: readonly SnapshotEntry[], sign: number) => {
    for (const { times, ...rest } of entries) {
      const key = JSON.stringify(rest);
      counts.set(key, (counts.get(key) ?? 0) + sign * (times ?? 1));
    }
  };
  add(before, -1);
  add(after, 1);
  let added = 0;
  let removed = 0;
  for (const count of counts.values()) {
    if (count > 0) added += count;
    else removed -= count;
  }
  return { added, removed };
}
