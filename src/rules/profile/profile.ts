/**
 * A profile of normal behaviour: for each executable which programs it starts, which files it uses and
 * how, which sockets, and which other calls it makes. Learnt from recordings, kept as YAML that is made
 * to be read and edited, and held against events.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Document, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import { compileGlob, globProblem } from '../../language/index.js';
import { type Diagnostic, DiagnosticError, diagnostic, spanAt } from '../../support/diagnostic.js';
import type { Act } from './acts.js';
import { profileCodes } from './codes.js';

export interface FileUse {
  /** A path glob: `*` stays within a segment, a last `**` crosses. */
  readonly path: string;
  readonly access: readonly string[];
}

export interface Behaviour {
  /** Path of the executable, a glob. */
  readonly path: string;
  readonly execs: readonly string[];
  readonly files: readonly FileUse[];
  /** As `Act.what` of sockets, with `*` for what may be anything. */
  readonly sockets: readonly string[];
  /** Types of events. */
  readonly calls: readonly string[];
}

export interface Profile {
  readonly name: string;
  readonly learned: { readonly recordings: number; readonly events: number };
  readonly executables: readonly Behaviour[];
}

export function printProfile(profile: Profile): string {
  const head = `# Normal behaviour. Patterns: * stays within a segment of a path, a last ** crosses.\n`;
  const document = new Document({ profile: 1, ...profile });
  visit(document, {
    Pair: (_, pair) => {
      if (isScalar(pair.key) && pair.key.value === 'access' && isSeq(pair.value)) pair.value.flow = true;
    },
  });
  return head + document.toString({ lineWidth: 120, flowCollectionPadding: false });
}

/** Reads a profile; all complaints at once, and no profile when there is an error. */
export function parseProfile(
  text: string,
  file: string,
): { profile?: Profile; diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const complain = (code: keyof typeof profileCodes, message: string, from = 0, to = from): void => {
    diagnostics.push(diagnostic(profileCodes, code, message, { span: spanAt(file, text, from, to) }));
  };
  const document = parseDocument(text);
  for (const error of document.errors)
    complain('not-a-profile', error.message.split('\n')[0] ?? 'not YAML', error.pos[0], error.pos[1]);
  if (diagnostics.length > 0) return { diagnostics };
  if (!isMap(document.contents) || document.get('profile') !== 1) {
    complain('not-a-profile', `"${file}" is not a profile: it does not say "profile: 1".`);
    return { diagnostics };
  }
  const patterns = (value: unknown, where: string): string[] => {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
      complain('not-a-profile', `"${where}" is a list of texts.`);
      return [];
    }
    return value;
  };
  const glob = (pattern: string): void => {
    const problem = globProblem(pattern);
    if (problem !== undefined)
      complain(
        'not-a-profile',
        `the pattern "${pattern}" cannot be used: ${problem}`,
        text.indexOf(pattern),
        text.indexOf(pattern) + pattern.length,
      );
  };
  const list = document.get('executables', true);
  if (!isSeq(list)) {
    complain('not-a-profile', '"executables" is a list.');
    return { diagnostics };
  }
  const json = document.toJS() as {
    readonly name?: unknown;
    readonly learned?: { readonly recordings?: unknown; readonly events?: unknown };
    readonly executables: readonly unknown[];
  };
  const executables = json.executables.flatMap((item): Behaviour[] => {
    const { path, execs, files, sockets, calls } = (
      typeof item === 'object' && item !== null ? item : {}
    ) as Record<string, unknown>;
    if (typeof path !== 'string') {
      complain('not-a-profile', 'An executable has no "path".');
      return [];
    }
    const uses = (Array.isArray(files) ? files : []).map((use) => {
      const { path: pattern, access } = (typeof use === 'object' && use !== null ? use : {}) as Record<
        string,
        unknown
      >;
      return {
        path: typeof pattern === 'string' ? pattern : '',
        access: patterns(access, `access of ${path}`),
      };
    });
    for (const pattern of [path, ...patterns(execs, `execs of ${path}`), ...uses.map((use) => use.path)])
      glob(pattern);
    return [
      {
        path,
        execs: patterns(execs, ''),
        files: uses,
        sockets: patterns(sockets, `sockets of ${path}`),
        calls: patterns(calls, `calls of ${path}`),
      },
    ];
  });
  if (diagnostics.length > 0) return { diagnostics };
  return {
    profile: {
      name: typeof json.name === 'string' ? json.name : file,
      learned: {
        recordings: Number(json.learned?.recordings ?? 0),
        events: Number(json.learned?.events ?? 0),
      },
      executables,
    },
    diagnostics,
  };
}

type Test = (text: string) => boolean;

/** `*` matches anything: what sockets need. */
function plainPattern(pattern: string): Test {
  if (!pattern.includes('*')) return (text) => text === pattern;
  const expression = new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'))
      .join('.*')}$`,
    's',
  );
  return (text) => expression.test(text);
}

const pathPattern = (pattern: string): Test =>
  pattern.startsWith('/') ? compileGlob(pattern, false) : plainPattern(pattern);

/** One executable's behaviour, ready to be asked. */
class Compiled {
  readonly #execs: readonly Test[];
  readonly #files: readonly (readonly [Test, ReadonlySet<string>])[];
  readonly #sockets: readonly Test[];
  readonly #calls: ReadonlySet<string>;

  constructor(behaviour: Behaviour) {
    this.#execs = behaviour.execs.map(pathPattern);
    this.#files = behaviour.files.map((use) => [pathPattern(use.path), new Set(use.access)]);
    this.#sockets = behaviour.sockets.map(plainPattern);
    this.#calls = new Set(behaviour.calls);
  }

  explains(act: Act): boolean {
    switch (act.kind) {
      case 'exec':
        return this.#execs.some((test) => test(act.what));
      case 'file':
        return act.access.every((access) =>
          this.#files.some(([test, allowed]) => allowed.has(access) && test(act.what)),
        );
      case 'socket':
        return this.#sockets.some((test) => test(act.what));
      case 'call':
        return this.#calls.has(act.what);
    }
  }
}

/** Executables whose behaviours are kept ready. */
const readyLimit = 10_000;

export class CompiledProfile {
  readonly name: string;
  readonly #executables: readonly (readonly [Test, Compiled])[];
  readonly #byPath = new Map<string, readonly Compiled[]>();

  constructor(profile: Profile) {
    this.name = profile.name;
    this.#executables = profile.executables.map((behaviour) => [
      pathPattern(behaviour.path),
      new Compiled(behaviour),
    ]);
  }

  /** The behaviours of an executable; none: the profile does not know it. */
  of(path: string): readonly Compiled[] {
    let found = this.#byPath.get(path);
    if (found === undefined) {
      found = this.#executables.filter(([test]) => test(path)).map(([, behaviour]) => behaviour);
      if (this.#byPath.size >= readyLimit) this.#byPath.clear();
      this.#byPath.set(path, found);
    }
    return found;
  }
}

/** A profile from a file. Throws a `DiagnosticError` with every complaint. */
export function readProfile(path: string, cwd = process.cwd()): CompiledProfile {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, path), 'utf8');
  } catch (error) {
    throw new DiagnosticError([
      diagnostic(
        profileCodes,
        'not-a-profile',
        `the profile "${path}" cannot be read: ${(error as Error).message}`,
        {
          suggestions: ['seccam profile learn RECORDING… -o FILE'],
        },
      ),
    ]);
  }
  const { profile, diagnostics } = parseProfile(text, path);
  if (profile === undefined) throw new DiagnosticError(diagnostics);
  return new CompiledProfile(profile);
}
