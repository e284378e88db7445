/** The verbs that list what can be written in rules: rows, narrowed by a word, as a table or as JSON. */
import * as Args from '@oclif/core/args';
import { columns } from '../../outputs/text.js';
import { DiagnosticError, diagnostic } from '../../support/diagnostic.js';
import { didYouMean } from '../../support/suggestion.js';
import type { ListedConstant, ListedEvent, ListedField, ListedFunction } from '../../workbench/list.js';
import type { Verb } from '../base.js';
import { SeccamCommand } from '../base.js';
import { commandCodes } from '../codes.js';
import { answer, formatFlag } from '../format.js';

type List = typeof import('../../workbench/list.js');

interface Reference<R extends { readonly name: string }> {
  /** `events`: the verb, the key in the JSON document. */
  readonly what: string;
  readonly summary: string;
  readonly description?: string;
  /** The rows that the word asks for; by default those whose name holds it. */
  readonly rows: (list: List, word: string | undefined) => readonly R[];
  readonly cells: (row: R) => readonly string[];
  /** The page of one row. */
  readonly page: (row: R, width: number) => readonly string[];
}

function reference<R extends { readonly name: string }>(spec: Reference<R>): Verb {
  return class extends SeccamCommand {
    static override summary = spec.summary;
    static override description =
      spec.description ?? 'With a name: its page. With a part of a name: those that hold it.';
    static override args = { name: Args.string({ description: 'a name, or a part of one' }) };
    static override flags = { format: formatFlag(['pretty', 'json']) };

    override async run(): Promise<void> {
      const { args, flags } = await this.parse({
        args: { name: Args.string() },
        flags: { format: formatFlag(['pretty', 'json']) },
      });
      const list = await import('../../workbench/list.js');
      const rows = spec.rows(list, args.name);
      if (rows.length === 0) throw nothing(spec.what, args.name ?? '', spec.rows(list, undefined));
      const exact = rows.filter((row) => row.name === args.name);
      const shown = exact.length > 0 && rows.length === exact.length ? exact : rows;
      answer(flags.format, spec.what, { [spec.what]: shown }, (width) =>
        shown === exact
          ? exact.flatMap((row) => spec.page(row, width))
          : columns(shown.map(spec.cells), { width }),
      );
    }
  };
}

function nothing(what: string, word: string, all: readonly { readonly name: string }[]): DiagnosticError {
  const hint = didYouMean(
    word,
    all.map((row) => row.name),
  );
  return new DiagnosticError([
    diagnostic(commandCodes, 'no-such-name', `none of the ${what} is called "${word}" or holds it`, {
      suggestions: [hint ?? `seccam list ${what}`],
    }),
  ]);
}

/** The one of that name, else all whose name holds the word. */
function narrowed<R extends { readonly name: string }>(
  rows: readonly R[],
  word: string | undefined,
): readonly R[] {
  if (word === undefined) return rows;
  const exact = rows.filter((row) => row.name === word);
  return exact.length > 0 ? exact : rows.filter((row) => row.name.includes(word));
}

export const ListEvents = reference<ListedEvent>({
  what: 'events',
  summary: 'The events that can be recorded.',
  rows: (list, word) => narrowed(list.listEvents(), word),
  cells: (row) => [
    row.name,
    row.category,
    row.preset,
    row.unavailable === undefined ? sentence(row.doc) : `never seen here: ${row.unavailable}`,
  ],
  page: (row, width) => [
    `${row.name}   event ${row.id}, ${row.category}, since ${row.since}`,
    '',
    row.doc,
    ...(row.unavailable === undefined ? [] : [`Never seen here: ${row.unavailable}`]),
    '',
    ...columns(
      [
        ['recorded with', `--trace ${row.preset}`],
        ['rules see', row.shown],
        ['from', row.calls.join(', ')],
        ['fields', `seccam list fields ${row.name}.`],
      ],
      { width },
    ),
  ],
});

export const ListFields = reference<ListedField>({
  what: 'fields',
  summary: 'The fields that rules read.',
  description:
    'With the name of an event: the fields of its own. With a name: its page. With a part of a name: those that hold it.',
  rows: (list, word) => {
    const own = word === undefined ? [] : list.listFields(word);
    return own.length > 0 ? own : narrowed(list.listFields(), word);
  },
  cells: (row) => [
    row.name,
    row.type,
    row.unavailable === undefined ? sentence(row.doc) : `always absent here: ${row.unavailable}`,
  ],
  page: (row, width) => [
    `${row.name}   ${row.type}`,
    '',
    row.doc,
    ...(row.iterator === undefined ? [] : [`One value for each member of ${row.iterator}.`]),
    ...(row.unavailable === undefined ? [] : [`Always absent here: ${row.unavailable}`]),
    '',
    ...columns(
      [
        ['events', row.events === undefined ? 'all' : row.events.join(', ')],
        ...(row.constants === undefined ? [] : [['written with', `seccam list constants ${row.constants}`]]),
      ],
      { width },
    ),
  ],
});

export const ListConstants = reference<ListedConstant>({
  what: 'constants',
  summary: 'The names that stand for numbers in rules.',
  description:
    'With the name of a group, such as open-flags: its members. With a part of a name: those that hold it.',
  rows: (list, word) => {
    const group = list.listConstants().filter((row) => row.group === word);
    return group.length > 0 ? group : narrowed(list.listConstants(), word);
  },
  cells: (row) => [row.name, String(row.value), row.group],
  page: (row) => [
    `${row.name} = ${row.value} (0x${BigInt.asUintN(64, BigInt(row.value)).toString(16)})   ${row.group}`,
  ],
});

export const ListFunctions = reference<ListedFunction>({
  what: 'functions',
  summary: 'The operators and functions of rules.',
  rows: (list, word) => narrowed(list.listFunctions(), word),
  cells: (row) => [row.name, row.types.join(' '), row.doc],
  page: (row) => [
    `${row.name}   ${row.kind} on ${row.types.join(', ')}`,
    '',
    row.doc,
    ...(row.example === undefined ? [] : ['', `  ${row.example}`]),
  ],
});

function sentence(text: string): string {
  return text.split(/(?<=\.) /)[0]!;
}
