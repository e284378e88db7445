/** Recordings as arguments: found, checked for what they are, the newest when none is named. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';
import { exists, findFiles, isFolder, isPattern } from './glob.js';
import { type Project, recordingsFolder, shown } from './project.js';

export interface FoundRecordings {
  /** As the user would type them. */
  readonly recordings: readonly string[];
  /** They were not named: the newest was taken. */
  readonly newest: boolean;
}

export function findRecordings(
  named: readonly string[] | undefined,
  cwd: string,
  project: Project,
): FoundRecordings {
  if (named === undefined || named.length === 0) return { recordings: [newest(cwd, project)], newest: true };
  const found: string[] = [];
  for (const name of named) {
    if (name === '-') found.push(name);
    else if (isPattern(name) && !exists(resolve(cwd, name))) {
      const files = findFiles(name, cwd);
      if (files.length === 0)
        throw new DiagnosticError([
          diagnostic(workbenchCodes, 'no-such-file', `No recording fits "${name}"`),
        ]);
      found.push(...files.map((file) => shown(file, cwd)));
    } else found.push(existing(name, cwd));
  }
  for (const file of found) checkKind(file, cwd);
  return { recordings: found, newest: false };
}

/** The name itself when there is such a file; throws with what was probably meant. */
export function existing(name: string, cwd: string): string {
  if (exists(resolve(cwd, name))) return name;
  if (exists(resolve(cwd, `${name}.seccam`))) return `${name}.seccam`;
  // What a recorder that was killed leaves.
  const unfinished = [`${name}.partial`, `${name}.seccam.partial`].find((one) => exists(resolve(cwd, one)));
  const around = [...findFiles('*.seccam', cwd), ...findFiles('recordings/**/*.seccam', cwd)].map((file) =>
    shown(file, cwd),
  );
  throw new DiagnosticError([
    diagnostic(workbenchCodes, 'no-such-file', `There is no recording "${name}"`, {
      suggestions: unfinished === undefined ? nearest(name, around, 1) : [unfinished],
    }),
  ]);
}

function newest(cwd: string, project: Project): string {
  const folder = recordingsFolder(project);
  const files = [
    ...(isFolder(folder) ? findFiles('**/*.seccam', folder) : []),
    ...findFiles('*.seccam', cwd),
  ];
  const latest = files
    // One that is gone by now, or whose name is not UTF-8, is no candidate.
    .flatMap((file) => {
      const time = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
      return time === undefined ? [] : [{ file, time }];
    })
    .sort((a, b) => b.time - a.time || (a.file < b.file ? -1 : 1))[0];
  if (latest === undefined) {
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'no-recording',
        `No recording was named, and there is none in "${shown(folder, cwd)}" or here`,
        { suggestions: ['seccam record -- COMMAND'] },
      ),
    ]);
  }
  return shown(latest.file, cwd);
}

const magic = Buffer.from('8953454343414d0a', 'hex');

/** Tells a Git LFS pointer, a policy, a test or another file from a recording before anything reads it as one. */
export function checkKind(name: string, cwd: string): void {
  if (name === '-' || isFolder(resolve(cwd, name))) return;
  const head = Buffer.alloc(200);
  let length = 0;
  try {
    if (!statSync(resolve(cwd, name)).isFile()) return;
    const file = openSync(resolve(cwd, name), 'r');
    length = readSync(file, head, 0, head.length, 0);
    closeSync(file);
  } catch {
    return; // The reader says why.
  }
  const text = head.subarray(0, length).toString('latin1');
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'lfs-pointer',
        `"${name}" is a Git LFS pointer; the recording itself was not fetched`,
        { suggestions: [`git lfs pull --include ${JSON.stringify(name)}`] },
      ),
    ]);
  }
  if (length > 0 && head.subarray(0, Math.min(length, 8)).equals(magic.subarray(0, Math.min(length, 8))))
    return;
  if (/\.ya?ml$|\.policy$/.test(name)) {
    const verb = /\.test\.ya?ml$/.test(name) ? `seccam test ${name}` : `seccam replay RECORDING -r ${name}`;
    throw new DiagnosticError([
      diagnostic(workbenchCodes, 'not-a-recording', `"${name}" is not a recording`, { suggestions: [verb] }),
    ]);
  }
}
