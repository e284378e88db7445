/// <reference lib="dom" />
/** Wrong versions of the rules that no test notices, by rule: what was changed, and the event or expectation that is missing. */
import type { MutationReport, Survivor } from '../answers.js';
import { mutationHeadline, timesText } from '../mutation.js';
import { amount, make } from './element.js';

export function mutationView(report: MutationReport): HTMLElement {
  const page = make('div', { class: 'page', tabindex: '0' });
  page.append(
    make('h2', {}, mutationHeadline(report)),
    make(
      'div',
      { class: 'dim' },
      `on ${amount(report.events)} events of ${amount(report.inputs)} inputs; not counted: ${amount(report.equal)} that mean the same, ${amount(report.refused)} that do not load`,
    ),
  );
  const { threshold } = report;
  if (threshold !== undefined)
    page.append(
      make(
        'div',
        { class: threshold.met ? 'true' : 'false' },
        `${threshold.met ? '✓' : '✗'} score ${threshold.have} %, ${threshold.met ? 'at least' : 'want at least'} ${threshold.want} %`,
      ),
    );
  const left = new Map<string, Survivor[]>();
  for (const one of report.survivors) {
    const list = left.get(one.name);
    if (list === undefined) left.set(one.name, [one]);
    else list.push(one);
  }
  let file: string | undefined;
  for (const [name, survivors] of left) {
    const [first] = survivors;
    if (first!.span.file !== file) {
      file = first!.span.file;
      page.append(make('h3', {}, file));
    }
    const row = report.perRule.find((rule) => rule.rule === name);
    page.append(ofRule(name, first!.of, survivors, row?.killed ?? 0, row?.mutants ?? survivors.length));
  }
  const whole = report.perRule.filter((row) => row.mutants > 0 && !left.has(row.rule));
  if (whole.length > 0)
    page.append(
      make('h3', {}, 'every wrong version is noticed'),
      make('div', { class: 'true' }, whole.map((row) => `✓ ${row.rule}`).join('   ')),
    );
  page.append(make('h3', {}, 'by operator'), operators(report));
  return page;
}

const bar = (part: number, whole: number): HTMLElement =>
  make(
    'span',
    { class: 'bar' },
    make('i', { style: `width:${whole === 0 ? 100 : Math.floor((part * 100) / whole)}%` }),
  );

function ofRule(
  name: string,
  of: Survivor['of'],
  survivors: readonly Survivor[],
  killed: number,
  mutants: number,
): HTMLElement {
  const body = make(
    'details',
    { class: 'mutants' },
    make(
      'summary',
      {},
      bar(killed, mutants),
      ' ',
      make('b', {}, of === 'macro' ? `macro ${name}` : name),
      make('span', { class: 'dim' }, `  noticed ${killed}/${mutants}`),
    ),
  );
  for (const one of survivors) body.append(survivor(one));
  return body;
}

function survivor(one: Survivor): HTMLElement {
  const { line, column } = one.span.start;
  const { missing, differs } = one;
  const box = make(
    'div',
    { class: 'mutant', 'data-state': one.state },
    make('span', { class: one.state === 'unseen' ? 'dim' : 'warn' }, one.state === 'unseen' ? '○ ' : '◐ '),
    make('span', { class: 'dim' }, `${line}:${column}  ${one.operator}  `),
    one.said,
  );
  if (one.expression !== undefined) box.append(make('pre', { class: 'dim' }, one.expression));
  if (missing !== undefined)
    box.append(
      make('div', {}, make('span', { class: 'warn' }, 'unseen: '), `no ${missing.type} ${missing.text}`),
    );
  if (differs === undefined) return box;
  box.append(
    make(
      'div',
      {},
      make('span', { class: 'warn' }, 'unasserted: '),
      `event ${differs.seq} of ${differs.recording}: ${differs.rule} matches ${timesText(differs.matches)}`,
    ),
  );
  const { expectation, test } = differs;
  if (expectation !== undefined)
    box.append(
      make(
        'div',
        { class: 'dim' },
        test === undefined ? 'add' : `add to ${test.file}:${test.span.start.line}`,
      ),
      make('pre', {}, expectation),
    );
  return box;
}

function operators(report: MutationReport): HTMLElement {
  const table = make('table');
  for (const row of report.perOperator) {
    if (row.mutants === 0) continue;
    table.append(
      make(
        'tr',
        {},
        make('td', {}, row.operator),
        make('td', {}, bar(row.killed, row.mutants), ` ${row.killed}/${row.mutants}`),
        make('td', { class: 'dim' }, row.doc),
      ),
    );
  }
  return table;
}
