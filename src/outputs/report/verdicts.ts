/// <reference lib="dom" />
/** Tests with their failed expectations, and the policies with what tests reach of them. */
import type { CoverageReport, ExplainedEvent, ExplainNode, TestResult } from '../answers.js';
import { coverageHeadline, reachOf, reachText, signOf } from '../coverage.js';
import { amount, make } from './element.js';

const marks = { pass: '✓', fail: '✗', inconclusive: '?', skip: '-', todo: '·' } as const;
const classes = { pass: 'true', fail: 'false', inconclusive: 'warn', skip: 'dim', todo: 'dim' } as const;

const signClasses = { '✓': 'true', '◐': 'warn', '✗': 'false' } as const;

export function testsView(tests: readonly TestResult[]): HTMLElement {
  const page = make('div', { class: 'page', tabindex: '0' });
  let file = '';
  for (const test of tests) {
    if (test.file !== file) {
      file = test.file;
      page.append(make('h3', {}, file));
    }
    const summary = make(
      'summary',
      {},
      make('span', { class: classes[test.outcome] }, `${marks[test.outcome]} `),
      test.name,
      make(
        'span',
        { class: 'dim' },
        `  ${amount(test.events)} events, ${amount(test.detections)} detections ${test.reason ?? ''}`,
      ),
    );
    const body = make('details', { class: 'test' }, summary);
    if (test.outcome === 'fail' || test.outcome === 'inconclusive') body.open = true;
    for (const check of test.checks) {
      body.append(
        make(
          'div',
          { style: 'padding-left:20px' },
          make('span', { class: classes[check.outcome] }, `${marks[check.outcome]} `),
          `${check.key}: ${check.title}`,
          ...(check.message === undefined ? [] : [make('div', { class: 'false' }, check.message)]),
        ),
      );
      if (check.explanation === undefined) continue;
      const tree = make('div', { class: 'tree', style: 'padding-left:36px' });
      tree.append(explained(check.explanation.tree, check.explanation.at[0]));
      body.append(tree);
    }
    page.append(body);
  }
  return page;
}

function explained(node: ExplainNode, event: ExplainedEvent | undefined): HTMLElement {
  const leaf = node.leaf === undefined ? undefined : event?.leaves.find((one) => one.leaf === node.leaf);
  const word = node.kind === 'and' ? '&&' : node.kind === 'or' ? '||' : node.kind === 'not' ? '!' : node.text;
  const line = make(
    'div',
    {},
    ...(leaf === undefined ? [] : [make('span', { class: String(leaf.value) }, leaf.value ? '✓ ' : '✗ ')]),
    word,
    make(
      'span',
      { class: node.neverTrue ? 'false' : 'dim' },
      `   true of ${amount(node.trueOf)}${node.neverTrue ? ', never true' : ''}`,
    ),
    ...(leaf === undefined || leaf.value
      ? []
      : [make('div', { class: 'dim' }, leaf.have.slice(0, 8).map(String).join(', '))]),
    ...(leaf?.notes ?? []).map((note) => make('div', { class: 'dim' }, note)),
  );
  for (const child of node.children) line.append(explained(child, event));
  return line;
}

export function coverageView(report: Omit<CoverageReport, 'sessions'>): HTMLElement {
  const page = make('div', { class: 'page', tabindex: '0' });
  page.append(make('h2', {}, coverageHeadline(report)));
  let file: string | undefined;
  const rules = [...report.perRule].sort(
    (a, b) =>
      (a.span?.file ?? '').localeCompare(b.span?.file ?? '') ||
      (a.span?.start.line ?? 0) - (b.span?.start.line ?? 0),
  );
  for (const rule of rules) {
    const here = rule.span?.file ?? '';
    if (here !== file) {
      file = here;
      page.append(make('h3', {}, here));
    }
    const whole = rule.leaves.filter(
      (leaf) => reachOf(leaf, rule.fired.asserted + rule.fired.seen > 0) === 'whole',
    ).length;
    const share = rule.leaves.length === 0 ? 100 : (whole * 100) / rule.leaves.length;
    const fired = rule.fired.asserted > 0;
    const body = make(
      'details',
      { class: 'coverage' },
      make(
        'summary',
        {},
        make('span', { class: 'bar' }, make('i', { style: `width:${share}%` })),
        ' ',
        make('b', { class: fired ? '' : 'false' }, rule.rule),
        make(
          'span',
          { class: 'dim' },
          `  ${fired ? `fired ${amount(rule.fired.asserted)}` : rule.fired.seen > 0 ? 'fired, but no test names it there' : 'never fired'}`,
        ),
      ),
    );
    for (const leaf of rule.leaves) {
      const reach = reachOf(leaf, rule.fired.asserted + rule.fired.seen > 0);
      const sign = signOf(leaf, rule.fired.asserted + rule.fired.seen > 0);
      body.append(
        make(
          'div',
          { class: 'leaf' },
          make('span', { class: signClasses[sign] }, sign),
          make('span', { class: 'dim' }, `true ${amount(leaf.seenTrue)}`),
          make('span', { class: 'dim' }, `false ${amount(leaf.seenFalse)}`),
          make(
            'span',
            {},
            leaf.text,
            make('span', { class: 'warn' }, reach === 'whole' ? '' : `  ${reachText[reach]}`),
          ),
        ),
      );
      const missed = leaf.members.filter((member) => member.matched === 0).map((member) => member.text);
      if (missed.length > 0)
        body.append(
          make(
            'div',
            { class: 'leaf' },
            '',
            '',
            '',
            make('span', { class: 'dim' }, `never matched: ${missed.join(', ')}`),
          ),
        );
    }
    for (const action of rule.actions)
      if (action.ran === 0 && fired)
        body.append(make('div', { class: 'warn' }, `action ${action.kind} never ran`));
    page.append(body);
  }
  return page;
}
