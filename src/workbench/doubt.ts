/**
 * What can be doubted about a rule's silence on a recording: the facts behind inconclusive verdicts.
 *
 * An event on which a fact is missing, cut or redacted is decided in three values, with every leaf that reads
 * such a fact unknown; only when the rule's answer then hangs on one of them is the rule in doubt.
 */
import type { Event, StringList } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import type { EventRow } from '../catalogue/row.js';
import type { BoolNode, Node, Trace } from '../language/index.js';
import type { LoadedRule } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import type { StringTable } from '../support/strings.js';
import type { InconclusiveCode } from './codes.js';

export type Known = boolean | undefined;

/** Decides a tree in three values from those of its leaves. */
export function decide(node: BoolNode, leaf: (id: number) => Known): Known {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'test':
    case 'truth':
      return leaf(node.leaf);
    case 'not': {
      const value = decide(node.operand, leaf);
      return value === undefined ? undefined : !value;
    }
    case 'macro':
      return decide(node.body, leaf);
    case 'and':
    case 'or': {
      const final = node.kind === 'or';
      let open = false;
      for (const operand of node.operands) {
        const value = decide(operand, leaf);
        if (value === final) return final;
        if (value === undefined) open = true;
      }
      return open ? undefined : !final;
    }
  }
}

/** Names of the fields that a node reads. */
export function fieldsOf(node: Node): string[] {
  switch (node.kind) {
    case 'field':
      return [node.field.name];
    case 'call':
      return fieldsOf(node.operand);
    case 'text':
      return node.parts.flatMap((part) => (typeof part === 'string' ? [] : fieldsOf(part)));
    case 'arithmetic':
    case 'test':
      return [...fieldsOf(node.left), ...fieldsOf(node.right)];
    case 'unary':
    case 'not':
    case 'truth':
      return fieldsOf(node.operand);
    case 'condition':
      return fieldsOf(node.condition);
    case 'macro':
      return fieldsOf(node.body);
    case 'and':
    case 'or':
      return node.operands.flatMap(fieldsOf);
    default:
      return [];
  }
}

const argumentField = /(^|\.)(args|argv|argv0|args_flags|args_options|envs|envp)$/;

/** Column (by position) that a field of the event's own type is read from; undefined for `process.*` and the like. */
function columnOf(field: string, row: EventRow): number | undefined {
  if (!field.startsWith(`${row.name}.`)) return undefined;
  const name = field.slice(row.name.length + 1);
  const names = Object.keys(row.columns);
  const own = row.fields[name];
  if (own !== undefined) return indexOrNone(names, own.from.split('.')[0]!);
  for (const [prefix, column] of Object.entries(row.files ?? {})) {
    if (name.startsWith(`${prefix}.`)) return indexOrNone(names, column);
  }
  return undefined;
}

function indexOrNone(names: readonly string[], name: string): number | undefined {
  const index = names.indexOf(name);
  return index < 0 ? undefined : index;
}

/** Marks of redaction as the recorder writes them. */
const redactionMark = /<redacted[^>]*>|\*{3}redacted/i;

export interface Doubt {
  readonly code: InconclusiveCode;
  readonly field: string;
  events: number;
}

/** What a rule reads that a recording may lack, leaf by leaf. */
interface Reading {
  readonly rule: LoadedRule;
  readonly leaves: readonly {
    readonly leaf: number;
    readonly field: string;
    readonly column: number | undefined;
  }[];
  /** Bits of the columns of its event that it reads. */
  readonly columns: number;
  /** It reads arguments or environment. */
  readonly words: boolean;
}

/** The rules of an event type, and what they read together. */
interface TypeReading {
  readonly rules: readonly Reading[];
  readonly columns: number;
  readonly words: boolean;
}

export class Doubts {
  /** Bits of the columns of the catalogue that the recording's own schema lacks, by event type. */
  readonly #absent = new Map<string, number>();
  readonly #found = new Map<string, Map<string, Doubt>>();
  readonly #readings = new Map<string, TypeReading>();
  readonly #redacted = new WeakMap<StringList, boolean>();
  readonly #redactedTexts = new Map<number, boolean>();

  constructor(
    readonly strings: StringTable,
    byType: ReadonlyMap<string, readonly LoadedRule[]>,
  ) {
    for (const [type, rules] of byType) {
      const row = eventByName(type);
      if (row === undefined) continue;
      const read = rules.map((rule) => readingOf(rule, row)).filter(({ leaves }) => leaves.length > 0);
      if (read.length === 0) continue;
      this.#readings.set(type, {
        rules: read,
        columns: read.reduce((bits, one) => bits | one.columns, 0),
        words: read.some((one) => one.words),
      });
    }
  }

  /** Takes the schema of the recording: type → names of the columns that it has. */
  schema(events: ReadonlyMap<string, readonly string[]>): void {
    for (const [type, columns] of events) {
      const row = eventByName(type);
      if (row === undefined) continue;
      let absent = 0;
      Object.keys(row.columns).forEach((name, index) => {
        if (!columns.includes(name)) absent |= 1 << index;
      });
      if (absent !== 0) this.#absent.set(type, absent);
    }
  }

  /** Looks at one event that rules see. Cheap unless what rules read of it is incomplete. */
  see(event: Event, trace: (rule: LoadedRule) => Trace): void {
    const reading = this.#readings.get(event.type);
    if (reading === undefined) return;
    const missing = event.missing | (this.#absent.get(event.type) ?? 0);
    const columns = (missing | event.cut) & reading.columns;
    let words: InconclusiveCode | undefined;
    if (reading.words) {
      const { argv, envp } = event.process;
      if (this.#isRedacted(argv) || this.#isRedacted(envp)) words = 'field-redacted';
      else if (argv.truncated || envp.truncated) words = 'field-truncated';
    }
    if (columns === 0 && words === undefined) return;
    for (const { rule, leaves, ...reads } of reading.rules) {
      if ((columns & reads.columns) === 0 && (words === undefined || !reads.words)) continue;
      const unknown = new Map<number, { code: InconclusiveCode; field: string }>();
      for (const { leaf, field, column } of leaves) {
        const code =
          column === undefined
            ? words
            : (missing & (1 << column)) !== 0
              ? 'field-not-recorded'
              : (event.cut & (1 << column)) !== 0
                ? 'field-truncated'
                : undefined;
        if (code !== undefined) unknown.set(leaf, { code, field });
      }
      if (unknown.size === 0) continue;
      const traced = trace(rule);
      const value = decide(rule.rule.root, (id) =>
        unknown.has(id) ? undefined : (traced.leaves[id]?.value ?? false),
      );
      if (value !== undefined) continue;
      for (const { code, field } of unknown.values()) this.#add(rule.id, code, field);
    }
  }

  /** By rule. */
  all(): Map<string, readonly Doubt[]> {
    return new Map([...this.#found].map(([rule, doubts]) => [rule, [...doubts.values()]]));
  }

  #add(rule: string, code: InconclusiveCode, field: string): void {
    const doubts = lookup(this.#found, rule, () => new Map());
    const key = `${code} ${field}`;
    const known = doubts.get(key);
    if (known === undefined) doubts.set(key, { code, field, events: 1 });
    else known.events += 1;
  }

  /** A list is decoded once and shared by all events that have it. */
  #isRedacted(list: StringList): boolean {
    const known = this.#redacted.get(list);
    if (known !== undefined) return known;
    let marked = false;
    for (const id of list.items)
      if (lookup(this.#redactedTexts, id, () => redactionMark.test(this.strings.text(id)))) marked = true;
    this.#redacted.set(list, marked);
    return marked;
  }
}

function readingOf(rule: LoadedRule, row: EventRow): Reading {
  const leaves: { leaf: number; field: string; column: number | undefined }[] = [];
  for (const leaf of rule.rule.leaves) {
    for (const field of fieldsOf(leaf)) {
      const column = columnOf(field, row);
      if (argumentField.test(field)) leaves.push({ leaf: leaf.leaf, field, column: undefined });
      else if (column !== undefined) leaves.push({ leaf: leaf.leaf, field, column });
    }
  }
  return {
    rule,
    leaves,
    columns: leaves.reduce((bits, { column }) => (column === undefined ? bits : bits | (1 << column)), 0),
    words: leaves.some(({ column }) => column === undefined),
  };
}
