/** One complaint of lint, and the places where expressions are found. */
import type { Expression, Rule } from '../../language/index.js';
import {
  type Diagnostic,
  diagnostic,
  type Note,
  type Span,
  type Suggestion,
} from '../../support/diagnostic.js';
import type { Placement } from '../placement.js';
import type { LoadedRule, Ruleset } from '../ruleset.js';
import { lintCodes } from './codes.js';

export type LintCode = keyof typeof lintCodes;

export interface Details {
  readonly severity?: Diagnostic['severity'];
  readonly notes?: readonly (string | Note)[];
  readonly suggestions?: readonly (string | Suggestion)[];
}

export function finding(code: LintCode, span: Span, message: string, details: Details = {}): Diagnostic {
  return diagnostic(lintCodes, code, message, { span, ...details });
}

/** What a check looks at. */
export interface LintContext {
  readonly rules: Ruleset;
  /** Text of a file as spans count it. */
  text(file: string): string | undefined;
  readonly options: LintOptions;
}

export interface LintOptions {
  /** Event types that are recorded; undefined: all that can be. */
  readonly events?: ReadonlySet<string>;
  /** Of what `events` are the types: "this recording", "--trace lean". */
  readonly mode?: string;
}

/** A text of a policy file that holds an expression. */
export interface WrittenExpression {
  readonly text: string;
  readonly placement: Placement;
  readonly tree: Expression;
}

/** A check of one rule. Rules that came from one text (`fim.write`) are checked once each; equal findings are merged. */
export type RuleCheck = (rule: LoadedRule, context: LintContext) => readonly Diagnostic[];
/** A check of the whole set. */
export type SetCheck = (context: LintContext) => readonly Diagnostic[];

export type { Rule };
