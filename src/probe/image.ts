/** One image of a process (see `Process` in the catalogue) and what several images share. */

import { noContext, noCredentials, noFile, noList, noNamespaces } from '../catalogue/absent.js';
import { deriveArguments, sessionOf } from '../catalogue/arguments.js';
import type {
  Context,
  Credentials,
  DerivedArguments,
  FileFacts,
  Namespaces,
  Process,
  StringList,
  UserSession,
} from '../catalogue/event.js';
import type { StringId, StringTable } from '../support/strings.js';

/** What one exec brought: all images that come from it by fork share it. */
export class Program {
  static readonly unknown = new Program(noFile, noFile, [], [], noList, noList);
  #derived: DerivedArguments | undefined;
  #session: UserSession | null | undefined;

  constructor(
    readonly file: FileFacts,
    readonly interpreter: FileFacts,
    readonly aliases: readonly StringId[],
    readonly aliasNames: readonly StringId[],
    readonly argv: StringList,
    readonly envp: StringList,
  ) {}

  /** Marks the strings of it that are known so far. */
  keep(mark: (id: StringId) => void): void {
    keepFile(this.file, mark);
    keepFile(this.interpreter, mark);
    for (const list of [this.aliases, this.aliasNames, this.argv.items, this.envp.items]) for (const id of list) mark(id);
    if (this.#session) keepSession(this.#session, mark);
    if (this.#derived === undefined) return;
    const { argv0, args, argv, flags, options, envs } = this.#derived;
    mark(argv0);
    mark(args);
    for (const list of [argv, flags, options, envs]) for (const id of list) mark(id);
  }

  /** The ssh session that the environment tells of, or null. */
  session(strings: StringTable): UserSession | null {
    if (this.#session === undefined) this.#session = sessionOf(this.envp, strings);
    return this.#session;
  }

  derived(strings: StringTable): DerivedArguments {
    this.#derived ??= deriveArguments(this.argv, this.envp, strings);
    return this.#derived;
  }
}

/** The facts of an image that a fork inherits and an exec keeps unless it tells others. */
export interface Inherited {
  sid: number;
  tty: StringId;
  cwd: StringId;
  root: StringId;
  credentials: Credentials;
  namespaces: Namespaces;
  context: Context;
}

/** What an image is made of. */
export interface Made {
  readonly node: number;
  readonly pid: number;
  readonly ppid: number;
  readonly parent: Image | null;
  /** Wall ns. */
  readonly createdAt: number;
  readonly isExec: boolean;
  readonly isKworker: boolean;
  readonly comm: StringId;
  readonly program: Program;
}

/** Nothing is known of what came before. */
export const noInheritance: Inherited = {
  sid: 0,
  tty: 0,
  cwd: 0,
  root: 0,
  credentials: noCredentials,
  namespaces: noNamespaces,
  context: noContext,
};

export class Image implements Process {
  readonly node: number;
  readonly pid: number;
  tid: number;
  ppid: number;
  sid: number;
  /** Changes only when an ancestry without end is cut. */
  parent: Image | null;
  readonly depth: number;
  readonly createdAt: number;
  readonly isExec: boolean;
  isThread: boolean;
  readonly isKworker: boolean;
  comm: StringId;
  tty: StringId;
  cwd: StringId;
  root: StringId;
  readonly file: FileFacts;
  readonly interpreter: FileFacts;
  readonly aliases: readonly StringId[];
  readonly aliasNames: readonly StringId[];
  readonly argv: StringList;
  readonly envp: StringList;
  credentials: Credentials;
  namespaces: Namespaces;
  context: Context;
  capsAttempted = 0;
  capsUsed = 0;
  memo: unknown = undefined;

  /** Its number in checkpoints; 0: the stream does not number images. */
  number = 0;
  /** Images whose parent this is, plus one while it is the image of a live process. Zero: forgotten. */
  references = 0;
  readonly #strings: StringTable;
  readonly program: Program;

  constructor(strings: StringTable, made: Made, inherited: Inherited) {
    this.#strings = strings;
    this.node = made.node;
    this.pid = made.pid;
    this.tid = made.pid;
    this.ppid = made.ppid;
    this.sid = inherited.sid;
    this.parent = made.parent;
    this.depth = made.parent === null ? 0 : made.parent.depth + 1;
    this.createdAt = made.createdAt;
    this.isExec = made.isExec;
    this.isThread = !made.isExec;
    this.isKworker = made.isKworker;
    this.comm = made.comm;
    this.tty = inherited.tty;
    this.cwd = inherited.cwd;
    this.root = inherited.root;
    this.file = made.program.file;
    this.interpreter = made.program.interpreter;
    this.aliases = made.program.aliases;
    this.aliasNames = made.program.aliasNames;
    this.argv = made.program.argv;
    this.envp = made.program.envp;
    this.credentials = inherited.credentials;
    this.namespaces = inherited.namespaces;
    this.context = inherited.context;
    this.program = made.program;
  }

  /** Marks the strings of it: see `StringTable.collect`. */
  keep(mark: (id: StringId) => void): void {
    const { context } = this;
    this.program.keep(mark);
    for (const id of [this.comm, this.tty, this.cwd, this.root]) mark(id);
    for (const id of [context.cgroupId, context.containerId, context.runtime, context.containerImage, context.unit]) mark(id);
    for (const id of context.containerTags) mark(id);
    if (context.session !== null) keepSession(context.session, mark);
  }

  get derived(): DerivedArguments {
    return this.program.derived(this.#strings);
  }

  get session(): UserSession | null {
    return this.context.session ?? this.program.session(this.#strings);
  }
}

function keepFile(file: FileFacts, mark: (id: StringId) => void): void {
  const { path, ownPath, filesystem, extra } = file;
  for (const id of [path, ownPath, filesystem]) mark(id);
  if (extra === null) return;
  for (const id of extra.hashes) mark(id);
  if (extra.package === null) return;
  const { name, version, release, sourceVersion, sourceRelease } = extra.package;
  for (const id of [name, version, release, sourceVersion, sourceRelease]) mark(id);
}

function keepSession(session: UserSession, mark: (id: StringId) => void): void {
  for (const id of [session.sshUsername, session.sshClientIp, session.sshPublicKey]) mark(id);
}
