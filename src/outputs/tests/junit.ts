import type { TestResult, TestSummary } from '../answers.js';
import { errorsOf, type TestFormat } from './format.js';

/**
 * JUnit XML: a suite per file, a case per test. Inconclusive counts as a failure, a test to do as skipped. A
 * file that cannot be read is a suite with one failure.
 */
export function junitTests(): TestFormat {
  const all: TestResult[] = [];
  return {
    test(test) {
      all.push(test);
      return '';
    },
    end: (summary) => document(all, summary),
  };
}

function document(all: readonly TestResult[], summary: TestSummary): string {
  const suites = new Map<string, TestResult[]>();
  for (const test of all) suites.set(test.file, [...(suites.get(test.file) ?? []), test]);
  const errors = errorsOf(summary);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="seccam" ${totals(all, errors.length)} time="${seconds(summary.durationMs)}">`,
  ];
  for (const [file, tests] of suites) {
    const time = tests.reduce((sum, test) => sum + test.durationMs, 0);
    lines.push(
      `  <testsuite name="${xml(file)}" ${totals(tests)} time="${seconds(time)}">`,
      ...tests.flatMap(testCase),
      '  </testsuite>',
    );
  }
  for (const error of errors) {
    const file = error.span?.file ?? 'seccam';
    const place = `file="${xml(file)}" line="${error.span?.start.line ?? 1}"`;
    lines.push(
      `  <testsuite name="${xml(file)}" ${totals([], 1)} time="0.000">`,
      `    <testcase name="the file can be read" classname="${xml(file)}" ${place} time="0.000">`,
      `      <failure type="${error.code}" message="${xml(error.message)}"/>`,
      '    </testcase>',
      '  </testsuite>',
    );
  }
  return `${[...lines, '</testsuites>'].join('\n')}\n`;
}

/** `errors`: files that could not be read, each a case of its own. */
function totals(tests: readonly TestResult[], errors = 0): string {
  const failures = tests.filter((test) => test.outcome === 'fail' || test.outcome === 'inconclusive').length;
  const skipped = tests.filter((test) => test.outcome === 'skip' || test.outcome === 'todo').length;
  return `tests="${tests.length + errors}" failures="${failures + errors}" errors="0" skipped="${skipped}"`;
}

function testCase(test: TestResult): string[] {
  const open = `    <testcase name="${xml(test.name)}" classname="${xml(test.file)}" file="${xml(test.file)}" line="${test.span.start.line}" time="${seconds(test.durationMs)}"`;
  if (test.outcome === 'pass') return [`${open}/>`];
  if (test.outcome === 'skip' || test.outcome === 'todo')
    return [`${open}>`, `      <skipped message="${xml(test.reason ?? test.outcome)}"/>`, '    </testcase>'];
  const wrong = test.checks.filter((check) => check.outcome !== 'pass');
  const detail = wrong.map(
    (check) =>
      `${check.span.file}:${check.span.start.line}:${check.span.start.column}: ${check.title}: ${check.message ?? check.outcome}${check.code === undefined ? '' : ` [${check.code}]`}`,
  );
  const message = test.reason ?? wrong[0]?.message ?? test.outcome;
  return [
    `${open}>`,
    `      <failure type="${test.outcome}" message="${xml(message)}">${xml(detail.join('\n'))}</failure>`,
    '    </testcase>',
  ];
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML forbids
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Characters that XML 1.0 cannot hold become U+FFFD. */
function xml(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => entities[char]!)
    .replace(forbidden, '\ufffd')
    .replaceAll('\t', '&#9;')
    .replaceAll('\n', '&#10;')
    .replaceAll('\r', '&#13;');
}
