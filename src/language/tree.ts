/**
 * The typed tree: what an expression means, in no dialect.
 *
 * A front end (SECL's checker today) makes it; compiler, interpreter, partial evaluation, explain, coverage
 * and mutation read it. Everything that dialects disagree on is a property of a node: what an absent value
 * does, whether text is a path, what "equals" means on several values. Nodes are immutable and, apart from
 * functions inside field rows, plain data.
 */

import type { Address } from './address.js';
import type { Expression } from './ast.js';
import type { BaseType, Field, Iterator, Scalar, TextSemantics, Variable } from './model.js';
import type { Source, TextSpan } from './source.js';

/** Any expression node. Boolean nodes form the structure; the rest are operands. */
export type Node = BoolNode | Operand;

interface Spanned {
  /** Where the text stands, in the rule or in the macro that it came from. */
  readonly span: TextSpan;
}

// ---------------------------------------------------------------- structure

export type BoolNode = LogicNode | NotNode | MacroNode | TestNode | TruthNode | ConstantNode;

/** `&&` / `||` over two or more operands in textual order; evaluation may take any order. */
export interface LogicNode extends Spanned {
  readonly kind: 'and' | 'or';
  readonly operands: readonly BoolNode[];
}

export interface NotNode extends Spanned {
  readonly kind: 'not';
  readonly operand: BoolNode;
}

/** The use of a macro that is a boolean expression; `body` has spans in the macro's own text. */
export interface MacroNode extends Spanned {
  readonly kind: 'macro';
  readonly id: string;
  readonly body: BoolNode;
}

/** A literal truth value: `true`, `false`. Not a leaf. */
export interface ConstantNode extends Spanned {
  readonly kind: 'constant';
  readonly value: boolean;
}

/** Leaf: a bare boolean operand (`process.is_root`). */
export interface TruthNode extends Spanned {
  readonly kind: 'truth';
  readonly leaf: LeafId;
  readonly operand: Operand;
}

/** The number of a leaf within its rule, from 0 in textual order (macros expanded at each use); -1 inside an operand. */
export type LeafId = number;

export type TestOp = 'equal' | 'less' | 'less-equal' | 'greater' | 'greater-equal' | 'every';

/**
 * Leaf: a comparison. True when *some* element of the left satisfies `op` with *some* element of the right
 * (one element when single-valued; `every`: every pair); then `negated` turns the result around.
 * So `!=`, `not in` and `!~` on several values mean "no element".
 */
export interface TestNode extends Spanned {
  readonly kind: 'test';
  readonly leaf: LeafId;
  readonly op: TestOp;
  readonly negated: boolean;
  readonly left: Operand;
  readonly right: Operand;
  /** How it was written: `==`, `not in`, `=~` … for printing. */
  readonly symbol: string;
  /** What text comparison means here; absent for other types. */
  readonly text?: TextSemantics;
  /** `zero`: absent scalars read as zero values; `false`: any absent operand makes the test false (other dialects). */
  readonly absent: 'zero' | 'false';
  /** That side's int is taken as an age: `now - value`. */
  readonly age?: 'left' | 'right';
}

// ---------------------------------------------------------------- operands

export type Operand =
  | LiteralNode
  | SetNode
  | FieldNode
  | VariableNode
  | TextNode
  | CallNode
  | ArithmeticNode
  | UnaryNode
  | ConditionNode;

interface Typed extends Spanned {
  readonly type: BaseType;
  readonly multi: boolean;
}

/** One literal; a string that is a pattern or regexp carries its `matcher`. */
export interface LiteralNode extends Typed {
  readonly kind: 'literal';
  readonly value: Scalar | Address;
  /** Ints only: written as a duration, `value` is ns. */
  readonly duration?: boolean;
  readonly matcher?: Matcher;
  /** Written with a letter before its quote (`~"…"`, `r"…"`). */
  readonly prefixed?: boolean;
  /** The constant's name, when it was written as one. */
  readonly constant?: string;
}

/** A list of literals of one type (strings may mix with patterns and regexps). */
export interface SetNode extends Typed {
  readonly kind: 'set';
  readonly members: readonly LiteralNode[];
  /** The macro that it stands in, when it was written as one. */
  readonly macro?: string;
}

export type MatcherKind = 'exact' | 'pattern' | 'glob' | 'regexp';

/** A way to match one text. `text` is the pattern as written; equality of (kind, text, fold) is identity. */
export interface Matcher {
  readonly kind: MatcherKind;
  readonly text: string;
  readonly fold: boolean;
}

export interface FieldNode extends Typed {
  readonly kind: 'field';
  readonly field: Field<never>;
  /** The iterator under the field; without `register` and `index` the node has one value per element. */
  readonly iterator?: Iterator<never>;
  readonly register?: string;
  readonly index?: number;
}

export interface VariableNode extends Typed {
  readonly kind: 'variable';
  readonly variable: Variable<never>;
}

/** Text put together at evaluation: `"/proc/${pid}/%{open.file.name}"`. Several values are joined by ",". */
export interface TextNode extends Typed {
  readonly kind: 'text';
  readonly parts: readonly (string | FieldNode | VariableNode | CallNode)[];
  /** The text between the quotes, as written. */
  readonly written: string;
}

/** A function of functions.ts applied to one operand: `.length`, `.root_domain`. */
export interface CallNode extends Typed {
  readonly kind: 'call';
  readonly name: string;
  readonly operand: FieldNode | VariableNode;
}

export interface ArithmeticNode extends Typed {
  readonly kind: 'arithmetic';
  readonly op: '+' | '-' | '&' | '|' | '^';
  readonly left: Operand;
  readonly right: Operand;
}

export interface UnaryNode extends Typed {
  readonly kind: 'unary';
  readonly op: '-' | '^';
  readonly operand: Operand;
}

/** A boolean expression used as an operand: `(a && b) == true`. */
export interface ConditionNode extends Typed {
  readonly kind: 'condition';
  readonly condition: BoolNode;
}

// ---------------------------------------------------------------- whole texts

export type Leaf = TestNode | TruthNode;

/** One checked rule. */
export interface Rule {
  readonly text: string;
  readonly file: string;
  readonly root: BoolNode;
  /** The one event type that the fields imply; undefined: none did. */
  readonly event: string | undefined;
  /** The event types that have every field that several types have (`network.*`); absent: there is no such field. */
  readonly events?: readonly string[];
  /** Names of all fields read, sorted, each once (iterators' sub-fields by full name). */
  readonly fields: readonly string[];
  readonly variables: readonly string[];
  readonly macros: readonly string[];
  readonly leaves: readonly Leaf[];
  /** Register name → iterator. At most one register per rule. */
  readonly registers: ReadonlyMap<string, Iterator<never>>;
}

/** A checked macro: text that stands for a condition or a value; it is expanded (and checked again) at each use. */
export interface Macro {
  readonly id: string;
  readonly text: string;
  readonly file: string;
  readonly kind: 'condition' | 'value';
  readonly tree: Expression;
  readonly source: Source;
  /** Fields and macros that it names itself, sorted. */
  readonly fields: readonly string[];
  readonly macros: readonly string[];
}

/** A checked operand expression (of a `set` action): its value, not its truth. */
export interface ValueExpression {
  readonly text: string;
  readonly file: string;
  readonly root: Node;
  readonly type: BaseType;
  readonly multi: boolean;
  /** The event type that its fields imply, when they do. */
  readonly event?: string;
  readonly events?: readonly string[];
  readonly fields: readonly string[];
  readonly variables: readonly string[];
}
