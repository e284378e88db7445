/**
 * What all verbs share: oclif parses flags and prints help, everything that goes wrong becomes a
 * diagnostic on stderr, and the exit status is what `run` returns. No plugins, no hooks.
 */

import { readFileSync } from 'node:fs';
import { Command } from '@oclif/core/command';
import { Config } from '@oclif/core/config';
import { invariant } from '../support/assert.js';
import type { Diagnostic, SourceText } from '../support/diagnostic.js';
import { renderDiagnostic, sortDiagnostics } from '../support/diagnostic.js';
import { packageRoot, packageVersion } from '../support/package.js';
import { explainFailure } from './failure.js';

/** Exit statuses of the verbs that answer a question. */
export const Exit = { asHoped: 0, no: 1, couldNotAnswer: 2 } as const;

/** What a verb's `run` needs of oclif's configuration, without the files that loading one reads. */
class BareConfig extends Config {
  constructor() {
    super({ root: packageRoot() });
    this.bin = 'seccam';
    this.name = 'seccam';
    this.version = packageVersion();
    this.topicSeparator = ' ';
    this.userAgent = `seccam/${this.version}`;
  }

  override async runHook(): ReturnType<Config['runHook']> {
    return { successes: [], failures: [] };
  }
}

/** Codes of what `--accept-damage` makes a warning. */
const damage: ReadonlySet<string> = new Set(['unfinished-recording', 'damaged-recording']);

export interface Verb {
  new (argv: string[], config: Config): SeccamCommand;
  readonly failure: number;
  readonly flags: Record<string, { readonly char?: string; readonly type: string }>;
  readonly passThrough: boolean;
}

export abstract class SeccamCommand extends Command {
  /** Exit status when seccam itself failed: 125 for the verbs that exit as the program did. */
  static failure: number = Exit.couldNotAnswer;
  /** The verb runs a program: everything from the first word that is no flag, or after `--`, is its. */
  static passThrough = false;

  /** The program to run and its arguments; empty unless the verb has `passThrough`. */
  protected program: readonly string[] = [];
  /** Texts for the excerpts of diagnostics, by the name that spans use; other files are read from disk. */
  protected readonly sources = new Map<string, string>();

  #nothingRead = false;

  /** Returns the exit status; nothing is 0. */
  abstract override run(): Promise<number | void>;

  /** Runs the verb called `name` on its words and gives the exit status. Never throws. */
  static async execute(name: string, verb: Verb, words: readonly string[]): Promise<number> {
    const { own, program } = verb.passThrough ? splitProgram(words, verb.flags) : { own: words, program: [] };
    let command: SeccamCommand | undefined;
    try {
      command = new verb([...own], new BareConfig());
      command.program = program;
      const status = await command.run();
      invariant(command.parsed, `the verb "${name}" did not parse its arguments`);
      // Damage can be accepted; what is no recording has nothing to accept.
      return command.#nothingRead && status === Exit.asHoped ? verb.failure : (status ?? Exit.asHoped);
    } catch (error) {
      const failure = explainFailure(error, verb.flags, name);
      printDiagnostics(failure.diagnostics, command?.sources);
      return failure.status === undefined || failure.status === Exit.couldNotAnswer
        ? verb.failure
        : failure.status;
    }
  }

  /** Prints to stderr in order of place. Gives true when there was an error among them. */
  protected report(diagnostics: readonly Diagnostic[]): boolean {
    if (diagnostics.some((item) => item.code === 'not-a-recording')) this.#nothingRead = true;
    const accepted = this.argv.includes('--accept-damage');
    const told = diagnostics.map((item) =>
      accepted && damage.has(item.code) ? { ...item, severity: 'warning' as const, suggestions: [] } : item,
    );
    printDiagnostics(told, this.sources);
    return told.some((item) => item.severity === 'error');
  }

  /** A line for the reader that is no part of the answer: to stderr. */
  protected remark(line: string): void {
    process.stderr.write(`${line}\n`);
  }
}

/** Prints to stderr in order of place. */
export function printDiagnostics(
  list: readonly Diagnostic[],
  sources: ReadonlyMap<string, string> = new Map(),
): void {
  const source = sourceReader(sources);
  for (const item of sortDiagnostics(list)) process.stderr.write(`${renderDiagnostic(item, source)}\n`);
}

/** Texts for excerpts: from `sources`, else from the disk, each read once. */
export function sourceReader(sources: ReadonlyMap<string, string> = new Map()): SourceText {
  const cache = new Map<string, string | undefined>(sources);
  return (file) => {
    if (!cache.has(file)) cache.set(file, readQuietly(file));
    return cache.get(file);
  };
}

const EXCERPT_FILE_LIMIT = 4 << 20;

function readQuietly(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.length > EXCERPT_FILE_LIMIT ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Splits at `--`, or else at the first word that is neither a flag nor a flag's value. */
function splitProgram(words: readonly string[], flags: Verb['flags']): { own: string[]; program: string[] } {
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === '--') return { own: words.slice(0, index), program: words.slice(index + 1) };
    if (!word.startsWith('-') || word === '-')
      return { own: words.slice(0, index), program: words.slice(index) };
    if (takesNextWord(word, flags)) index++;
  }
  return { own: [...words], program: [] };
}

function takesNextWord(word: string, flags: Verb['flags']): boolean {
  if (word.startsWith('--')) return !word.includes('=') && flags[word.slice(2)]?.type === 'option';
  const last = Object.values(flags).find((flag) => flag.char === word[1]);
  return last?.type === 'option' && word.length === 2;
}
