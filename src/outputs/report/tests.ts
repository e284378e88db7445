import type { TestResult, TestSummary } from '../answers.js';
import type { ReportData } from './data.js';

/** The report of a run of tests, what they cover and what they notice, without events. */
export function testReport(
  results: readonly TestResult[],
  summary: TestSummary,
  version: string,
): ReportData {
  const { coverage, mutation, ...rest } = summary;
  const { sessions: _, ...covered } = coverage ?? { sessions: [] };
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
    summary: rest,
    ...('perRule' in covered ? { coverage: covered } : {}),
    ...(mutation === undefined ? {} : { mutation }),
  };
}
