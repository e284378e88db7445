/** The functions of the language, written as suffixes: `open.file.path.length`. Rows for checker, compiler and docs. */

import { getDomain } from 'tldts';
import type { BaseType } from './model.js';

export interface FunctionRow {
  readonly name: string;
  /** Which types it applies to; `multi`: to several values as a whole, else to each. */
  readonly accepts: readonly BaseType[];
  readonly gives: BaseType;
  readonly onWhole: boolean;
  readonly doc: string;
  readonly example: string;
  readonly apply: (value: string) => string | number;
}

export const functions: readonly FunctionRow[] = [
  {
    name: 'length',
    accepts: ['string', 'int', 'bool', 'cidr'],
    gives: 'int',
    onWhole: true,
    doc: 'The number of bytes (UTF-8) of a text, or the number of values of a field or variable with several.',
    example: 'open.file.name.length > 100',
    apply: (value) => Buffer.byteLength(value),
  },
  {
    name: 'root_domain',
    accepts: ['string'],
    gives: 'string',
    onWhole: false,
    doc: 'The registrable domain of a host name: its public suffix and one label. Empty when there is none.',
    example: 'dns.question.name.root_domain == "example.co.uk"',
    apply: (value) => getDomain(value, { allowPrivateDomains: true }) ?? '',
  },
];

export const functionByName: ReadonlyMap<string, FunctionRow> = new Map(
  functions.map((row) => [row.name, row]),
);
