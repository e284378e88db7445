/** The library: what the commands call, for programs. */
export type { Detection } from './rules/detection.js';
export type { Diagnostic } from './support/diagnostic.js';
export { DiagnosticError, renderDiagnostic } from './support/diagnostic.js';
