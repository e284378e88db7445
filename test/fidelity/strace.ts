/**
 * What strace says of a workload, as a multiset of lines `type path… = result`: the peer against which
 * recordings are held. One file per task (`-ff`), so that no call is split over two lines; strings in
 * hexadecimal, so that no quoting has to be undone.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls of the comparison and the event that each becomes. */
export const comparedCalls: Readonly<Record<string, string>> = {
  execve: 'exec',
  execveat: 'exec',
  open: 'open',
  openat: 'open',
  openat2: 'open',
  creat: 'open',
  unlink: 'unlink',
  unlinkat: 'unlink',
  rmdir: 'rmdir',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  mkdir: 'mkdir',
  mkdirat: 'mkdir',
  connect: 'connect',
};

/** Which string arguments name files, in the order of the arguments. */
const paths: Readonly<Record<string, number>> = { rename: 2, renameat: 2, renameat2: 2 };

export interface Workload {
  readonly command: readonly string[];
  readonly cwd: string;
}

export interface Observed {
  readonly lines: string[];
  readonly status: number | null;
  readonly stdout: string;
}

export function strace(workload: Workload): Observed {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-strace-'));
  try {
    const calls = Object.keys(comparedCalls).join(',');
    const run = spawnSync(
      'strace',
      [
        '-ff',
        '-qqq',
        '-xx',
        '-s',
        '8192',
        '-e',
        `trace=${calls}`,
        '-e',
        'signal=none',
        '-o',
        join(folder, 'task'),
        '--',
        ...workload.command,
      ],
      { cwd: workload.cwd, encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    const lines: string[] = [];
    for (const name of readdirSync(folder)) {
      for (const line of readFileSync(join(folder, name), 'latin1').split('\n')) {
        const parsed = line === '' ? undefined : straceLine(line);
        if (parsed !== undefined) lines.push(parsed);
      }
    }
    return { lines, status: run.status, stdout: run.stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One line of strace as a line of the comparison; undefined for a line that is not a call. */
export function straceLine(line: string): string | undefined {
  const match = /^(\w+)\((.*)\)\s+= (\?|-?\d+)(?: (\w+))?/.exec(line);
  if (match === null) return undefined;
  const [, call = '', args = '', result = '', errno = ''] = match;
  let type = comparedCalls[call];
  if (type === undefined) return undefined;
  if (call === 'unlinkat' && /AT_REMOVEDIR/.test(args)) type = 'rmdir';
  const value = result === '-1' ? errno : result;
  if (type === 'connect') return `${type} ${address(args)} = ${value}`;
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((item) => text(item[1]!));
  return `${type} ${strings.slice(0, paths[call] ?? 1).join(' → ')} = ${value}`;
}

function text(hex: string): string {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString('utf8');
}

/** `unix:PATH`, `inet:IP:PORT`, or the name of the family. Abstract names begin with `@`. */
function address(args: string): string {
  const family = /sa_family=(AF_\w+)/.exec(args)?.[1] ?? 'none';
  const path = /sun_path=(@?)"((?:\\x[0-9a-f]{2})*)"/.exec(args);
  if (path !== null) return `unix:${path[1]}${text(path[2]!)}`;
  const port = /sin6?_port=htons\((\d+)\)/.exec(args)?.[1];
  const ip = /(?:inet_addr\("|inet_pton\(AF_INET6, ")((?:\\x[0-9a-f]{2})*|[^"]*)"/.exec(args)?.[1];
  if (port !== undefined && ip !== undefined) return `inet:${ip.startsWith('\\x') ? text(ip) : ip}:${port}`;
  return family;
}
