/**
 * The language room: what an expression is. Published as `seccam/language`.
 *
 * It takes its model as data and knows nothing of events, recordings or files. Input errors come back as
 * diagnostics; only a broken contract throws.
 */

export { type Address, intersects, parseAddress } from './address.js';
export { type Expression, sameTree } from './ast.js';
export { checkMacro, checkRule, checkValue, type CheckedRule, type CheckOptions } from './checker.js';
export { type LanguageCode, languageCodes } from './codes.js';
export { compileRule, compileSet, compileValue } from './compiler.js';
export type * from './evaluation.js';
export { type FunctionRow, functions } from './functions.js';
export { distanceTo, traceRule, truthOf } from './interpreter.js';
export { valuesMacro } from './macro.js';
export type * from './model.js';
export { type OperatorRow, operators } from './operators.js';
export { parse, type Parsed, type ParseOptions, parseMacro } from './parser.js';
export {
  approveAll, type Approval, approvers, evaluatePartially, type FieldValue, fieldValues, isDiscarder, type Tri, type ValueKind,
} from './partial.js';
export { compileGlob, globContains, globProblem, matchPattern, patternProblem } from './pattern.js';
export { print, type PrintOptions } from './printer.js';
export { type MapSpan, Source, type TextSpan } from './source.js';
export type * from './tree.js';
