/** What is written out: strings, numbers, durations, addresses and constants. */

import { parseAddress } from './address.js';
import type { Primary } from './ast.js';
import type { Checker } from './checker.js';
import { parseDuration, parseInteger } from './integer.js';
import type { BaseType, ConstantValue } from './model.js';
import type { TextSpan } from './source.js';
import type { LiteralNode } from './tree.js';

export function constantNode(name: string, value: ConstantValue, span: TextSpan): LiteralNode {
  const type: BaseType = typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? 'int' : 'string';
  return {
    kind: 'literal',
    type,
    multi: false,
    value,
    constant: name,
    span,
    ...(typeof value === 'string' ? { matcher: { kind: 'exact', text: value, fold: false } as const } : {}),
  };
}

/** A literal as written, or undefined when it is not one; then the checker has been told why. */
export function literalNode(checker: Checker, node: Primary): LiteralNode | undefined {
  const span = checker.span(node);
  switch (node.kind) {
    case 'string':
    case 'pattern':
    case 'regexp': {
      const kind = node.kind === 'string' ? 'exact' : node.kind;
      return {
        kind: 'literal',
        type: 'string',
        multi: false,
        value: node.value,
        matcher: { kind, text: node.value, fold: false },
        span,
        ...(node.kind === 'string' ? {} : { prefixed: true }),
      };
    }
    case 'int': {
      const parsed = parseInteger(node.value);
      if (parsed === undefined) {
        const octal = /^[-+]?0/.test(node.value) && node.value.length < 20;
        return checker.report(
          'invalid-number',
          octal
            ? `"${node.value}" begins with 0, so it is octal, where 8 and 9 do not exist`
            : `"${node.value}" does not fit a signed 64-bit integer`,
          span,
        );
      }
      if (!parsed.exact)
        checker.report(
          'inexact-number',
          `${node.value} is taken as ${parsed.value}: ints are exact up to 2^53`,
          span,
        );
      return { kind: 'literal', type: 'int', multi: false, value: parsed.value, span };
    }
    case 'duration': {
      const value = parseDuration(node.value);
      // What is malformed has been reported by the lexer.
      if (value === undefined && !/^\d+(?:ms|s|m|h)$/.test(node.value)) return undefined;
      if (value === undefined)
        return checker.report(
          'invalid-duration',
          `"${node.value}" is not a duration that can be told apart in nanoseconds`,
          span,
        );
      return { kind: 'literal', type: 'int', multi: false, value, duration: true, span };
    }
    default: {
      const address = parseAddress(node.value);
      if (address === undefined) {
        return checker.report(
          'invalid-address',
          `"${node.value}" is not ${node.kind === 'cidr' ? 'a network' : 'an address'}`,
          span,
        );
      }
      return { kind: 'literal', type: 'cidr', multi: false, value: address, span };
    }
  }
}
