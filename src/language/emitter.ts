/**
 * Typed tree → JavaScript source. Rules are untrusted input here: every literal goes through JSON.stringify,
 * and sets, patterns, addresses and names are passed as constants (`k0`, `k1` …), never as code. Only the
 * `source` of a model's reads, which is trusted, is inlined.
 *
 * Names that the code uses: `event`, `now`, `V` (variables), `item` (the element of a register or loop),
 * `y` (a value handed into a loop), `R` (runtime.ts), `C` (the cache of shared conditions of one event).
 */

import { invariant } from '../support/assert.js';
import type { Address } from './address.js';
import { withAliases } from './aliases.js';
import { costOf } from './cost.js';
import { GeneratedModule, memoSizeMark } from './generated.js';
import { compileMatcher, compileMatchers, matcherKey, textVariant } from './matcher.js';
import type { Field, Iterator, Model, Read } from './model.js';
import { flipped } from './operators.js';
import { Lengths, Predicate } from './predicate.js';
import type { TextTest } from './regexp.js';
import { runtime } from './runtime.js';
import type {
  BoolNode,
  CallNode,
  FieldNode,
  LiteralNode,
  Matcher,
  Operand,
  TestNode,
  TestOp,
  VariableNode,
} from './tree.js';

/** A value in code: `interned` when the code gives a string's number; `root` when its root domain is meant. */
interface Value {
  readonly code: string;
  readonly interned?: boolean;
  readonly root?: boolean;
}

type Build = (value: Value) => string;

const symbols: Readonly<Record<TestOp, string>> = {
  equal: '===',
  every: '===',
  less: '<',
  'less-equal': '<=',
  greater: '>',
  'greater-equal': '>=',
};

const zero = { bool: 'false', int: '0', string: '""', cidr: '""' } as const;

/** The shortest condition that is worth keeping for later rules of the same event. */
const sharedCost = 8;

export class Emitter {
  readonly module = new GeneratedModule();
  readonly predicates = new Map<string, Predicate>();
  /** Set while code is emitted that must not be shared: it reads a register or a variable. */
  #unshareable = false;

  constructor(
    readonly model: Model<never>,
    readonly sharing: boolean,
  ) {}

  #strings(): NonNullable<Model<never>['strings']> {
    invariant(this.model.strings !== undefined, 'a model with string-id fields has a string table');
    return this.model.strings;
  }

  // -------------------------------------------------------------- conditions

  /** Code that is true or false; `register`: inside the loop of the rule's register. */
  condition(node: BoolNode): string {
    switch (node.kind) {
      case 'constant':
        return String(node.value);
      case 'and':
      case 'or': {
        const ordered = node.operands.map((operand, index) => ({ operand, index, cost: costOf(operand) }));
        ordered.sort((a, b) => a.cost - b.cost || a.index - b.index);
        return `(${ordered.map((item) => this.condition(item.operand)).join(node.kind === 'and' ? ' && ' : ' || ')})`;
      }
      case 'not':
        return `!${this.condition(node.operand)}`;
      case 'macro':
        return this.#share(node, () => this.condition(node.body));
      case 'truth':
        return this.#share(node, () => `(${this.scalar(node.operand)})`);
      case 'test':
        return this.#share(node, () => this.#test(node));
    }
  }

  /** Marks a condition that other rules may repeat; `resolve` decides whether it is kept or inlined. */
  #share(node: BoolNode, emit: () => string): string {
    if (!this.sharing) return emit();
    const before = this.#unshareable;
    this.#unshareable = false;
    const code = emit();
    const own = this.#unshareable;
    this.#unshareable = before || own;
    if (own || costOf(node) < sharedCost) return code;
    return this.module.share(code);
  }

  #test(node: TestNode): string {
    const positive = this.#positive(node);
    return node.negated ? `!${positive}` : positive;
  }

  #positive(node: TestNode): string {
    let { left, right, op } = node;
    let age = node.age;
    if (isStatic(left) && !isStatic(right)) {
      [left, right] = [right, left];
      op = flipped[op];
      age = age === 'left' ? 'right' : age === 'right' ? 'left' : undefined;
    }
    const text = node.text;
    if (left.type === 'string' && text?.set !== undefined) {
      const members = text.set.map((item): Matcher => ({ kind: 'exact', text: item, fold: false }));
      const field = left.kind === 'field' ? left : right;
      return this.#some(field, (value) => this.#matches(value, members, node));
    }
    if (op === 'every') return `R.every(${this.list(left)}, ${this.list(right)})`;
    if (isStatic(right)) {
      const literals = right.kind === 'set' ? right.members : [right];
      return this.#some(left, (value) => this.#static(value, literals, op, node, age));
    }
    return this.#pair(left, right, (a, b) => this.#dynamic(a, b, op, node, age));
  }

  /** Some value of `operand` (or of its aliases) satisfies `build`. */
  #some(operand: Operand, build: Build): string {
    const parts = withAliases(operand).map((item) => this.each(item, build));
    return parts.length === 1 ? parts[0]! : `(${parts.join(' || ')})`;
  }

  #static(
    value: Value,
    literals: readonly LiteralNode[],
    op: TestOp,
    node: TestNode,
    age: 'left' | 'right' | undefined,
  ): string {
    switch (literals[0]!.type) {
      case 'string':
        return this.#matches(
          value,
          literals.map((item) => item.matcher!),
          node,
        );
      case 'cidr': {
        const networks = literals.map((item) => item.value as Address);
        if (value.interned !== true) return `R.within(${value.code}, ${this.module.constant(networks)})`;
        const key = `cidr ${networks.map((item) => item.text).join(' ')}`;
        return this.#predicate(value.code, key, () => (text) => runtime.within(text, networks));
      }
      default: {
        const code = age === 'left' ? `(now - ${value.code})` : value.code;
        if (literals.length === 1) return `(${code} ${symbols[op]} ${literal(literals[0]!)})`;
        if (literals.length <= 4 && /^\w+$/.test(code))
          return `(${literals.map((item) => `${code} === ${literal(item)}`).join(' || ')})`;
        return `${this.module.constant(new Set(literals.map((item) => item.value)))}.has(${code})`;
      }
    }
  }

  #matches(value: Value, matchers: readonly Matcher[], node: TestNode): string {
    const variants = node.text?.variants ?? [];
    const key = `${value.root === true ? 'root ' : ''}${variants.join()} ${JSON.stringify(matchers.map(matcherKey).sort())}`;
    const build = (): TextTest => {
      const plain = matchers.length === 1 ? compileMatcher(matchers[0]!) : compileMatchers(matchers);
      const varied: TextTest =
        variants.length === 0
          ? plain
          : (text) => plain(text) || variants.some((kind) => plain(textVariant(kind, text)));
      return value.root === true ? (text) => varied(runtime.rootDomain(text)) : varied;
    };
    if (value.interned === true) return this.#predicate(value.code, key, build);
    const [only] = matchers;
    const simple =
      matchers.length === 1 &&
      variants.length === 0 &&
      value.root !== true &&
      only!.kind === 'exact' &&
      !only!.fold;
    if (simple) return `(${value.code} === ${JSON.stringify(only!.text)})`;
    return `${this.#tests(key, build)}(${value.code})`;
  }

  readonly #testNames = new Map<string, string>();

  #tests(key: string, build: () => TextTest): string {
    let name = this.#testNames.get(key);
    if (name === undefined) {
      name = this.module.constant(build());
      this.#testNames.set(key, name);
    }
    return name;
  }

  #predicate(code: string, key: string, build: () => TextTest): string {
    let predicate = this.predicates.get(key);
    if (predicate === undefined) {
      predicate = new Predicate(this.#strings(), build());
      this.predicates.set(key, predicate);
    }
    const name = this.module.constant(predicate);
    return `((${name}.b[${code}] || ${name}.f(${code})) === 2)`;
  }

  #dynamic(a: Value, b: Value, op: TestOp, node: TestNode, age: 'left' | 'right' | undefined): string {
    switch (node.left.type) {
      case 'string': {
        const fold = node.text?.fold === true;
        const variants = node.text?.variants;
        if (
          a.interned === true &&
          b.interned === true &&
          a.root !== true &&
          b.root !== true &&
          !fold &&
          variants === undefined
        ) {
          return `(${a.code} === ${b.code})`;
        }
        const x = this.#plain(a);
        const y = this.#plain(b);
        if (variants !== undefined) return `R.variantEqual(${x}, ${y}, ${this.module.constant(variants)})`;
        return fold ? `R.foldEqual(${x}, ${y})` : `(${x} === ${y})`;
      }
      case 'cidr':
        return `R.meets(${this.#plain(a)}, ${this.#plain(b)})`;
      default: {
        const x = age === 'left' ? `(now - ${a.code})` : a.code;
        const y = age === 'right' ? `(now - ${b.code})` : b.code;
        return `(${x} ${symbols[op]} ${y})`;
      }
    }
  }

  /** The text itself, whatever form the value has. */
  #plain(value: Value): string {
    const text =
      value.interned === true ? `${this.module.constant(this.#strings())}.text(${value.code})` : value.code;
    return value.root === true ? `R.rootDomain(${text})` : text;
  }

  /** Some pair of values satisfies `build`. */
  #pair(left: Operand, right: Operand, build: (a: Value, b: Value) => string): string {
    const lefts = withAliases(left);
    const rights = withAliases(right);
    const parts = lefts.flatMap((a) => rights.map((b) => this.#onePair(a, b, build)));
    return parts.length === 1 ? parts[0]! : `(${parts.join(' || ')})`;
  }

  #onePair(left: Operand, right: Operand, build: (a: Value, b: Value) => string): string {
    if (!left.multi && !right.multi) return build(this.#value(left), this.#value(right));
    if (!left.multi) return this.each(right, (b) => build(this.#handed(left), b), this.#value(left).code);
    if (!right.multi) return this.each(left, (a) => build(a, this.#handed(right)), this.#value(right).code);
    // The outer loop is the one that does not walk an iterator: it may need the register's `item`.
    const outerIsLeft = !walks(left);
    const [outer, inner] = outerIsLeft ? [left, right] : [right, left];
    return this.each(outer, (o) => {
      const handed: Value = { ...o, code: 'y' };
      return this.each(inner, (i) => (outerIsLeft ? build(handed, i) : build(i, handed)), o.code);
    });
  }

  /** The value of a single-valued operand as the loop that gets it in `y` sees it. */
  #handed(operand: Operand): Value {
    return { ...this.#value(operand), code: 'y' };
  }

  // -------------------------------------------------------------- operands

  /** Code that is true when some value of `operand` satisfies `build`; `y` is handed into the loop. */
  each(operand: Operand, build: Build, y?: string): string {
    if (operand.kind === 'literal' || !operand.multi) return build(this.#value(operand));
    const call = (body: string): string =>
      `${this.module.function(body)}(event, now, V, ${this.#item}, ${y ?? 'undefined'})`;
    if (operand.kind === 'call') {
      return this.each(operand.operand, (value) => build(this.#applied(operand.name, value)), y);
    }
    if (operand.kind === 'field') {
      const { iterator, field } = operand;
      if (iterator !== undefined && operand.register === undefined) {
        const memo = this.#memo(operand, iterator, build, y);
        if (memo !== undefined) return memo;
        const inner = this.#inItem(() => {
          const value = this.#read(field.read, field, true);
          if (field.multi !== true)
            return `const x = ${value.code}; if (${build({ ...value, code: 'x' })}) return true;`;
          return `const a = ${value.code}; for (let i = 0; i < a.length; i++) { const x = a[i]; if (${build({ ...value, code: 'x' })}) return true; }`;
        });
        return call(`${this.#walk(iterator, inner)} return false;`);
      }
      const value = this.#read(field.read, field, operand.register !== undefined);
      return call(
        `const a = ${value.code}; for (let i = 0; i < a.length; i++) { const x = a[i]; if (${build({ ...value, code: 'x' })}) return true; } return false;`,
      );
    }
    const list =
      operand.kind === 'set'
        ? this.module.constant(operand.members.map((member) => member.value))
        : this.list(operand);
    return call(
      `const a = ${list}; for (let i = 0; i < a.length; i++) { const x = a[i]; if (${build({ code: 'x' })}) return true; } return false;`,
    );
  }

  #itemDepth = 0;
  get #item(): string {
    return this.#itemDepth > 0 ? 'item' : 'undefined';
  }

  #inItem<T>(emit: () => T): T {
    this.#itemDepth += 1;
    const result = emit();
    this.#itemDepth -= 1;
    return result;
  }

  /** Code of a rule's condition inside the loop over its register. */
  registered(iterator: Iterator<never>, node: BoolNode, limit: number): string {
    const body = this.#inItem(() => this.condition(node));
    return `let n = 0; ${this.#walk(iterator, `if (n++ >= ${limit}) return false; if (${body}) return true;`)} return false;`;
  }

  #walk(iterator: Iterator<never>, body: string): string {
    const { walk } = iterator;
    if (walk.kind === 'chain')
      return `for (let item = (${walk.first}); item; item = (${walk.next})) { ${body} }`;
    const items =
      walk.kind === 'array' ? `R.list(${walk.source})` : `R.list(${this.module.constant(walk.items)}(event))`;
    return `const items = ${items}; for (let j = 0; j < items.length; j++) { const item = items[j]; ${body} }`;
  }

  /** A predicate on unchanging sub-fields is kept on the elements: each is looked at once in its life. */
  #memo(
    operand: FieldNode,
    iterator: Iterator<never>,
    build: Build,
    y: string | undefined,
  ): string | undefined {
    const { field } = operand;
    if (
      iterator.memo === undefined ||
      iterator.walk.kind !== 'chain' ||
      field.fixed !== true ||
      y !== undefined
    )
      return undefined;
    const before = this.#unshareable;
    this.#unshareable = false;
    const inner = this.#inItem(() => {
      const value = this.#read(field.read, field, true);
      if (field.multi !== true) return `const x = ${value.code}; return ${build({ ...value, code: 'x' })};`;
      return `const a = ${value.code}; for (let i = 0; i < a.length; i++) { const x = a[i]; if (${build({ ...value, code: 'x' })}) return true; } return false;`;
    });
    const foreign =
      this.#unshareable ||
      /\b(?:event|now|V)\b/.test(
        inner.replace(/\(event, now, V, (?:item|undefined), (?:undefined|y)\)/g, ''),
      );
    this.#unshareable = before || this.#unshareable;
    if (foreign) return undefined;
    const test = this.module.function(inner);
    const slot = this.module.memoSlot(test);
    const owner = this.module.constant(this.module.owner);
    const { first, next } = iterator.walk;
    const { memo } = iterator;
    const body = `const from = (${first}); let answer = 1; item = from;
for (; item; item = (${next})) {
  let m = ${memo}; if (m === undefined || m === null || m.owner !== ${owner}) m = ${memo} = new R.Memo(${owner}, ${memoSizeMark});
  const known = m.bytes[${slot}]; if (known !== 0) { answer = known; break; }
  if (${test}(event, now, V, item, undefined)) { answer = 2; m.bytes[${slot}] = 2; break; }
}
const end = item;
for (item = from; item !== end && item; item = (${next})) ${memo}.bytes[${slot}] = answer;
return answer === 2;`;
    return `${this.module.function(body)}(event, now, V, undefined, undefined)`;
  }

  #value(operand: Operand): Value {
    if (operand.kind === 'field' && operand.index === undefined && !operand.multi) {
      return this.#read(operand.field.read, operand.field, operand.iterator !== undefined);
    }
    if (operand.kind === 'call' && operand.name === 'root_domain' && !operand.multi) {
      return this.#applied(operand.name, this.#value(operand.operand));
    }
    if (operand.kind === 'variable' && operand.variable.read !== undefined) {
      this.#unshareable ||= operand.variable.fresh === true;
      return this.#read(operand.variable.read, operand.variable, false);
    }
    return { code: this.scalar(operand) };
  }

  #applied(name: string, value: Value): Value {
    if (name === 'root_domain') return { ...value, root: true };
    if (value.interned === true)
      return { code: `${this.module.constant(this.#lengths())}.of(${value.code})` };
    return { code: `R.byteLength(${value.code})` };
  }

  #lengthTable: Lengths | undefined;
  #lengths(): Lengths {
    this.#lengthTable ??= new Lengths(this.#strings());
    return this.#lengthTable;
  }

  /** The code that reads a field; `item`: it is a sub-field whose element is in `item`. */
  #read(read: Read<never>, row: Pick<Field<never>, 'type' | 'multi'>, item: boolean): Value {
    if (item && this.#itemDepth <= 1) this.#unshareable = this.#unshareable || this.#registered;
    const code =
      read.kind === 'call'
        ? `${this.module.constant(read.read)}(event, ${item ? 'item' : 'undefined'}, now)`
        : read.source;
    const interned = read.kind === 'string-id';
    if (row.multi === true) return { code: `R.list(${code})`, interned };
    const zeroValue = interned ? '0' : zero[row.type];
    return { code: `((${code}) ?? ${zeroValue})`, interned };
  }

  /** True while a register's loop is emitted: what reads its element belongs to that element only. */
  #registered = false;

  withRegister<T>(emit: () => T): T {
    this.#registered = true;
    const result = emit();
    this.#registered = false;
    return result;
  }

  /** Code of a single value in its own type. */
  scalar(operand: Operand): string {
    switch (operand.kind) {
      case 'literal':
        return literal(operand);
      case 'field':
        if (operand.index !== undefined) return this.#indexed(operand);
        return this.#plain(this.#value(operand));
      case 'variable':
        if (operand.variable.read !== undefined) return this.#plain(this.#value(operand));
        this.#unshareable = true;
        return `(V.get(${JSON.stringify(operand.variable.name)}, event) ?? ${zero[operand.type]})`;
      case 'text':
        return `(${operand.parts.map((part) => (typeof part === 'string' ? JSON.stringify(part) : this.#printed(part))).join(' + ') || '""'})`;
      case 'call':
        return this.#call(operand);
      case 'arithmetic': {
        const left = this.scalar(operand.left);
        const right = this.scalar(operand.right);
        if (operand.op === '+' || operand.op === '-') return `(${left} ${operand.op} ${right})`;
        if (operand.op === '&' && (smallMask(operand.left) || smallMask(operand.right)))
          return `(${left} & ${right})`;
        return `R.${operand.op === '&' ? 'and' : operand.op === '|' ? 'or' : 'xor'}(${left}, ${right})`;
      }
      case 'unary':
        return operand.op === '-'
          ? `(0 - ${this.scalar(operand.operand)})`
          : `R.not(${this.scalar(operand.operand)})`;
      case 'condition':
        return this.condition(operand.condition);
      case 'set':
        return this.list(operand);
    }
  }

  #printed(part: FieldNode | VariableNode | CallNode): string {
    return part.multi ? `R.join(${this.list(part)})` : `String(${this.scalar(part)})`;
  }

  #call(node: CallNode): string {
    if (node.name === 'root_domain') return this.#plain(this.#applied(node.name, this.#value(node.operand)));
    const { operand } = node;
    if (operand.kind === 'field' && operand.field.name === `${operand.iterator?.name}.length`) {
      return `${this.module.function(`let n = 0; ${this.#walk(operand.iterator!, 'n++;')} return n;`)}(event, now, V, undefined, undefined)`;
    }
    if (operand.multi) return `${this.list(operand)}.length`;
    return this.#applied('length', this.#value(operand)).code;
  }

  #indexed(operand: FieldNode): string {
    const all = this.list({ ...operand, multi: true, index: undefined } as unknown as FieldNode);
    return `(${all}[${operand.index}] ?? ${zero[operand.type]})`;
  }

  /** Code of all values as a list, strings as text. */
  list(operand: Operand): string {
    if (operand.kind === 'set') return this.module.constant(operand.members.map((member) => member.value));
    if (operand.kind === 'literal' && operand.type === 'cidr') return this.module.constant([operand.value]);
    if (!operand.multi) return `[${this.scalar(operand)}]`;
    if (operand.kind === 'variable') {
      const { read } = operand.variable;
      if (read === undefined) {
        this.#unshareable = true;
        return `R.list(V.get(${JSON.stringify(operand.variable.name)}, event))`;
      }
    }
    const plain =
      operand.kind === 'field' &&
      (operand.iterator === undefined || operand.register !== undefined) &&
      operand.field.read.kind !== 'string-id';
    if (plain) return this.#read(operand.field.read, operand.field, operand.register !== undefined).code;
    const body = this.#collect(operand);
    return `${this.module.function(body)}(event, now, V, ${this.#item}, undefined)`;
  }

  #collect(operand: Operand): string {
    if (operand.kind === 'variable') {
      const value = this.#read(operand.variable.read!, operand.variable, false);
      return `const out = []; const a = ${value.code}; for (let i = 0; i < a.length; i++) { const x = a[i]; out.push(${this.#plain({ ...value, code: 'x' })}); } return out;`;
    }
    if (operand.kind === 'call') {
      const inner = this.list(operand.operand);
      const apply = operand.name === 'root_domain' ? 'R.rootDomain(x)' : 'R.byteLength(x)';
      return `const out = []; const a = ${inner}; for (let i = 0; i < a.length; i++) { const x = a[i]; out.push(${apply}); } return out;`;
    }
    invariant(operand.kind === 'field', 'only fields, variables and calls have several values that change');
    const { field, iterator } = operand;
    const push = (item: boolean): string => {
      const value = this.#read(field.read, field, item);
      if (field.multi !== true)
        return `const x = ${value.code}; out.push(${this.#plain({ ...value, code: 'x' })});`;
      return `const a = ${value.code}; for (let i = 0; i < a.length; i++) { const x = a[i]; out.push(${this.#plain({ ...value, code: 'x' })}); }`;
    };
    if (iterator !== undefined && operand.register === undefined) {
      return `const out = []; ${this.#walk(
        iterator,
        this.#inItem(() => push(true)),
      )} return out;`;
    }
    return `const out = []; ${push(operand.register !== undefined)} return out;`;
  }
}

function isStatic(operand: Operand): operand is Extract<Operand, { kind: 'literal' | 'set' }> {
  return operand.kind === 'literal' || operand.kind === 'set';
}

/** Whether the operand's loop rebinds `item`. */
function walks(operand: Operand): boolean {
  if (operand.kind === 'call') return walks(operand.operand);
  return operand.kind === 'field' && operand.iterator !== undefined && operand.register === undefined;
}

function literal(node: LiteralNode): string {
  const { value } = node;
  if (typeof value === 'number') return value < 0 ? `(${value})` : String(value);
  if (typeof value === 'object') return JSON.stringify(value.text);
  return JSON.stringify(value);
}

/** `x & m` in 32 bits is right for every int x when m is below 2^31. */
function smallMask(operand: Operand): boolean {
  return (
    operand.kind === 'literal' &&
    typeof operand.value === 'number' &&
    operand.value >= 0 &&
    operand.value < 2 ** 31
  );
}
