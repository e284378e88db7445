/** Collects what the HTML report shows while events go by: columns of numbers into one table of values. */
import { nameConstant } from '../catalogue/constants.js';
import type { Event, Process } from '../catalogue/event.js';
import type { BoolNode, Trace } from '../language/index.js';
import { haveText } from '../outputs/explanation.js';
import type {
  ReportData,
  ReportDetection,
  ReportField,
  ReportLeaf,
  ReportRecording,
  ReportRule,
} from '../outputs/report/data.js';
import type { StreamSummary } from '../pipeline/index.js';
import type { Detection, LoadedRule, Observer, ProductModel } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import { packageVersion } from '../support/package.js';
import { nodeText } from './account.js';
import { leafNotes, leafValues, VariableLog } from './leaf.js';
import type { RulesInUse } from './ruleset.js';
import { gapsOf } from './scenario.js';

/** Detections of one rule that show why; the others show that they were. */
const explainedOfRule = 200;

interface TypeColumns {
  readonly index: number;
  readonly columns: Map<string, number[]>;
  rows: number;
}

export class ReportBook {
  readonly #values: unknown[] = [null];
  readonly #numbers = new Map<string | number, number>();
  readonly #types = new Map<string, TypeColumns>();
  readonly #events = {
    type: [] as number[],
    process: [] as number[],
    state: [] as number[],
    tid: [] as number[],
    result: [] as number[],
    elapsed: [] as number[],
    seq: [] as number[],
    shown: [] as number[],
  };
  readonly #processes: {
    pid: number;
    parent: number;
    path: string;
    args: string;
    uid: number;
    user: string;
    exit?: string;
  }[] = [];
  readonly #images = new Map<number, number>();
  readonly #states = new Map<string, number>();
  readonly #stateColumns = new Map<string, number[]>();
  readonly #parts = new WeakMap<object, number>();
  #nextPart = 1;
  #stateCount = 0;
  readonly #words = new Map<string, Map<number, string>>();
  readonly #recordings: ReportRecording[] = [];
  readonly #rules = new Map<LoadedRule, { index: number; row: ReportRule; explained: number }>();
  readonly #detections: ReportDetection[] = [];
  readonly #log: VariableLog | undefined;
  /** Of a process, and of those above it, which are the same for all its children. */
  readonly #ownFields: readonly ReportField[];
  readonly #aboveFields: readonly ReportField[];
  readonly #aboves = new Map<string, readonly (readonly [field: string, number: number])[]>();
  readonly #fields: readonly ReportField[];

  /** `inUse`: with rules; without, the events alone. */
  constructor(
    readonly model: ProductModel,
    readonly inUse?: RulesInUse,
  ) {
    this.#log = inUse === undefined ? undefined : new VariableLog(inUse);
    this.#fields = fieldsOf(model);
    const processFields = this.#fields.filter(
      (field) =>
        field.event === undefined &&
        !field.name.startsWith('event.') &&
        model.unavailable(field.name) === undefined,
    );
    const isAbove = ({ name }: ReportField): boolean => /^process\.(parent|ancestors)\./.test(name);
    this.#ownFields = processFields.filter((field) => !isAbove(field));
    this.#aboveFields = processFields.filter(isAbove);
  }

  /** Before the events of each recording; a pid or image of one is not that of another. */
  begin(name: string): void {
    this.#recordings.push({ name, first: this.#events.type.length, command: '', notes: [] });
    this.#images.clear();
    this.#states.clear();
    this.#aboves.clear();
  }

  see(event: Event, shown: boolean): void {
    if (this.#recordings.length === 0) this.begin('');
    const fields = this.model.fieldsOf(event);
    const type = lookup(this.#types, event.type, () => ({
      index: this.#types.size,
      columns: new Map<string, number[]>(),
      rows: 0,
    }));
    for (const name in fields) {
      const value = this.#number(fields[name]);
      if (value === 0) continue;
      const column = lookup(type.columns, name, () => []);
      while (column.length < type.rows) column.push(0);
      column.push(value);
      this.#word(name, fields[name]);
    }
    type.rows += 1;
    const process = this.#image(event.process, event);
    const { type: types, process: processes, state, tid, result, elapsed, seq, shown: seen } = this.#events;
    types.push(type.index);
    processes.push(process);
    state.push(this.#state(event));
    tid.push(event.tid);
    result.push(event.retval);
    elapsed.push(Number(event.elapsed));
    seq.push(event.seq);
    seen.push(shown ? 1 : 0);
    if (event.type === 'exit' && event.pid === event.process.pid) {
      const code = String(fields['exit.code'] ?? 0);
      this.#processes[process]!.exit =
        Number(fields['exit.cause'] ?? 0) === 0 ? `exited ${code}` : `killed by signal ${code}`;
    }
  }

  /** Keeps how a rule that matches was decided, before its own actions change variables. */
  readonly observer: Observer = {
    rule: (rule, _event, value, trace) => {
      if (!value) return;
      const explained = this.#rules.get(rule)?.explained ?? 0;
      if (explained < explainedOfRule) this.#traces.set(rule, trace());
    },
  };
  /** Of the rules that matched the event at hand; their detections are told when all were decided. */
  readonly #traces = new Map<LoadedRule, Trace>();

  /** Synchronously, while `event` is the current one and was seen. */
  detection(detection: Detection, event: Event): void {
    if (this.inUse === undefined || this.#log === undefined) return;
    const rule = this.inUse.rules.byId(detection.ruleId);
    if (rule === undefined) return;
    const known = lookup(this.#rules, rule, () => ({
      index: this.#rules.size,
      row: ruleRow(rule, this.inUse!),
      explained: 0,
    }));
    const trace = this.#traces.get(rule);
    const leaves = trace === undefined ? undefined : this.#leaves(rule, event, trace);
    this.#traces.delete(rule);
    known.explained += 1;
    this.#detections.push({
      event: this.#events.type.length - 1,
      rule: known.index,
      delivered: detection.delivered,
      ...(leaves === undefined ? {} : { leaves }),
      actions: detection.actions.map((action) => action.kind),
      variables: detection.variables,
    });
    this.#log.see(detection, event);
  }

  /** After the events, with one stream for each recording that was begun. */
  end(streams: readonly StreamSummary[]): void {
    for (const [index, stream] of streams.entries()) {
      const recording = this.#recordings[index];
      if (recording === undefined) break;
      const header = (stream.header ?? {}) as Readonly<Record<string, unknown>>;
      this.#recordings[index] = {
        ...recording,
        command: Array.isArray(header['command']) ? header['command'].map(String).join(' ') : '',
        notes: [
          ...gapsOf(stream),
          ...stream.blindSpots.map(
            (spot) =>
              `blind spot: ${spot.reason} (process ${spot.pid})${spot.detail === '' ? '' : `, ${spot.detail}`}`,
          ),
        ],
      };
    }
  }

  data(title: string): ReportData {
    return {
      title,
      version: packageVersion(),
      recordings: this.#recordings,
      values: this.#values,
      fields: this.#fields,
      constants: Object.fromEntries(this.model.constants),
      words: Object.fromEntries([...this.#words].map(([name, words]) => [name, Object.fromEntries(words)])),
      events: this.#events,
      types: [...this.#types].map(([name, { columns, rows }]) => ({
        name,
        columns: Object.fromEntries([...columns].map(([field, list]) => [field, padded(list, rows)])),
      })),
      processes: this.#processes,
      states: Object.fromEntries(this.#stateColumns),
      rules: [...this.#rules.values()].map((rule) => rule.row),
      detections: this.#detections,
    };
  }

  #word(field: string, value: unknown): void {
    if (typeof value !== 'number') return;
    const group = this.model.constantsOf(field);
    if (group === undefined) return;
    const words = lookup(this.#words, field, () => new Map<number, string>());
    if (words.has(value)) return;
    const name = nameConstant(group, value);
    if (name !== undefined) words.set(value, name);
  }

  /** The number of a value; what reads as absent has 0. */
  #number(value: unknown): number {
    if (value === undefined || value === null || value === '' || value === 0 || value === false) return 0;
    if (Array.isArray(value) && value.length === 0) return 0;
    // Texts and numbers are their own keys; what a list or truth value is called cannot be one of them.
    const key = typeof value === 'string' || typeof value === 'number' ? value : `\0${JSON.stringify(value)}`;
    let found = this.#numbers.get(key);
    if (found === undefined) {
      found = this.#values.push(value) - 1;
      this.#numbers.set(key, found);
    }
    return found;
  }

  #image(image: Process, event: Event): number {
    const known = this.#images.get(image.node);
    if (known !== undefined) return known;
    const parent = image.parent === null ? -1 : this.#image(image.parent, event);
    const { strings } = this.model;
    const index =
      this.#processes.push({
        pid: image.pid,
        parent,
        path: strings.text(image.file.path) || strings.text(image.file.name) || strings.text(image.comm),
        args: strings.text(image.derived.args),
        uid: image.credentials.uid,
        user: strings.text(event.world.user(image.credentials.uid, image.namespaces.mnt)),
      }) - 1;
    this.#images.set(image.node, index);
    return index;
  }

  /** Facts of a process are read again only when a part of it is another one than before. */
  #state(event: Event): number {
    const { process } = event;
    const key = `${this.#looks(process)} ${process.parent?.node ?? 0}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const index = this.#stateCount++;
    this.#states.set(key, index);
    this.#put(index, this.#facts(this.#ownFields, event));
    const above: string[] = [];
    for (let image = process.parent; image !== null; image = image.parent) above.push(this.#looks(image));
    this.#put(
      index,
      lookup(this.#aboves, above.join(), () => this.#facts(this.#aboveFields, event)),
    );
    return index;
  }

  /** What its facts hang on. */
  #looks(image: Process): string {
    const parts = [image.credentials, image.context, image.namespaces].map((part) => this.#part(part));
    return `${image.node} ${parts.join(' ')} ${image.comm}`;
  }

  #facts(fields: readonly ReportField[], event: Event): [field: string, number: number][] {
    const found: [string, number][] = [];
    for (const { name } of fields) {
      const raw = this.model.read(name, event);
      const number = this.#number(Array.isArray(raw) ? raw.flat() : raw);
      if (number !== 0) found.push([name, number]);
    }
    return found;
  }

  #put(state: number, facts: readonly (readonly [field: string, number: number])[]): void {
    for (const [name, number] of facts) {
      const column = lookup(this.#stateColumns, name, () => []);
      while (column.length < state) column.push(0);
      column[state] = number;
    }
  }

  #part(part: object): number {
    let found = this.#parts.get(part);
    if (found === undefined) {
      found = this.#nextPart++;
      this.#parts.set(part, found);
    }
    return found;
  }

  #leaves(rule: LoadedRule, event: Event, trace: Trace): ReportLeaf[] {
    return rule.rule.leaves.map((leaf) => {
      const result = trace.leaves[leaf.leaf]!;
      const { have, matchedBy, named } = leafValues(leaf, result, event, this.model);
      const shown = matchedBy === undefined ? have : [matchedBy.have];
      return {
        value: result.value,
        have: shown
          .slice(0, 12)
          .map((value) => haveText(value, named, 100))
          .join(', '),
        notes: leafNotes(leaf, result, event, this.inUse!, this.#log!),
      };
    });
  }
}

function padded(list: number[], length: number): number[] {
  while (list.length < length) list.push(0);
  return list;
}

function fieldsOf(model: ProductModel): ReportField[] {
  const found: ReportField[] = [];
  for (const name of new Set(model.fieldNames())) {
    const field = model.field(name);
    if (field === undefined) continue;
    found.push({
      name,
      type: field.type,
      multi: field.multi === true || field.iterator !== undefined,
      ...(field.event === undefined ? {} : { event: field.event }),
      ...(field.text?.glob === true ? { glob: true } : {}),
      ...(field.text?.fold === true ? { fold: true } : {}),
    });
  }
  return found;
}

function ruleRow(rule: LoadedRule, inUse: RulesInUse): ReportRule {
  const tree = (node: BoolNode): ReportRule['tree'] => {
    const children =
      node.kind === 'and' || node.kind === 'or'
        ? node.operands
        : node.kind === 'not'
          ? [node.operand]
          : node.kind === 'macro'
            ? [node.body]
            : [];
    const leaf = node.kind === 'test' || node.kind === 'truth' ? node.leaf : undefined;
    return {
      kind: leaf === undefined ? (node.kind as 'and') : 'leaf',
      text: node.kind === 'macro' ? node.id : nodeText(node, rule, inUse),
      ...(leaf === undefined ? {} : { leaf }),
      children: children.map(tree),
    };
  };
  return {
    id: rule.id,
    place: `${rule.span.file}:${rule.span.start.line}:${rule.span.start.column}`,
    description: rule.description,
    tags: rule.tags,
    expression: rule.expression,
    tree: tree(rule.rule.root),
  };
}
