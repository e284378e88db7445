/// <reference lib="dom" />
/** What stands beside the list: an event, a process, a detection with the tree of its conditions. */
import type { ReportDetection, ReportRule } from './data.js';
import { make } from './element.js';
import { base, brief } from './rows.js';
import { type Page, time } from './views.js';

export function eventDetails(page: Page, row: number): HTMLElement {
  const { data, rows } = page;
  const { events } = data;
  const type = data.types[events.type[row]!]!;
  const body = make(
    'div',
    {},
    make('h2', {}, `event ${events.seq[row]!}   ${type.name}   ${time(events.elapsed[row]!)}`),
    ...(events.shown[row] === 1
      ? []
      : [make('p', { class: 'warn' }, 'Rules do not see an event with this result.')]),
  );
  for (const index of rows.detections.get(row) ?? []) body.append(because(page, index));
  body.append(make('h3', {}, 'process'), lineage(page, events.process[row]!));
  const table = make('table');
  const names = Object.keys(type.columns).sort();
  for (const name of names) {
    const text = rows.said(row, name);
    if (text !== undefined) table.append(line(name, text));
  }
  table.append(line('result', rows.result(row)), line('thread', String(events.tid[row]!)));
  body.append(make('h3', {}, 'fields'), table);
  return body;
}

export function detectionDetails(page: Page, index: number): HTMLElement {
  const one = page.data.detections[index]!;
  const show = link(`event ${page.data.events.seq[one.event]!} among the others`, () => page.goto(one.event));
  const details = eventDetails(page, one.event);
  details.append(make('p', {}, show));
  return details;
}

export function processDetails(page: Page, process: number): HTMLElement {
  const { data } = page;
  const { path, args, pid, uid, user, exit } = data.processes[process]!;
  const table = make('table');
  table.append(
    line('path', path),
    line('arguments', args),
    line('pid', String(pid)),
    line('user', user === '' ? String(uid) : `${user} (${uid})`),
  );
  if (exit !== undefined) table.append(line('end', exit));
  const rows = data.events.process.flatMap((one, row) => (one === process ? [row] : []));
  const list = make('div');
  for (const row of rows.slice(0, 200))
    list.append(
      make(
        'div',
        {},
        link(`${time(data.events.elapsed[row]!)}  ${page.rows.typeName(row)}  ${page.rows.about(row)}`, () =>
          page.goto(row),
        ),
      ),
    );
  if (rows.length > 200) list.append(make('p', { class: 'dim' }, `and ${rows.length - 200} more`));
  const facts = make('details', {}, make('summary', {}, 'facts'));
  const state = data.events.state[rows[0] ?? -1];
  if (state !== undefined) {
    const known = make('table');
    for (const [name, column] of Object.entries(data.states)) {
      const value = data.values[column[state] ?? 0];
      if (value !== null && value !== undefined && !/ancestors|parent/.test(name))
        known.append(line(name, brief(value)));
    }
    facts.append(known);
  }
  return make(
    'div',
    {},
    make('h2', {}, `${base(path)}(${pid})`),
    lineage(page, process),
    make('h3', {}, 'process'),
    table,
    facts,
    make('h3', {}, `${rows.length} events`),
    list,
  );
}

/** Rule, its place, and the tree of its conditions with what each saw. */
function because(page: Page, index: number): HTMLElement {
  const one = page.data.detections[index]!;
  const rule = page.data.rules[one.rule]!;
  const body = make(
    'div',
    { class: 'item detection' },
    make('div', { class: 'rule false' }, rule.id, ' ', make('span', { class: 'dim' }, rule.place)),
  );
  if (rule.description !== '') body.append(make('div', {}, rule.description));
  const tags = Object.entries(rule.tags).map(([key, value]) => `${key}:${value}`);
  if (tags.length > 0) body.append(make('div', { class: 'dim' }, tags.join('  ')));
  const tree = make('div', { class: 'tree' });
  tree.append(node(rule.tree, one));
  body.append(tree);
  for (const [name, value] of Object.entries(one.variables))
    body.append(make('div', { class: 'dim' }, `\${${name}} was ${brief(value)}`));
  if (one.actions.length > 0)
    body.append(make('div', { class: 'dim' }, `actions: ${one.actions.join(', ')}`));
  if (!one.delivered) body.append(make('div', { class: 'warn' }, 'not delivered: rate limit or silent rule'));
  return body;
}

function node(tree: ReportRule['tree'], one: ReportDetection): HTMLElement {
  const value = truthOf(tree, one);
  const leaf = tree.leaf === undefined ? undefined : one.leaves?.[tree.leaf];
  const word = {
    and: '&&',
    or: '||',
    not: '!',
    macro: `macro ${tree.text}`,
    leaf: tree.text,
    constant: tree.text,
  }[tree.kind];
  const mark = value === undefined ? '·' : value ? '✓' : '✗';
  const line = make(
    'div',
    {},
    make('span', { class: value === undefined ? 'dim' : String(value) }, `${mark} `),
    word,
    ...(leaf === undefined || leaf.have === '' ? [] : [make('span', { class: 'dim' }, `   ${leaf.have}`)]),
  );
  for (const note of leaf?.notes ?? []) line.append(make('div', { class: 'dim' }, note));
  for (const child of tree.children) line.append(node(child, one));
  return line;
}

function truthOf(tree: ReportRule['tree'], one: ReportDetection): boolean | undefined {
  if (one.leaves === undefined) return undefined;
  if (tree.leaf !== undefined) return one.leaves[tree.leaf]?.value;
  const values = tree.children.map((child) => truthOf(child, one));
  switch (tree.kind) {
    case 'and':
      return values.every((value) => value === true);
    case 'or':
      return values.some((value) => value === true);
    case 'not':
      return values[0] === undefined ? undefined : !values[0];
    case 'macro':
      return values[0];
    default:
      return tree.text === 'true';
  }
}

function lineage(page: Page, process: number): HTMLElement {
  const body = make('div');
  page.rows.lineage(process).forEach((at, index) => {
    const { pid, path } = page.data.processes[at]!;
    if (index > 0) body.append(' ‹ ');
    body.append(link(`${base(path)}(${pid})`, () => page.open(processDetails(page, at))));
  });
  const { path, args } = page.data.processes[process]!;
  body.append(make('pre', { class: 'dim' }, `${path} ${args}`));
  return body;
}

const line = (name: string, value: string): HTMLElement =>
  make('tr', {}, make('td', {}, name), make('td', {}, value));

function link(text: string, act: () => void): HTMLElement {
  const button = make('button', { class: 'link' }, text);
  button.addEventListener('click', act);
  return button;
}
