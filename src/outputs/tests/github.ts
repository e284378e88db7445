import type { TestResult } from '../answers.js';
import { errorsOf, type TestFormat } from './format.js';

/** Workflow commands: an annotation at each expectation that did not pass, and one at its rule. */
export function githubTests(): TestFormat {
  return {
    test: (test) =>
      annotations(test)
        .map((line) => `${line}\n`)
        .join(''),
    end: (summary) =>
      `${errorsOf(summary)
        .map(
          (item) =>
            `${item.span === undefined ? `::error title=${property(item.code)}::${data(item.message)}` : annotation('error', item.span, item.code, item.message)}\n`,
        )
        .join('')}${summary.pass} passed, ${summary.fail} failed, ${summary.inconclusive} inconclusive\n`,
  };
}

function annotations(test: TestResult): string[] {
  if (test.outcome === 'pass' || test.outcome === 'skip' || test.outcome === 'todo') return [];
  const wrong = test.checks.filter((check) => check.outcome !== 'pass');
  if (wrong.length === 0) return [annotation('error', test.span, test.name, test.reason ?? test.outcome)];
  return wrong.flatMap((check) => {
    const message = `${check.title}: ${check.message ?? check.outcome}${check.code === undefined ? '' : ` [${check.code}]`}`;
    const lines = [annotation('error', check.span, test.name, message)];
    if (check.ruleSpan !== undefined)
      lines.push(
        annotation(
          'notice',
          check.ruleSpan,
          `rule ${check.rule ?? ''}`,
          `${test.file}: ${test.name}: ${message}`,
        ),
      );
    return lines;
  });
}

function annotation(kind: string, span: TestResult['span'], title: string, message: string): string {
  const place = `file=${property(span.file)},line=${span.start.line},col=${span.start.column},title=${property(title)}`;
  return `::${kind} ${place}::${data(message)}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
