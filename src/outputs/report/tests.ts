import type { TestResult, TestSummary } from '../answers.js';
import type { ReportData } from './data.js';

/** The report of a run of tests and what they cover, without events. */
export function testReport(
  results: readonly TestResult[],
  summary: TestSummary,
  version: string,
): ReportData {
  return {
    title: `${summary.tests} tests`,
    version,
    recordings: [],
    values: [],
    fields: [],
    constants: {},
    words: {},
    events: {
      type: [],
      process: [],
      state: [],
      tid: [],
      result: [],
      elapsed: [],
      seq: [],
      shown: [],
    },
    types: [],
    processes: [],
    states: {},
    rules: [],
    detections: [],
    tests: results,
    summary,
    ...(summary.coverage === undefined ? {} : { coverage: summary.coverage }),
  };
}
