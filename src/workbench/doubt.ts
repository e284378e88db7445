/**
 * What can be doubted about a rule's silence on a recording: the facts behind inconclusive verdicts.
 *
 * An event on which a fact is missing, cut or redacted is decided in three values, with every leaf that reads
 * such a fact unknown; only when the rule's answer then hangs on one of them is the rule in doubt.
 */
import type { Event, Process, StringList } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import type { EventRow } from '../catalogue/row.js';
import type { BoolNode, Node, Trace } from '../language/index.js';
import { isOfProcess } from '../outputs/recording/events.js';
import type { LoadedRule } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import type { StringTable } from '../support/strings.js';
import type { InconclusiveCode } from './codes.js';
import { HiddenTexts, hiddenPaths } from './hidden.js';

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
  /** It reads other facts of processes. */
  readonly images: boolean;
}

/** The rules of an event type, and what they read together. */
interface TypeReading {
  readonly rules: readonly Reading[];
  readonly columns: number;
  /** Those of the columns that are texts or hold a path. */
  readonly texts: number;
  readonly words: boolean;
  readonly images: boolean;
}

export class Doubts {
  /** Bits of the columns of the catalogue that the recording's own schema lacks, by event type. */
  readonly #absent = new Map<string, number>();
  readonly #found = new Map<string, Map<string, Doubt>>();
  readonly #readings = new Map<string, TypeReading>();
  #hidden = new HiddenTexts();
  /** Paths were hidden, and not only words of the command line. */
  #hidesPaths = false;
  readonly #markedLists = new WeakMap<StringList, boolean>();
  readonly #markedTexts = new Map<number, boolean>();
  readonly #markedImages = new WeakMap<Process, boolean>();

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
        texts: read.reduce((bits, one) => bits | one.columns, 0) & textColumns(row),
        words: read.some((one) => one.words),
        images: read.some((one) => one.images),
      });
    }
  }

  /** Takes the schema of the recording: type → names of the columns that it has, and what its header tells of redaction. */
  schema(events: ReadonlyMap<string, readonly string[]>, redacted: unknown): void {
    const paths = hiddenPaths(redacted);
    this.#hidden = new HiddenTexts(paths);
    this.#hidesPaths = paths.length > 0;
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
    const incomplete = (missing | event.cut) & reading.columns;
    const { argv, envp } = event.process;
    const cut = reading.words && (argv.truncated || envp.truncated);
    const markedWords = reading.words && (this.#isMarked(argv) || this.#isMarked(envp));
    const markedColumns = this.#hidesPaths ? this.#marked(event.columns, reading.texts) : 0;
    const markedImage = this.#hidesPaths && reading.images && this.#isMarkedImage(event.process);
    if (incomplete === 0 && !cut && !markedWords && markedColumns === 0 && !markedImage) return;
    for (const { rule, leaves, ...reads } of reading.rules) {
      const marked =
        (markedWords && reads.words) ||
        (markedImage && reads.images) ||
        (markedColumns & reads.columns) !== 0;
      if ((incomplete & reads.columns) === 0 && !(cut && reads.words) && !marked) continue;
      const traced = trace(rule);
      const unknown = new Map<number, { code: InconclusiveCode; field: string }>();
      for (const { leaf, field, column } of leaves) {
        const code =
          marked && this.#hidden.couldTurn(rule.rule.leaves[leaf]!, traced.leaves[leaf]!)
            ? 'field-redacted'
            : column === undefined
              ? cut && argumentField.test(field)
                ? 'field-truncated'
                : undefined
              : (missing & (1 << column)) !== 0
                ? 'field-not-recorded'
                : (event.cut & (1 << column)) !== 0
                  ? 'field-truncated'
                  : undefined;
        if (code !== undefined) unknown.set(leaf, { code, field });
      }
      if (unknown.size === 0) continue;
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
  #isMarked(list: StringList): boolean {
    return lookup(this.#markedLists, list, () => list.items.some((id) => this.#isMarkedText(id)));
  }

  #isMarkedText(id: number): boolean {
    return lookup(this.#markedTexts, id, () => this.#hidden.isMarked(this.strings.text(id)));
  }

  /** Bits of those of the wanted columns that hold a mark. */
  #marked(columns: Event['columns'], wanted: number): number {
    let bits = 0;
    for (let column = 0; column < columns.length; column++) {
      if ((wanted & (1 << column)) === 0) continue;
      const value = columns[column]!;
      const id = typeof value === 'number' ? value : 'path' in value ? value.path : 0;
      if (this.#isMarkedText(id)) bits |= 1 << column;
    }
    return bits;
  }

  /** Whether a path of the image or of one above it holds a mark. */
  #isMarkedImage(image: Process): boolean {
    for (let at: Process | null = image; at !== null; at = at.parent) {
      const known = this.#markedImages.get(at);
      if (known === false) return false;
      const { file, interpreter } = at;
      const marked =
        known ?? [file.path, interpreter.path, ...at.aliases].some((id) => this.#isMarkedText(id));
      if (marked) {
        this.#markedImages.set(image, true);
        return true;
      }
    }
    this.#markedImages.set(image, false);
    return false;
  }
}

function textColumns(row: EventRow): number {
  return Object.values(row.columns).reduce(
    (bits, { type }, index) =>
      type === 'string' || type === 'file' || type === 'address' ? bits | (1 << index) : bits,
    0,
  );
}

function readingOf(rule: LoadedRule, row: EventRow): Reading {
  const leaves: { leaf: number; field: string; column: number | undefined }[] = [];
  for (const leaf of rule.rule.leaves) {
    for (const field of fieldsOf(leaf)) {
      const column = columnOf(field, row);
      if (argumentField.test(field) || (column === undefined && isOfProcess(field)))
        leaves.push({ leaf: leaf.leaf, field, column: undefined });
      else if (column !== undefined) leaves.push({ leaf: leaf.leaf, field, column });
    }
  }
  return {
    rule,
    leaves,
    columns: leaves.reduce((bits, { column }) => (column === undefined ? bits : bits | (1 << column)), 0),
    words: leaves.some(({ field }) => argumentField.test(field)),
    images: leaves.some(({ column, field }) => column === undefined && !argumentField.test(field)),
  };
}
