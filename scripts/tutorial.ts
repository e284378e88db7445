/**
 * Executes docs/tutorial.md and the examples of docs/tests.md: writes their files (```LANGUAGE file=PATH), runs
 * their commands (```console, lines that begin with `$ `, one shell for each, no terminal), each document in one
 * fresh folder, and puts what they print into their blocks. `npx tsx scripts/tutorial.ts` rewrites the
 * documents; tests compare.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The folder that the document speaks of; where it is really executed is told nowhere. */
const named = '/tmp/seccam-tutorial';
const executable = join(import.meta.dirname, '..', 'bin', 'seccam.js');

export interface Step {
  readonly command: string;
  /** What the document says that it exits with: `status=N` of its block, for its last command. */
  readonly want: number;
  readonly status: number | null;
  readonly output: string;
}

export interface Executed {
  readonly markdown: string;
  readonly steps: readonly Step[];
}

/** `user`: numeric id of the user (and group) that runs the commands; needs root. */
export function execute(markdown: string, user?: number): Executed {
  // Free of digits and capitals: a name that looks made up would be left out of what is written from a recording.
  const folder = join(
    tmpdir(),
    `seccam-tutorial-${process.pid
      .toString()
      .padStart(7, '0')
      .replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!)}`,
  );
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const steps: Step[] = [];
  const here = (text: string): string => text.replaceAll(named, folder);
  const bin = join(folder, '.bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'seccam'),
    `#!/bin/sh\nunset NODE_OPTIONS\nexec '${process.execPath}' '${executable}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  const work = join(folder, 'w');
  const owned = (path: string): void => {
    if (user !== undefined) chownSync(path, user, user);
  };
  for (const path of [folder, bin]) owned(path);
  const run = (command: string, want: number): Step => {
    const done = spawnSync('bash', ['-c', `exec 2>&1\n${here(command)}`], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
      env: {
        PATH: `${bin}:${process.env['PATH'] ?? ''}`,
        HOME: work,
        LANG: 'C.UTF-8',
        XDG_CACHE_HOME: join(bin, 'cache'),
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_AUTHOR_NAME: 'you',
        GIT_AUTHOR_EMAIL: 'you@example.org',
        GIT_COMMITTER_NAME: 'you',
        GIT_COMMITTER_EMAIL: 'you@example.org',
      },
    });
    return { command, want, status: done.status, output: done.stdout.replaceAll(folder, named) };
  };
  try {
    const text = markdown.replace(/^```(\S+)([^\n]*)\n(.*?)^```$/gms, (block, language, info, body) => {
      const file = /\bfile=(\S+)/.exec(info)?.[1];
      if (file !== undefined) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), here(body));
        for (let path = join(folder, file); path !== folder; path = dirname(path)) owned(path);
        return block;
      }
      if (language !== 'console') return block;
      const commands = [...(body as string).matchAll(/^\$ (.*)$/gm)].map((match) => match[1]!);
      const status = Number(/\bstatus=(\d+)/.exec(info)?.[1] ?? 0);
      const told = commands.map((command, index) => {
        const step = run(command, index === commands.length - 1 ? status : 0);
        steps.push(step);
        return `$ ${command}\n${step.output}`;
      });
      return `\`\`\`${language}${info}\n${told.join('').replace(/[ \t]+$/gm, '')}\`\`\``;
    });
    return { markdown: text, steps };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Takes out what differs from run to run: numbers of processes, sizes, times, counts of what libraries open, and columns made of them. */
export const unvarying = (text: string): string =>
  text
    .replace(/\d[\d,]*(?:\.\d+)?/g, 'N')
    .replace(/[ \t]+/g, ' ')
    .replace(/\b(event|sh|second|minute|time)s\b/g, '$1');

if (process.argv[1] === import.meta.filename) {
  for (const name of ['tutorial.md', 'tests.md']) {
    const path = join(import.meta.dirname, '..', 'docs', name);
    const { markdown, steps } = execute(readFileSync(path, 'utf8'));
    for (const step of steps)
      if (step.status !== step.want)
        console.error(`${name}: ${step.command}: exits with ${step.status}, want ${step.want}`);
    writeFileSync(path, markdown);
  }
}
