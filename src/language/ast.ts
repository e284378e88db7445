/**
 * The syntax tree of SECL: what was written, parentheses included, so that printing it gives the text back.
 * Chains are flat (a text of 100 kB has thousands of members); their meaning (right associative) is given by
 * the checker.
 */

interface Placed {
  /** 0-based offsets into the text. */
  readonly start: number;
  readonly end: number;
}

export type LogicOp = '&&' | '||';
export type ScalarOp = '>=' | '>' | '<=' | '<' | '!=' | '==' | '=~' | '!~';
export type ArrayOp = 'in' | 'not in' | 'allin';

export type Expression =
  | LogicExpression
  | CompareExpression
  | MembershipExpression
  | ChainExpression
  | UnaryExpression
  | GroupExpression
  | Primary
  | ListExpression
  | BrokenExpression;

/** `a && b || c`: operands and the operators between them; means `a && (b || c)`. */
export interface LogicExpression extends Placed {
  readonly kind: 'logic';
  readonly operands: readonly Expression[];
  readonly ops: readonly LogicOp[];
}

export interface CompareExpression extends Placed {
  readonly kind: 'compare';
  readonly op: ScalarOp;
  readonly left: Expression;
  readonly right: Expression;
}

export interface MembershipExpression extends Placed {
  readonly kind: 'membership';
  readonly op: ArrayOp;
  readonly left: Expression;
  readonly right: Expression;
}

/** `sum`: `a + b - c`, from the left. `bits`: `a & b | c`, from the right: `a & (b | c)`. */
export interface ChainExpression extends Placed {
  readonly kind: 'sum' | 'bits';
  readonly operands: readonly Expression[];
  readonly ops: readonly ('+' | '-' | '&' | '|' | '^')[];
}

export interface UnaryExpression extends Placed {
  readonly kind: 'unary';
  readonly op: '!' | '-' | '^';
  readonly operand: Expression;
}

export interface GroupExpression extends Placed {
  readonly kind: 'group';
  readonly inner: Expression;
}

/** `value`: what is between delimiters, kept verbatim (no escapes are undone); else the text as written. */
export interface Primary extends Placed {
  readonly kind:
    | 'ident'
    | 'int'
    | 'duration'
    | 'string'
    | 'pattern'
    | 'regexp'
    | 'variable'
    | 'reference'
    | 'ip'
    | 'cidr';
  readonly value: string;
}

export interface ListExpression extends Placed {
  readonly kind: 'list';
  readonly members: readonly Primary[];
}

/** Where the text could not be understood; a diagnostic says why. */
export interface BrokenExpression extends Placed {
  readonly kind: 'broken';
}

/** Whether two trees are the same, places aside. */
export function sameTree(a: Expression, b: Expression): boolean {
  return JSON.stringify(a, withoutPlaces) === JSON.stringify(b, withoutPlaces);
}

function withoutPlaces(key: string, value: unknown): unknown {
  return key === 'start' || key === 'end' ? undefined : value;
}
