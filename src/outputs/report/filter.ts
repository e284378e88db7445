/**
 * SECL over the rows of a report: the language's own checker and compiler, with a model that reads columns.
 * Patterns, lists, CIDRs, functions and ancestors mean the same as in rules; registers (`ancestors[A]`) and
 * variables do not stand in a report and are told as mistakes.
 */
import { checkRule, compileRule, type Field, type Model } from '../../language/index.js';
import type { ReportData, ReportField } from './data.js';

/** One event of the report; the object is reused while rows are decided. */
export interface Row {
  row: number;
  /** Its place among the events of its type. */
  at: number;
  type: number;
}

export interface Filter {
  /** Rows that remain, ascending; undefined: the text has mistakes, said in `told`. */
  readonly rows: Int32Array | undefined;
  readonly told: string;
}

/** Row → its place among the events of its type. */
export function placesOf(data: ReportData): Int32Array {
  const next = data.types.map(() => 0);
  return Int32Array.from(data.events.type, (type) => next[type]!++);
}

export class Filters {
  readonly #model: Model<Row>;

  constructor(
    readonly data: ReportData,
    readonly places: Int32Array,
    /** The line of a row in small letters, for plain words. */
    readonly textOf: (row: number) => string,
  ) {
    const fields = new Map(data.fields.map((field) => [field.name, fieldOf(field, data)]));
    this.#model = {
      name: 'report',
      field: (name) => fields.get(name),
      iterator: () => undefined,
      fieldNames: () => fields.keys(),
      constants: new Map(Object.entries(data.constants)) as Model<Row>['constants'],
    };
  }

  /** Everything for an empty text; lines that hold it for a plain word; else a SECL condition. */
  apply(text: string): Filter {
    const count = this.data.events.type.length;
    const wanted = text.trim();
    if (wanted === '') return { rows: Int32Array.from({ length: count }, (_, row) => row), told: '' };
    if (/^[\w./@:+-]+$/.test(wanted) && this.#model.field(wanted) === undefined) {
      const word = wanted.toLowerCase();
      const type = this.data.types.findIndex((one) => one.name === wanted);
      const found: number[] = [];
      for (let row = 0; row < count; row++)
        if (type >= 0 ? this.data.events.type[row] === type : this.textOf(row).includes(word))
          found.push(row);
      return {
        rows: Int32Array.from(found),
        told: `${found.length.toLocaleString('en-US')} ${type >= 0 ? `events of type ${wanted}` : `lines with "${wanted}"`}`,
      };
    }
    const { rule, diagnostics } = checkRule(wanted, {
      model: this.#model,
      variable: () => undefined,
      macros: new Map(),
    });
    if (rule === undefined)
      return {
        rows: undefined,
        told: diagnostics
          .filter((item) => item.severity === 'error')
          .map((item) => `${item.message}${item.suggestions.map((one) => `   Try: ${one.text}`).join('')}`)
          .join('\n'),
      };
    const decide = compileRule(rule, this.#model);
    const only = rule.event === undefined ? -1 : this.data.types.findIndex((one) => one.name === rule.event);
    const found: number[] = [];
    const variables = { get: () => undefined };
    const at: Row = { row: 0, at: 0, type: 0 };
    if (rule.event === undefined || only >= 0) {
      for (let row = 0; row < count; row++) {
        at.type = this.data.events.type[row]!;
        if (only >= 0 && at.type !== only) continue;
        at.row = row;
        at.at = this.places[row]!;
        if (decide(at, 0, variables)) found.push(row);
      }
    }
    return {
      rows: Int32Array.from(found),
      told: `${found.length.toLocaleString('en-US')} of ${count.toLocaleString('en-US')} events`,
    };
  }
}

function fieldOf(field: ReportField, data: ReportData): Field<Row> {
  const zero = field.multi ? [] : field.type === 'int' ? 0 : field.type === 'bool' ? false : '';
  const state = data.states[field.name];
  const type = field.event === undefined ? undefined : data.types.find((one) => one.name === field.event);
  const column = type?.columns[field.name];
  const number = (value: unknown): unknown =>
    field.type === 'int' && typeof value === 'string' ? Number(value) : value;
  const read = (event: Row): unknown => {
    const place =
      column !== undefined
        ? column[event.at]
        : state !== undefined
          ? state[data.events.state[event.row]!]
          : own(field.name, event, data);
    if (typeof place !== 'number' || place === 0) return typeof place === 'string' ? place : zero;
    if (column === undefined && state === undefined) return place;
    const value = data.values[place];
    return Array.isArray(value) ? value.map(number) : number(value);
  };
  return {
    name: field.name,
    type: field.type,
    multi: field.multi,
    ...(field.event === undefined ? {} : { event: field.event }),
    ...(field.glob === true || field.fold === true
      ? {
          text: {
            ...(field.glob === true ? { glob: true } : {}),
            ...(field.fold === true ? { fold: true } : {}),
          },
        }
      : {}),
    read: { kind: 'call', read },
  };
}

/** Fields of the event itself. */
function own(name: string, event: Row, data: ReportData): number | string {
  if (name === 'event.id') return data.events.seq[event.row]!;
  if (name === 'event.timestamp') return data.events.elapsed[event.row]!;
  return name.endsWith('.retval') ? data.events.result[event.row]! : 0;
}
