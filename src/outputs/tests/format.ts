import type { Diagnostic } from '../../support/diagnostic.js';
import type { TestResult, TestSummary } from '../answers.js';

/** Errors of test files as a whole: with one of them no run is good, whatever its tests say. */
export const errorsOf = (summary: TestSummary): Diagnostic[] =>
  (summary.diagnostics ?? []).filter((item) => item.severity === 'error');

/** A format of test results: a text per test in order, then the summary. */
export interface TestFormat {
  begin?(plan: { readonly selected: number }): string;
  /** Whole lines, each ended; empty when the format needs all results first. */
  test(test: TestResult): string;
  end(summary: TestSummary): string;
}
