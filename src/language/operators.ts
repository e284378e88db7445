/** The comparison operators: what they mean in the tree and which types they take. */

import type { BaseType } from './model.js';
import type { TestOp } from './tree.js';

export interface OperatorRow {
  readonly symbol: string;
  readonly op: TestOp;
  readonly negated: boolean;
  /** The types of operand that have it. */
  readonly types: readonly BaseType[];
  /** Right side must be a list, a network or something with several values. */
  readonly membership: boolean;
  /** Text on the right becomes a pattern and must be written out. */
  readonly pattern: boolean;
  readonly doc: string;
}

const every: readonly BaseType[] = ['bool', 'int', 'string', 'cidr'];

export const operators: readonly OperatorRow[] = [
  {
    symbol: '==',
    op: 'equal',
    negated: false,
    types: every,
    membership: false,
    pattern: false,
    doc: 'equal; networks: they intersect',
  },
  {
    symbol: '!=',
    op: 'equal',
    negated: true,
    types: every,
    membership: false,
    pattern: false,
    doc: 'not ==; on several values: none is equal',
  },
  {
    symbol: '=~',
    op: 'equal',
    negated: false,
    types: ['string'],
    membership: false,
    pattern: true,
    doc: 'matches the pattern or regexp',
  },
  {
    symbol: '!~',
    op: 'equal',
    negated: true,
    types: ['string'],
    membership: false,
    pattern: true,
    doc: 'not =~',
  },
  {
    symbol: '<',
    op: 'less',
    negated: false,
    types: ['int'],
    membership: false,
    pattern: false,
    doc: 'less; against a duration: younger than',
  },
  {
    symbol: '<=',
    op: 'less-equal',
    negated: false,
    types: ['int'],
    membership: false,
    pattern: false,
    doc: 'less or equal',
  },
  {
    symbol: '>',
    op: 'greater',
    negated: false,
    types: ['int'],
    membership: false,
    pattern: false,
    doc: 'greater; against a duration: older than',
  },
  {
    symbol: '>=',
    op: 'greater-equal',
    negated: false,
    types: ['int'],
    membership: false,
    pattern: false,
    doc: 'greater or equal',
  },
  {
    symbol: 'in',
    op: 'equal',
    negated: false,
    types: every,
    membership: true,
    pattern: false,
    doc: 'equals some member of the list',
  },
  {
    symbol: 'not in',
    op: 'equal',
    negated: true,
    types: every,
    membership: true,
    pattern: false,
    doc: 'not in',
  },
  {
    symbol: 'allin',
    op: 'equal',
    negated: false,
    types: every,
    membership: true,
    pattern: false,
    doc: 'on fields with several addresses: every address intersects every member; elsewhere the same as in',
  },
];

export const operatorBySymbol: ReadonlyMap<string, OperatorRow> = new Map(
  operators.map((row) => [row.symbol, row]),
);

/** The operator with its sides exchanged. */
export const flipped: Readonly<Record<TestOp, TestOp>> = {
  equal: 'equal',
  every: 'every',
  less: 'greater',
  'less-equal': 'greater-equal',
  greater: 'less',
  'greater-equal': 'less-equal',
};
