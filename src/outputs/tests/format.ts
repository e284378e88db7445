import type { TestResult, TestSummary } from '../answers.js';

/** A format of test results: a text per test in order, then the summary. */
export interface TestFormat {
  begin?(plan: { readonly selected: number }): string;
  /** Whole lines, each ended; empty when the format needs all results first. */
  test(test: TestResult): string;
  end(summary: TestSummary): string;
}
