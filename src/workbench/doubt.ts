/**
 * What can be doubted about a rule's silence on a recording: the facts behind inconclusive verdicts.
 *
 * An event on which a fact is missing, cut or redacted is decided in three values, with every leaf that reads
 * such a fact unknown; only when the rule's answer then hangs on one of them is the rule in doubt.
 */
import type { Event, StringList } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import type { EventRow } from '../catalogue/row.js';
import type { BoolNode, Leaf, Node, Trace } from '../language/index.js';
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

export class Doubts {
  /** Columns of the catalogue that the recording's own schema lacks, by event type. */
  readonly #absent = new Map<string, ReadonlySet<number>>();
  readonly #found = new Map<string, Map<string, Doubt>>();
  readonly #leafFields = new WeakMap<Leaf, readonly string[]>();
  readonly #redacted = new Map<number, boolean>();

  constructor(
    readonly strings: StringTable,
    readonly byType: ReadonlyMap<string, readonly LoadedRule[]>,
  ) {}

  /** Takes the schema of the recording: type → names of the columns that it has. */
  schema(events: ReadonlyMap<string, readonly string[]>): void {
    for (const [type, columns] of events) {
      const row = eventByName(type);
      if (row === undefined) continue;
      const absent = Object.keys(row.columns).flatMap((name, index) =>
        columns.includes(name) ? [] : [index],
      );
      if (absent.length > 0) this.#absent.set(type, new Set(absent));
    }
  }

  /** Looks at one event that rules see. Cheap unless something about it is incomplete. */
  see(event: Event, trace: (rule: LoadedRule) => Trace): void {
    const absent = this.#absent.get(event.type);
    const cutArguments = event.process.argv.truncated || event.process.envp.truncated;
    const marked = this.#isRedacted(event.process.argv) || this.#isRedacted(event.process.envp);
    if (absent === undefined && event.missing === 0 && event.cut === 0 && !cutArguments && !marked) return;
    const row = eventByName(event.type);
    if (row === undefined) return;
    for (const rule of this.byType.get(event.type) ?? []) {
      const unknown = new Map<number, { code: InconclusiveCode; field: string }>();
      for (const leaf of rule.rule.leaves) {
        for (const field of this.#fieldsOf(leaf)) {
          const code = this.#doubtOf(field, event, row, absent, cutArguments, marked);
          if (code !== undefined) unknown.set(leaf.leaf, { code, field });
        }
      }
      if (unknown.size === 0) continue;
      const { leaves } = trace(rule);
      const value = decide(rule.rule.root, (id) =>
        unknown.has(id) ? undefined : (leaves[id]?.value ?? false),
      );
      if (value !== undefined) continue;
      for (const { code, field } of unknown.values()) this.#add(rule.id, code, field);
    }
  }

  /** By rule. */
  all(): Map<string, readonly Doubt[]> {
    return new Map([...this.#found].map(([rule, doubts]) => [rule, [...doubts.values()]]));
  }

  #doubtOf(
    field: string,
    event: Event,
    row: EventRow,
    absent: ReadonlySet<number> | undefined,
    cut: boolean,
    marked: boolean,
  ): InconclusiveCode | undefined {
    if (argumentField.test(field)) return marked ? 'field-redacted' : cut ? 'field-truncated' : undefined;
    const column = columnOf(field, row);
    if (column === undefined) return undefined;
    if (absent?.has(column) === true || (event.missing & (1 << column)) !== 0) return 'field-not-recorded';
    return (event.cut & (1 << column)) !== 0 ? 'field-truncated' : undefined;
  }

  #add(rule: string, code: InconclusiveCode, field: string): void {
    const doubts = lookup(this.#found, rule, () => new Map());
    const key = `${code} ${field}`;
    const known = doubts.get(key);
    if (known === undefined) doubts.set(key, { code, field, events: 1 });
    else known.events += 1;
  }

  #fieldsOf(leaf: Leaf): readonly string[] {
    const fields = lookup(this.#leafFields, leaf, () => fieldsOf(leaf));
    return fields;
  }

  #isRedacted(list: StringList): boolean {
    for (const id of list.items) {
      const marked = lookup(this.#redacted, id, () => redactionMark.test(this.strings.text(id)));
      if (marked) return true;
    }
    return false;
  }
}
