/**
 * The normalised event text of a recording, in which two runs of one program can be compared line by line: no
 * times and no numbers that the kernel hands out, processes in order of lineage, events in order within one.
 */

import { nameConstant } from '../catalogue/constants.js';
import type { Event } from '../catalogue/event.js';
import { fieldsOfEvent } from '../catalogue/fields.js';
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
  readonly #fields = new Map<string, readonly TellingField[]>();

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
    let line = `${event.type} ${event.retval < 0 ? (nameConstant('errno', event.retval) ?? String(event.retval)) : 'ok'}`;
    for (const field of lookup(this.#fields, event.type, () => tellingFields(event.type)))
      line += this.#part(field, this.model.read(field.name, event));
    return line;
  }

  /** A value has one text, however often it comes: what numbers it by first appearance has seen it then. */
  #part({ name, own, known }: TellingField, value: unknown): string {
    let part = known.get(value);
    if (part === undefined) {
      const normal = this.#normaliser.value(name, value);
      part = isNothing(normal) ? '' : ` ${own}=${fieldText(name, normal, Number.POSITIVE_INFINITY)}`;
      if (known.size >= mostKnown) known.clear();
      if (typeof value !== 'object') known.set(value, part);
    }
    return part;
  }
}

/** A field that a line shows. */
interface TellingField {
  readonly name: string;
  /** Without the type of its event. */
  readonly own: string;
  /** Value → its part of a line; empty: nothing to say. */
  readonly known: Map<unknown, string>;
}

/** Values of a field whose texts are known at a time. */
const mostKnown = 1 << 14;

function tellingFields(type: string): TellingField[] {
  return fieldsOfEvent(type).flatMap(({ name, source, events }) => {
    const own = name.slice(type.length + 1);
    const theirs = 'of' in source && (events?.length !== 1 || !['self', 'target'].includes(source.of));
    return name.startsWith(`${type}.`) &&
      source.kind !== 'unavailable' &&
      !theirs &&
      isTelling(name, own, type)
      ? [{ name, own, known: new Map() }]
      : [];
  });
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
