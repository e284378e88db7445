import type { Finding } from '../sarif.js';
import { findingOf, sarif } from '../sarif.js';
import { errorsOf, type TestFormat } from './format.js';

/** SARIF: a result at each expectation that did not pass, its rule as related location. */
export function sarifTests(version: string, docs: ReadonlyMap<string, string>): TestFormat {
  const findings: Finding[] = [];
  return {
    test(test) {
      if (test.outcome !== 'fail' && test.outcome !== 'inconclusive') return '';
      if (test.checks.every((check) => check.outcome === 'pass')) {
        // It was not judged at all: what is wrong with the test or what it reads.
        const errors = test.diagnostics.filter((item) => item.severity === 'error');
        for (const item of errors) findings.push({ ...findingOf(item), span: item.span ?? test.span });
        if (errors.length === 0)
          findings.push({
            code: `test-${test.outcome}`,
            level: 'error',
            message: `${test.name}: ${test.reason ?? test.outcome}`,
            span: test.span,
            related: [],
          });
      }
      for (const check of test.checks) {
        if (check.outcome === 'pass') continue;
        findings.push({
          code: check.code ?? `test-${check.outcome}`,
          level: check.outcome === 'fail' ? 'error' : 'warning',
          message: `${test.name}: ${check.title}: ${check.message ?? check.outcome}`,
          span: check.span,
          related:
            check.ruleSpan === undefined
              ? []
              : [{ message: `the rule ${check.rule ?? ''}`.trim(), span: check.ruleSpan }],
        });
      }
      return '';
    },
    end: (summary) => sarif([...errorsOf(summary).map(findingOf), ...findings], version, docs),
  };
}
