/**
 * Events that one changed leaf would have made a match, kept as they were, so that changed leaves are tried on
 * them without another replay.
 */
import type { ProcessFieldName } from '../catalogue/context.js';
import type { ColumnValue, Event, Process } from '../catalogue/event.js';
import { fieldByName } from '../catalogue/fields.js';
import { type BoolNode, compileRule, type Leaf, type Rule } from '../language/index.js';
import type { LoadedRule, ProductModel, VariableStore } from '../rules/index.js';
import { fieldsOf } from './doubt.js';

/** Beyond so many, all events are looked at again. */
const mostNearMisses = 1 << 20;

/** Beyond so many, only their numbers are kept. */
const mostKept = 1 << 17;

/** Facts of a process that no event changes before its next image. */
const ofImage: ReadonlySet<ProcessFieldName> = new Set([
  'args',
  'argv',
  'argv0',
  'args_flags',
  'args_options',
  'envs',
  'envp',
]);

/** What is kept of an event. Of its processes only what never changes is as it was. */
type Kept = Pick<Event, 'process' | 'target' | 'columns' | 'retval' | 'cut' | 'syscall' | 'arch'>;

/**
 * Those of one rule, in the order of the recording. Half of all events may be among them: members of one kind
 * lie in one array, so that an event costs no object.
 */
export class NearMisses {
  readonly #seqs: number[] = [];
  readonly #leaves: (readonly number[])[] = [];
  readonly #processes: Process[] = [];
  readonly #targets: (Process | null)[] = [];
  /** The columns of one event after those of the other. */
  readonly #cells: ColumnValue[] = [];
  /** Result, cut, system call, architecture. */
  readonly #heads: number[] = [];
  #width = 0;

  get count(): number {
    return this.#seqs.length;
  }

  /** The number of the last one; −1 when there is none. */
  get last(): number {
    return this.#seqs.at(-1) ?? -1;
  }

  /** False: there are too many, and any event may be one. */
  add(event: Event, leaves: readonly number[]): boolean {
    this.#seqs.push(event.seq);
    this.#leaves.push(leaves);
    if (this.count <= mostKept) {
      const { columns } = event;
      this.#width = columns.length;
      this.#processes.push(event.process);
      this.#targets.push(event.target);
      this.#heads.push(event.retval, event.cut, event.syscall, event.arch);
      for (let at = 0; at < columns.length; at++) this.#cells.push(columns[at]!);
    }
    return this.count < mostNearMisses;
  }

  /** The leaves of the one that stands at `place`; undefined: its event is another one. */
  leavesAt(place: number, seq: number): readonly number[] | undefined {
    return this.#seqs[place] === seq ? this.#leaves[place] : undefined;
  }

  /**
   * At how many of them a rule that differs in one leaf matches. Undefined: what is kept does not tell, and
   * the recording has to be replayed.
   */
  matches(
    rule: LoadedRule,
    changed: Rule,
    at: number,
    model: ProductModel,
    variables: VariableStore,
  ): number | undefined {
    const leaf = changed.leaves[at];
    if (this.count > mostKept || leaf === undefined || !lasts(leaf)) return undefined;
    if (shapeOf(changed.root) !== shapeOf(rule.rule.root)) return undefined;
    const decide = compileRule<Event>({ ...changed, root: leaf, leaves: [leaf] }, model);
    let count = 0;
    for (const kept of this.#kept(at)) if (decide(kept as Event, 0, variables)) count += 1;
    return count;
  }

  /** Those that the leaf would have made a match, in one object. */
  *#kept(leaf: number): Generator<Kept> {
    const columns: ColumnValue[] = [];
    for (const [place, leaves] of this.#leaves.entries()) {
      if (!leaves.includes(leaf)) continue;
      for (let at = 0; at < this.#width; at++) columns[at] = this.#cells[place * this.#width + at]!;
      const head = place * 4;
      yield {
        process: this.#processes[place]!,
        target: this.#targets[place]!,
        columns,
        retval: this.#heads[head]!,
        cut: this.#heads[head + 1]!,
        syscall: this.#heads[head + 2]!,
        arch: this.#heads[head + 3]!,
      };
    }
  }
}

/** A leaf that reads nothing of an event but what `Kept` has, and nothing of processes but what never changes. */
function lasts(leaf: Leaf): boolean {
  return fieldsOf(leaf).every((name) => {
    const source = fieldByName(name)?.source;
    switch (source?.kind) {
      case 'head':
        return source.word !== 'duration';
      case 'column':
      case 'process-file':
        return (
          source.as !== 'user' &&
          source.as !== 'group' &&
          source.as !== 'hostnames' &&
          source.member?.startsWith('content') !== true
        );
      case 'process':
        return ofImage.has(source.field);
      default:
        return false;
    }
  });
}

/** What of a tree is not in its leaves. */
function shapeOf(node: BoolNode): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return `${node.kind}(${node.operands.map(shapeOf).join()})`;
    case 'not':
      return `not(${shapeOf(node.operand)})`;
    case 'macro':
      return shapeOf(node.body);
    case 'constant':
      return String(node.value);
    default:
      return String(node.leaf);
  }
}
