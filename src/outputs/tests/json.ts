import type { TestResult } from '../answers.js';
import type { TestFormat } from './format.js';

/** One document: schema/test-result.json. */
export function jsonTests(): TestFormat {
  const tests: TestResult[] = [];
  return {
    test(test) {
      tests.push(test);
      return '';
    },
    end: (summary) => `${JSON.stringify({ ...summary, results: tests }, undefined, 2)}\n`,
  };
}
