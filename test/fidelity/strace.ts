/**
 * What `strace -y` says of a workload, as lines of `calls.ts`: the peer against which recordings are held.
 * One file per task (`-ff`), so that no call is split over two lines; strings in hexadecimal and constants
 * as numbers, so that no quoting has to be undone and the tests of the catalogue can be made here too.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { comparedCalls, comparedColumns, eventsOf, forkCalls, line, place, resultOf } from './calls.js';

export interface Workload {
  readonly command: readonly string[];
  readonly cwd: string;
}

export interface Observed {
  readonly lines: string[];
  readonly status: number | null;
  readonly stdout: string;
}

/** The words of strace that write a file per task at `prefix.TID`; the command follows. */
export function straceCommand(prefix: string): string[] {
  const calls = [...comparedCalls, ...forkCalls].map((name) => `?${name}`).join(',');
  return [
    'strace',
    '-ff',
    '-q',
    '-y',
    '-xx',
    '-X',
    'raw',
    '-s',
    '8192',
    '-e',
    `trace=${calls}`,
    '-e',
    'signal=none',
    '-o',
    prefix,
    '--',
  ];
}

export function strace(workload: Workload): Observed {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-strace-'));
  try {
    const [program, ...words] = straceCommand(join(folder, 'task'));
    const run = spawnSync(program!, [...words, ...workload.command], {
      cwd: workload.cwd,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return { lines: straceLines(folder), status: run.status, stdout: run.stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The lines of all tasks whose files lie in the folder. */
export function straceLines(folder: string): string[] {
  return readdirSync(folder).flatMap((name) =>
    taskLines(readFileSync(join(folder, name), 'latin1').split('\n')),
  );
}

function taskLines(text: readonly string[]): string[] {
  const found: string[] = [];
  for (const [n, item] of text.entries()) {
    if (item === '' || item.startsWith('---')) continue;
    const ended = /^\+\+\+ (?:exited with (\d+)|killed by (\w+)(?: \(core dumped\))?) \+\+\+/.exec(item);
    if (ended !== null) {
      const signal = ended[2] === undefined ? 0 : (constants.signals[ended[2] as NodeJS.Signals] ?? -1);
      found.push(
        line(
          'exit',
          '',
          [
            ['code', ended[1] ?? '0'],
            ['signal', String(signal)],
          ],
          '',
        ),
      );
      continue;
    }
    // Entered again after a signal: one call, with the result of the last time. Else the program saw EINTR.
    const interrupted = /^(.*\S)\s+= \? ERESTART/.exec(item);
    if (
      interrupted !== null &&
      text
        .slice(n + 1)
        .find((next) => !next.startsWith('---'))
        ?.startsWith(interrupted[1]!)
    )
      continue;
    found.push(...straceLine(interrupted === null ? item : `${interrupted[1]} = -1 EINTR`));
  }
  return found;
}

/** One line of strace as lines of the comparison. */
export function straceLine(item: string): string[] {
  const match = /^(\w+)\((.*)\)\s+= (\?|-?\w+)(?:<((?:\\x[0-9a-f]{2})*)>(?:\(deleted\))?)?(?: (E\w+))?/.exec(
    item,
  );
  if (match === null) return [];
  const [, call = '', text = '', value = '', path = '', errno] = match;
  const words = split(text);
  const word = (n: number): bigint => number(words[n] ?? '0');
  const result = value === '?' ? '?' : errno;
  if (forkCalls.includes(call))
    return errno === undefined && value !== '?' ? [line('fork', '', [], 'ok')] : [];
  return eventsOf(call, word).map(({ row, call: entry }) => {
    const parts = comparedColumns(row, entry).map((it): [string, string] => {
      if (it.what === 'result') return [it.column, errno === undefined ? place(hex(path)) : ''];
      return [
        it.column,
        it.what === 'word'
          ? wordText(words[it.argument] ?? '', it.signed)
          : textOf(it.what, words[it.argument] ?? ''),
      ];
    });
    return line(row.name, call, parts, result ?? resultOf(row.name, BigInt(value)));
  });
}

const wordText = (word: string, signed: boolean): string =>
  String(signed ? BigInt.asIntN(32, number(word)) : BigInt.asUintN(32, number(word)));

function textOf(what: 'string' | 'descriptor' | 'address', argument: string): string {
  if (what === 'string') return string(argument);
  return what === 'address'
    ? address(argument)
    : place(hex(/<((?:\\x[0-9a-f]{2})*)>/.exec(argument)?.[1] ?? ''));
}

/** The arguments: commas inside brackets and strings part none. */
function split(text: string): string[] {
  const words: string[] = [];
  let depth = 0;
  let quoted = false;
  let word = '';
  for (const c of text) {
    if (c === '"') quoted = !quoted;
    if (!quoted && '{[<'.includes(c)) depth++;
    if (!quoted && '}]>'.includes(c)) depth--;
    if (c === ',' && depth === 0 && !quoted) {
      words.push(word.trim());
      word = '';
    } else {
      word += c;
    }
  }
  return [...words, word.trim()];
}

/** `0x1|0x80000`, `0644`, `-100<…>`, `NULL`. A pointer of which strace shows what lies there is just not null. */
function number(word: string): bigint {
  if (/^[{["]/.test(word)) return 1n;
  let value = 0n;
  for (const part of word.replace(/<.*/, '').split('|')) {
    const octal = /^0\d+$/.test(part);
    if (/^-?(?:0x[0-9a-f]+|\d+)$/.test(part))
      value |= part.startsWith('-') ? -BigInt(part.slice(1)) : BigInt(octal ? `0o${part}` : part);
  }
  return value;
}

function string(word: string): string {
  const match = /^"((?:\\x[0-9a-f]{2})*)"/.exec(word);
  return match === null ? '' : hex(match[1]!);
}

function hex(text: string): string {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex').toString('utf8');
}

/** `unix:PATH`, `inet:IP:PORT`, or the number of the family. Abstract names begin with `@`. */
function address(text: string): string {
  const family = Number(/sa_family=(0x[0-9a-f]+)/.exec(text)?.[1] ?? 0);
  const bytes = (name: string): Buffer | undefined => {
    const found = new RegExp(`${name}="((?:\\\\x[0-9a-f]{2})*)"`).exec(text)?.[1];
    return found === undefined ? undefined : Buffer.from(found.replaceAll('\\x', ''), 'hex');
  };
  const path = /sun_path=(@?)"((?:\\x[0-9a-f]{2})*)"/.exec(text);
  if (path !== null) return `unix:${path[1]}${hex(path[2]!)}`;
  const port = bytes('sin6?_port')?.readUInt16BE(0);
  const ip = bytes('sin6?_addr');
  if (port === undefined || ip === undefined) return `family ${family}`;
  return `inet:${ip.length === 4 ? ip.join('.') : new URL(`http://[${ip.toString('hex').replace(/....(?!$)/g, '$&:')}]`).hostname.slice(1, -1)}:${port}`;
}
