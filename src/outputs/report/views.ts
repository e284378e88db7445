/// <reference lib="dom" />
/** The page: header, tabs, filter, keys, one view at a time and the details of what is picked beside it. */
import type { ReportData } from './data.js';
import { detectionDetails, eventDetails, processDetails } from './details.js';
import { amount, make } from './element.js';
import { Filters } from './filter.js';
import { LongList } from './list.js';
import { mutationView } from './mutants.js';
import { type Branch, base, Rows, type Use } from './rows.js';
import { coverageView, testsView } from './verdicts.js';

const keys: readonly (readonly [string, string])[] = [
  ['/', 'filter: SECL, or a plain word'],
  ['1 … 8', 'views'],
  ['j k ↓ ↑', 'next, previous line'],
  ['PgDn PgUp Home End', 'by pages'],
  ['n p', 'next, previous detection'],
  ['Enter', 'details'],
  ['Esc', 'close, leave the filter'],
  ['?', 'this list'],
];

type ViewName =
  | 'detections'
  | 'processes'
  | 'events'
  | 'files'
  | 'network'
  | 'tests'
  | 'coverage'
  | 'mutation';

export class Page {
  readonly rows: Rows;
  readonly #filters: Filters;
  #kept: Int32Array;
  #view: ViewName;
  readonly #tabs = new Map<ViewName, HTMLButtonElement>();
  readonly #main = make('main');
  readonly #body = make('div', { class: 'view' });
  readonly #aside = make('aside', { tabindex: '-1', 'aria-label': 'details' });
  readonly #told = make('div', { id: 'told', role: 'status' });
  readonly #input = make('input', {
    type: 'search',
    id: 'filter',
    placeholder: 'SECL filter, e.g. open.file.path =~ "/etc/**"    ( / )',
    'aria-label': 'filter',
    spellcheck: 'false',
  });
  #list: LongList | undefined;
  /** Index into the detections in sight. */
  #detection = -1;

  constructor(
    readonly root: HTMLElement,
    readonly data: ReportData,
  ) {
    this.rows = new Rows(data);
    this.#filters = new Filters(data, this.rows.places, (row) => this.rows.text(row));
    this.#kept = Int32Array.from({ length: data.events.type.length }, (_, row) => row);
    this.#view = data.tests !== undefined ? 'tests' : data.detections.length > 0 ? 'detections' : 'events';
  }

  start(): void {
    const { data } = this;
    const nav = make('nav', { role: 'tablist' });
    this.#views().forEach((name, index) => {
      const tab = make('button', { role: 'tab', 'data-view': name, title: `key ${index + 1}` });
      tab.addEventListener('click', () => this.show(name));
      this.#tabs.set(name, tab);
      nav.append(tab);
    });
    if (data.events.type.length > 0) nav.append(this.#input);
    this.#main.append(this.#body);
    this.root.append(this.#header(), nav, this.#told, this.#main);
    let wait: ReturnType<typeof setTimeout> | undefined;
    this.#input.addEventListener('input', () => {
      clearTimeout(wait);
      wait = setTimeout(() => this.filter(), 150);
    });
    document.addEventListener('keydown', (event) => this.#key(event));
    this.show(this.#view);
    if (this.#view === 'detections') this.#list?.choose(0);
  }

  #views(): ViewName[] {
    const { data } = this;
    return [
      ...(data.tests === undefined ? [] : (['tests'] as const)),
      ...(data.coverage === undefined ? [] : (['coverage'] as const)),
      ...(data.mutation === undefined ? [] : (['mutation'] as const)),
      ...(data.rules.length === 0 && data.events.type.length === 0 ? [] : (['detections'] as const)),
      ...(data.events.type.length === 0 ? [] : (['processes', 'events', 'files', 'network'] as const)),
    ];
  }

  #header(): HTMLElement {
    const { data } = this;
    const facts =
      data.events.type.length > 0
        ? `${amount(data.events.type.length)} events, ${amount(data.processes.length)} process images, ${amount(data.detections.length)} detections`
        : data.summary === undefined
          ? ''
          : `${data.summary.pass} passed, ${data.summary.fail} failed, ${data.summary.inconclusive} inconclusive`;
    const header = make('header', {}, make('h1', {}, data.title), make('span', { class: 'facts' }, facts));
    for (const recording of data.recordings) {
      if (recording.command !== '' && data.recordings.length === 1)
        header.append(
          make('span', { class: 'facts command', title: recording.command }, `$ ${recording.command}`),
        );
      for (const note of recording.notes) header.append(make('span', { class: 'warn' }, note));
    }
    header.append(make('span', { class: 'facts', style: 'margin-left:auto' }, make('kbd', {}, '?'), ' keys'));
    return header;
  }

  filter(): void {
    const { rows, told } = this.#filters.apply(this.#input.value);
    this.#input.classList.toggle('bad', rows === undefined);
    this.#told.className = rows === undefined ? '' : 'ok';
    this.#told.textContent = told;
    if (rows === undefined) return;
    this.#kept = rows;
    this.show(this.#view);
  }

  show(view: ViewName): void {
    this.#view = view;
    const kept = new Set(this.data.detections.length > 0 ? this.#kept : []);
    const detections = this.data.detections.flatMap((one, index) => (kept.has(one.event) ? [index] : []));
    for (const [name, tab] of this.#tabs) {
      const count =
        name === 'detections' ? detections.length : name === 'events' ? this.#kept.length : undefined;
      tab.replaceChildren(
        name[0]!.toUpperCase() + name.slice(1),
        ...(count === undefined ? [] : [' ', make('b', {}, amount(count))]),
      );
      tab.setAttribute('aria-selected', String(name === view));
    }
    this.#list = undefined;
    switch (view) {
      case 'detections':
        this.#fill(this.#detections(detections));
        break;
      case 'processes':
        this.#fill(this.#processes(this.rows.tree(this.#kept)));
        break;
      case 'events':
        this.#fill(this.#timeline(), this.#events());
        break;
      case 'files':
      case 'network':
        this.#fill(this.#uses(this.rows.uses(this.#kept, view)));
        break;
      case 'tests':
        this.#fill(testsView(this.data.tests ?? []));
        break;
      case 'coverage':
        this.#fill(coverageView(this.data.coverage!));
        break;
      case 'mutation':
        this.#fill(mutationView(this.data.mutation!));
        break;
    }
  }

  /** Shows an event in the list of events, with its details. */
  goto(row: number): void {
    if (!this.#kept.includes(row)) {
      this.#input.value = '';
      this.filter();
    }
    this.show('events');
    this.#list?.choose(this.#kept.indexOf(row));
  }

  open(details: HTMLElement): void {
    const close = make('button', { class: 'link close', 'aria-label': 'close' }, '✕');
    close.addEventListener('click', () => this.close());
    this.#aside.replaceChildren(close, details);
    this.#main.classList.add('open');
    if (!this.#aside.isConnected) this.#main.append(this.#aside);
    this.#aside.scrollTop = 0;
  }

  close(): void {
    this.#aside.remove();
    this.#main.classList.remove('open');
  }

  #fill(...parts: HTMLElement[]): void {
    this.#body.replaceChildren(...parts);
  }

  #long(count: number, draw: (index: number) => HTMLElement, pick: (index: number) => void): HTMLElement {
    const list = new LongList(draw, pick);
    this.#list = list;
    list.fill(count);
    requestAnimationFrame(() => list.render());
    return list.element;
  }

  #detections(shown: readonly number[]): HTMLElement {
    const { data, rows } = this;
    if (shown.length === 0) return make('div', { class: 'page dim' }, 'No detection here.');
    return this.#long(
      shown.length,
      (index) => {
        const one = data.detections[shown[index]!]!;
        return make(
          'div',
          { class: `row hit${one.delivered ? '' : ' unseen'}` },
          make('span', { class: 't' }, time(data.events.elapsed[one.event]!)),
          make('span', { class: 's' }, amount(data.events.seq[one.event]!)),
          make(
            'span',
            { class: 'e', style: 'width:260px', title: data.rules[one.rule]!.id },
            data.rules[one.rule]!.id,
          ),
          make('span', { class: 'p' }, rows.process(one.event)),
          make('span', { class: 'x' }, rows.about(one.event)),
        );
      },
      (index) => {
        this.#detection = index;
        this.open(detectionDetails(this, shown[index]!));
      },
    );
  }

  #events(): HTMLElement {
    const { data, rows } = this;
    const kept = this.#kept;
    return this.#long(
      kept.length,
      (index) => {
        const row = kept[index]!;
        const result = data.events.result[row]!;
        const hit = rows.detections.has(row);
        return make(
          'div',
          { class: `row${hit ? ' hit' : ''}${data.events.shown[row] === 1 ? '' : ' unseen'}` },
          make('span', { class: 't' }, time(data.events.elapsed[row]!)),
          make('span', { class: 's' }, amount(data.events.seq[row]!)),
          make('span', { class: 'e' }, rows.typeName(row)),
          make('span', { class: 'p' }, rows.process(row)),
          make('span', { class: 'x' }, rows.about(row)),
          ...(result < 0 ? [make('span', { class: 'r' }, this.rows.result(row))] : []),
        );
      },
      (index) => this.open(eventDetails(this, kept[index]!)),
    );
  }

  #processes(branches: readonly Branch[]): HTMLElement {
    const { processes } = this.data;
    return this.#long(
      branches.length,
      (index) => {
        const { process, depth, events } = branches[index]!;
        const { pid, path, args, exit, uid, user } = processes[process]!;
        return make(
          'div',
          { class: `row${events === 0 ? ' unseen' : ''}` },
          make('span', { class: 'n' }, events === 0 ? '' : amount(events)),
          make('span', { class: 's' }, String(pid)),
          make(
            'span',
            { class: 'x', title: path },
            `${'  '.repeat(depth)}${depth > 0 ? '└ ' : ''}${base(path)} ${args}`,
          ),
          make('span', { class: 'dim' }, user === '' ? String(uid) : user),
          make('span', { class: 'dim' }, exit ?? ''),
        );
      },
      (index) => this.open(processDetails(this, branches[index]!.process)),
    );
  }

  #uses(uses: readonly Use[]): HTMLElement {
    if (uses.length === 0) return make('div', { class: 'page dim' }, 'Nothing here.');
    return this.#long(
      uses.length,
      (index) => {
        const { what, type, count, failed } = uses[index]!;
        return make(
          'div',
          { class: 'row' },
          make('span', { class: 'n' }, amount(count)),
          make('span', { class: 'e' }, type),
          make('span', { class: 'x' }, what),
          make('span', { class: 'r' }, failed === 0 ? '' : `${amount(failed)} failed`),
        );
      },
      (index) => {
        const { first } = uses[index]!;
        this.open(eventDetails(this, first));
      },
    );
  }

  /** Events over time; detections stand out. A click goes to that time. */
  #timeline(): HTMLElement {
    const canvas = make('canvas', { 'aria-label': 'events over time' });
    const { elapsed } = this.data.events;
    const kept = this.#kept;
    const draw = (): void => {
      const width = canvas.clientWidth;
      const height = canvas.clientHeight;
      const ratio = window.devicePixelRatio;
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      const pen = canvas.getContext('2d');
      if (pen === null || kept.length === 0 || width === 0) return;
      pen.scale(ratio, ratio);
      const { from, span } = this.#span();
      const counts = new Float64Array(width);
      const hits = new Set<number>();
      for (const row of kept) {
        const x = Math.min(width - 1, Math.floor(((elapsed[row]! - from) / span) * width));
        counts[x]! += 1;
        if (this.rows.detections.has(row)) hits.add(x);
      }
      const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
      const colour = (name: string): string => getComputedStyle(document.body).getPropertyValue(name);
      pen.fillStyle = colour('--blue');
      counts.forEach((count, x) => {
        const tall = (Math.log1p(count) / most) * (height - 10);
        pen.fillRect(x, height - tall, 1, tall);
      });
      pen.fillStyle = colour('--red');
      for (const x of hits) pen.fillRect(x - 1, 0, 3, height);
      pen.fillStyle = colour('--dim');
      pen.font = '11px system-ui';
      pen.fillText(`${time(from)} … ${time(from + span)}`, 6, 11);
    };
    new ResizeObserver(draw).observe(canvas);
    canvas.addEventListener('click', (event) => {
      const { from, span } = this.#span();
      const wanted = from + (event.offsetX / canvas.clientWidth) * span;
      let low = 0;
      let high = kept.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (elapsed[kept[middle]!]! < wanted) low = middle + 1;
        else high = middle;
      }
      this.#list?.choose(low);
    });
    return canvas;
  }

  #span(): { from: number; span: number } {
    const { elapsed } = this.data.events;
    let from = Number.POSITIVE_INFINITY;
    let to = 0;
    for (const row of this.#kept) {
      from = Math.min(from, elapsed[row]!);
      to = Math.max(to, elapsed[row]!);
    }
    return { from, span: Math.max(1, to - from) };
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === this.#input) {
      if (event.key === 'Escape' || event.key === 'Enter') {
        if (event.key === 'Enter') this.filter();
        this.#input.blur();
        this.#list?.element.focus();
        event.preventDefault();
      }
      return;
    }
    const list = this.#list;
    const acts: Readonly<Record<string, () => void>> = {
      '/': () => this.#input.select(),
      '?': () => this.open(keyList()),
      Escape: () => this.close(),
      j: () => list?.move(1),
      k: () => list?.move(-1),
      ArrowDown: () => list?.move(1),
      ArrowUp: () => list?.move(-1),
      PageDown: () => list?.move(list.page),
      PageUp: () => list?.move(-list.page),
      Home: () => list?.move(Number.NEGATIVE_INFINITY),
      End: () => list?.move(Number.POSITIVE_INFINITY),
      n: () => this.#step(1),
      p: () => this.#step(-1),
    };
    const tab = this.#views()[Number(event.key) - 1];
    const act = tab === undefined ? acts[event.key] : () => this.show(tab);
    if (act === undefined) return;
    if (list === undefined && /^(Arrow|Page|Home|End)/.test(event.key)) return;
    event.preventDefault();
    act();
  }

  #step(by: number): void {
    if (this.data.detections.length === 0) return;
    if (this.#view !== 'detections') this.show('detections');
    this.#list?.choose(Math.max(0, this.#detection + by));
  }
}

function keyList(): HTMLElement {
  const table = make('table');
  for (const [key, what] of keys)
    table.append(make('tr', {}, make('td', {}, make('kbd', {}, key)), make('td', {}, what)));
  return make('div', {}, make('h2', {}, 'Keys'), table);
}

export const time = (elapsed: number): string => `+${(elapsed / 1e9).toFixed(3)} s`;
