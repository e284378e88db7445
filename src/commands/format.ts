/** `--format NAME[=FILE]`, repeatable: where the answer of a verb goes, and in which form. */

import { closeSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { widthFor } from '../outputs/text.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { makeFolder } from '../support/folder.js';
import { didYouMean } from '../support/suggestion.js';
import { commandCodes } from './codes.js';

/** The flag of a verb that can write `names`; the first is the default. */
export function formatFlag<const N extends readonly string[]>(names: N) {
  return Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    default: [names[0]!],
    helpValue: 'NAME[=FILE]',
    description: `${names.join(', ')}; repeat it for several targets`,
    parse: async (text: string) => {
      formatTarget(text, names);
      return text;
    },
  });
}

/** Where text goes. `end` flushes and closes. */
export interface Sink {
  write(text: string): void;
  end(): void;
  /** The stream is a terminal or goes to one: decides colours. */
  readonly isTTY: boolean;
  /** Of the terminal. */
  readonly columns?: number | undefined;
}

export interface Target {
  readonly name: string;
  readonly file: string | undefined;
}

function formatTarget(text: string, names: readonly string[]): Target {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const file = at < 0 ? undefined : text.slice(at + 1);
  if (!names.includes(name)) {
    const hint = didYouMean(name, names);
    throw new DiagnosticError([
      diagnostic(
        commandCodes,
        'unknown-format',
        `there is no format "${name}" here: have ${names.join(', ')}`,
        hint === undefined ? {} : { suggestions: [hint] },
      ),
    ]);
  }
  if (file === '')
    throw new DiagnosticError([
      diagnostic(commandCodes, 'bad-usage', `"--format ${text}" names no file after "="`),
    ]);
  return { name, file };
}

/** The targets of the flag's values, checked: at most one of them goes to stdout. */
export function targets(values: readonly string[]): Target[] {
  const list = values.map((text) => formatTarget(text, [text.split('=')[0]!]));
  if (list.filter((item) => item.file === undefined).length > 1) {
    throw new DiagnosticError([
      diagnostic(
        commandCodes,
        'bad-usage',
        'two formats would go to standard output: give all but one a file',
        {
          suggestions: values
            .map((value, index) => (index === 0 ? `--format ${value}` : `--format ${value}=FILE`))
            .slice(0, 2),
        },
      ),
    ]);
  }
  return list;
}

const BATCH = 1 << 16;

/** Names of streams that are open already: opening them anew fails where they are sockets, and would cut a file short. */
const open: Readonly<Record<string, NodeJS.WriteStream>> = {
  '/dev/stdout': process.stdout,
  '/dev/stderr': process.stderr,
};

/** Opens a target: a file (parents are made) or standard output, written in batches or, when `live`, at once. */
export function openSink(target: Target, live = false): Sink {
  let pending: string[] = [];
  let size = 0;
  const stream = target.file === undefined ? process.stdout : open[target.file];
  let write: (text: string) => void = (text) => void stream?.write(text);
  let close = (): void => undefined;
  if (target.file !== undefined && stream === undefined) {
    makeFolder(dirname(target.file));
    const descriptor = openSync(target.file, 'w');
    write = (text) => {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    };
    close = () => closeSync(descriptor);
  }
  const flush = (): void => {
    if (size === 0) return;
    write(pending.join(''));
    pending = [];
    size = 0;
  };
  return {
    isTTY: stream?.isTTY === true,
    columns: stream?.columns,
    write(text) {
      pending.push(text);
      size += text.length;
      if (live || size >= BATCH) flush();
    },
    end() {
      flush();
      close();
    },
  };
}

/**
 * Writes a whole answer to each target: `json` as one document `{"schema": "seccam/NAME@1", …}`, `pretty`
 * as the lines that `draw` gives for a terminal of that width.
 */
export function answer(
  values: readonly string[],
  schema: string,
  document: object,
  draw: (width: number) => readonly string[],
): void {
  for (const target of targets(values)) {
    const sink = openSink(target);
    if (target.name === 'json')
      sink.write(`${JSON.stringify({ schema: `seccam/${schema}@1`, ...document }, undefined, 2)}\n`);
    else
      sink.write(
        draw(widthFor(sink))
          .map((line) => `${line}\n`)
          .join(''),
      );
    sink.end();
  }
}
