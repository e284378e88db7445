/**
 * The normalised event text of a recording, in which two runs of one program can be compared line by line: no
 * times and no numbers that the kernel hands out, processes in order of lineage, events in order within one.
 */

import { nameConstant } from '../catalogue/constants.js';
import type { Event } from '../catalogue/event.js';
import { isOfProcess, saysNothingNew } from '../outputs/recording/events.js';
import { fieldText } from '../outputs/value.js';
import { type Input, replay, type StreamSummary } from '../pipeline/index.js';
import { noRules, type ProductModel } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import { StringTable } from '../support/strings.js';
import { Lineage } from './lineage.js';
import { Normaliser, type NormaliserOptions } from './normalise.js';

/** Of a process, what its exec says; every other event would only say it again. */
const ofExec = new Set([
  'args',
  'envp',
  'uid',
  'gid',
  'euid',
  'egid',
  'tty_name',
  'container.id',
  'interpreter.file.path',
]);
/** Of a file, what a program can change or be refused for. */
const ofFile = new Set(['path', 'mode', 'uid', 'gid']);

export class EventText {
  readonly #lineage: Lineage;
  readonly #normaliser: Normaliser;
  readonly #groups = new Map<string, string[]>();

  constructor(
    readonly model: ProductModel,
    strings: StringTable,
    options: NormaliserOptions = {},
  ) {
    this.#lineage = new Lineage(strings);
    this.#normaliser = new Normaliser(options);
  }

  /** Must see every event, in order; `wanted`: it gets a line. */
  see(event: Event, wanted = true): void {
    this.#lineage.see(event);
    if (!wanted) return;
    const process = this.#lineage.of(event.process);
    lookup(this.#groups, process, () => []).push(`${process} ${this.#line(event)}`);
  }

  lines(): string[] {
    const order = [...this.#groups.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    return order.flatMap((name) => folded(this.#groups.get(name)!));
  }

  #line(event: Event): string {
    const fields = Object.entries(this.model.fieldsOf(event)).flatMap(([name, value]) => {
      const own = name.slice(event.type.length + 1);
      if (!isTelling(name, own, event.type)) return [];
      const normal = this.#normaliser.value(name, value);
      return isNothing(normal) ? [] : [`${own}=${fieldText(name, normal, Number.POSITIVE_INFINITY)}`];
    });
    const result = event.retval < 0 ? (nameConstant('errno', event.retval) ?? String(event.retval)) : 'ok';
    return [event.type, result, ...fields].join(' ');
  }
}

const isNothing = (value: unknown): boolean =>
  [undefined, '', 0, false].includes(value as undefined) || (Array.isArray(value) && value.length === 0);

function isTelling(name: string, own: string, type: string): boolean {
  if (saysNothingNew(own)) return false;
  if (isOfProcess(name)) return type === 'exec' && (ofExec.has(own) || own === 'file.path');
  const file = own.lastIndexOf('file.');
  return file < 0 || ofFile.has(own.slice(own.lastIndexOf('.') + 1));
}

/** The text of a whole recording. */
export async function eventText(input: Input): Promise<{ lines: string[]; stream: StreamSummary }> {
  const strings = new StringTable();
  const text = new EventText(noRules(strings).model, strings);
  const summary = await replay([input], { strings, onEvent: (event) => text.see(event) });
  return { lines: text.lines(), stream: summary.streams[0]! };
}

/** Repeated equal lines become one with ×N. */
function folded(lines: readonly string[]): string[] {
  const found: string[] = [];
  let count = 0;
  lines.forEach((line, index) => {
    count += 1;
    if (lines[index + 1] === line) return;
    found.push(count === 1 ? line : `${line} ×${count}`);
    count = 0;
  });
  return found;
}
