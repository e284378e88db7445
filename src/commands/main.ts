/** The command line: finds the verb, runs it, leaves its exit status. Entry of the built script. */
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { didYouMean } from '../support/suggestion.js';
import type { Verb } from './base.js';
import { printDiagnostics, SeccamCommand } from './base.js';
import { commandCodes } from './codes.js';
import { explainFailure } from './failure.js';
import { COMMANDS } from './table.js';

export { COMMANDS };

const FIVE_LINES = `record   seccam record -o story.seccam -- ./program   write down what a program does
replay   seccam replay story.seccam                   which rules fire on it
test     seccam test                                  run the tests of the rules
explain  seccam explain story.seccam                  why a rule fired, or did not
doctor   seccam doctor                                can this machine record?   (all verbs: seccam help)
`;

/** Verbs that people guess, and what they meant. */
const guesses: Readonly<Record<string, string>> = {
  run: 'record',
  exec: 'record',
  capture: 'record',
  strace: 'record',
  watch: 'test --watch',
  lint: 'check',
  validate: 'check',
  report: 'replay --format html=report.html',
  show: 'inspect',
  dump: 'inspect --events',
  events: 'inspect --events',
  why: 'explain',
  start: 'agent start',
  daemon: 'agent start',
  format: 'fmt',
  version: '--version',
};

/** Runs the command line without the interpreter and script names; sets the process's exit status. */
export async function main(words: readonly string[]): Promise<void> {
  process.stdout.on('error', quietOnClosedPipe);
  process.stderr.on('error', quietOnClosedPipe);
  process.on('unhandledRejection', (error) => fail(error));
  process.on('uncaughtException', (error) => fail(error));
  try {
    process.exitCode = await dispatch(words);
  } catch (error) {
    fail(error);
  }
}

/** What `bin/worker.js` runs in a thread of its own. */
export async function replayWorker(): Promise<void> {
  (await import('../workbench/worker.js')).serve();
}

async function dispatch(words: readonly string[]): Promise<number> {
  if (words.length === 0) {
    process.stdout.write(FIVE_LINES);
    return 0;
  }
  if (words[0] === 'help' || words[0] === '--help' || words[0] === '-h') return help(words.slice(1));
  const found = findVerb(words);
  if (found === undefined) {
    // `seccam list --help`: a topic has a page as well.
    const asks = words[1] === '--help' || words[1] === '-h' || words[1] === 'help';
    if (asks && Object.keys(COMMANDS).some((id) => id.startsWith(`${words[0]}:`)))
      return help(words.slice(0, 1));
    throw unknownCommand(words);
  }
  const before = found.rest.includes('--') ? found.rest.slice(0, found.rest.indexOf('--')) : found.rest;
  if (before.includes('--help') || (!found.verb.passThrough && before.includes('-h')))
    return help(found.id.split(':'));
  return SeccamCommand.execute(found.id.replace(':', ' '), found.verb, found.rest);
}

interface Found {
  readonly id: string;
  readonly verb: Verb;
  readonly rest: readonly string[];
}

/** The longest run of words that names a verb: `agent start` before `agent`. */
function findVerb(words: readonly string[]): Found | undefined {
  for (let count = Math.min(words.length, 2); count > 0; count--) {
    const id = words.slice(0, count).join(':');
    if (Object.hasOwn(COMMANDS, id)) return { id, verb: COMMANDS[id]!, rest: words.slice(count) };
  }
  return undefined;
}

function unknownCommand(words: readonly string[]): DiagnosticError {
  const word = words[0]!;
  const ids = Object.keys(COMMANDS);
  const below = ids.filter((id) => id.startsWith(`${word}:`)).map((id) => id.replace(':', ' '));
  if (below.length > 0) {
    const what =
      words[1] === undefined || words[1].startsWith('-')
        ? `"${word}" wants a verb of its own`
        : `"${word}" has no verb "${words[1]}"`;
    return new DiagnosticError([
      diagnostic(commandCodes, 'unknown-command', what, { suggestions: below.map((id) => `seccam ${id}`) }),
    ]);
  }
  const guess = guesses[word];
  const hint =
    guess === undefined
      ? didYouMean(
          word,
          ids.map((id) => id.split(':')[0]!),
        )
      : `seccam ${guess}`;
  return new DiagnosticError([
    diagnostic(commandCodes, 'unknown-command', `there is no command "${word}"`, {
      suggestions: [hint ?? 'seccam help'],
    }),
  ]);
}

async function help(words: readonly string[]): Promise<number> {
  const { showHelp } = await import('./help.js');
  await showHelp(words.filter((word) => !word.startsWith('-')));
  return 0;
}

/** A reader that went away (`| head`) is not an error of ours, and nobody is left to tell. */
function quietOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  fail(error);
}

function fail(error: unknown): void {
  const failure = explainFailure(error);
  printDiagnostics(failure.diagnostics);
  process.exit(failure.status ?? 2);
}
