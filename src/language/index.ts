/**
 * The language room: what an expression is. Published as `seccam/language`.
 *
 * It takes its model as data and knows nothing of events, recordings or files. Input errors come back as
 * diagnostics; only a broken contract throws.
 */

export { type Address, intersects, parseAddress } from './address.js';
export { withAliases } from './aliases.js';
export { type Expression, sameTree } from './ast.js';
export { type CheckedRule, type CheckOptions, checkMacro, checkRule, checkValue } from './checker.js';
export { type LanguageCode, languageCodes } from './codes.js';
export { compileRule, compileSet, compileValue } from './compiler.js';
export type * from './evaluation.js';
export { type FunctionRow, functions } from './functions.js';
export { distanceTo, traceRule, truthOf } from './interpreter.js';
export { valuesMacro } from './macro.js';
export { compileMatcher } from './matcher.js';
export type * from './model.js';
export { type OperatorRow, operators } from './operators.js';
export { type Parsed, type ParseOptions, parse, parseMacro } from './parser.js';
export {
  type Approval,
  approveAll,
  approvers,
  evaluatePartially,
  type FieldValue,
  fieldValues,
  isDiscarder,
  type Tri,
  type ValueKind,
} from './partial.js';
export { compileGlob, globContains, globProblem, matchPattern, patternProblem } from './pattern.js';
export { type PrintOptions, print } from './printer.js';
export { type MapSpan, Source, type TextSpan } from './source.js';
export type * from './tree.js';
