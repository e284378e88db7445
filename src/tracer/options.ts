/** What callers of the tracer say and get: the types of the room. */
import type { Duplex, Readable } from 'node:stream';
import type { Diagnostic } from '../support/diagnostic.js';

/** Options of every way of tracing. */
export interface TraceOptions {
  /** Names of events to trace, categories, or presets (`lean`, `default`, `all`). Default: `['default']`. */
  readonly events?: readonly string[];
  /** Trace without a seccomp filter: every system call stops twice. Default false. */
  readonly disableSeccomp?: boolean;
  /** Names of environment variables whose values are stored (names always are). Default: PATH, LANG, LD_PRELOAD and a few more. */
  readonly keepEnvironment?: readonly string[];
  /** What is read of the files of programs at exec. Default: `['metadata']` (headers); `['none']`: nothing. */
  readonly content?: readonly ('metadata' | 'hashes' | 'packages' | 'none')[];
  /** More argument patterns to redact, as `--name` or `NAME=`. The built-in ones always apply. */
  readonly redactArguments?: readonly string[];
  /** False: the recording does not tell of the ancestors of the first process (they belong to this machine). Default true. */
  readonly ancestors?: boolean;
  /** More options of the native tracer, as `seccam-trace --help` lists them. */
  readonly extra?: readonly string[];
  /** Gets a line such as `privileges are not gained: …` that the user should see, at once. */
  readonly onNotice?: (message: string) => void;
}

export interface WrapOptions extends TraceOptions {
  /** The program and its arguments; the program is searched in PATH as a shell would. */
  readonly command: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
}

export interface AttachOptions extends TraceOptions {
  /** Processes to attach to, with all their threads and what they start. */
  readonly pids: readonly number[];
  /** Stop after so many milliseconds; the processes go on untraced. */
  readonly duration?: number;
}

export type RecordOptions = (WrapOptions | AttachOptions) & {
  /** The recording's path. While it grows it is called `OUTPUT.partial`. Mode 0600, never through a link. */
  readonly output: string;
  /** Replace a file of that name. Default false: `output-exists`. */
  readonly force?: boolean;
  /** Called about four times a second while tracing. */
  readonly onProgress?: (counters: TraceCounters) => void;
};

export type SpawnOptions = (WrapOptions | AttachOptions) & {
  /** Path of the executable; default: the one that was built or shipped with this package. */
  readonly executable?: string;
  /** Speak docs/protocol.md over the socket pair instead of sending the plain bytes. Default false. */
  readonly channel?: boolean;
  /** Bytes that may wait for this process before events are dropped (counted). Default 16 MiB. */
  readonly buffer?: number;
  /**
   * What becomes of the programs when the tracer is killed: a guardian takes over and they go on unrecorded
   * (default; where none can, starting fails with `no-guardian`), they die too, or they go on with every
   * traced call failing with ENOSYS.
   */
  readonly onTracerDeath?: 'guardian' | 'kill' | 'accept-enosys';
};

/** Plain counts; all only grow, except `tasks`. */
export interface TraceCounters {
  readonly events: number;
  readonly stops: number;
  /** Bytes written to the recording or the stream. */
  readonly bytes: number;
  readonly dropped: number;
  /** Live traced threads. */
  readonly tasks: number;
  /** Processes seen. */
  readonly processes: number;
  /** Values that were cut or could not be read. */
  readonly truncated: number;
}

export interface TraceOutcome {
  /** Exit status for the shell: the program's, 128+n for a signal, 125 when tracing failed, 126 not executable, 127 not found. */
  readonly status: number;
  readonly counters: TraceCounters;
  /** What went wrong or should be known: `disk-full`, `program-not-found`, `no-ptrace-permission`, … */
  readonly diagnostics: readonly Diagnostic[];
  /** The path of the finished recording; absent when none was finished. */
  readonly output?: string;
}

export interface RunningTracer {
  /** The bytes of a recording, as they are made. Ends when the traced tree is empty. */
  readonly stream: Readable;
  /** The same socket, both ways: for `channel: true`. */
  readonly channel: Duplex;
  readonly pid: number;
  /** Resolves when the executable has ended; `counters` come from the stream's `counters` and `end` records and are zero here. */
  readonly finished: Promise<TraceOutcome>;
  /** Passes a signal on to the traced program. */
  signal(name: NodeJS.Signals): void;
}

export interface Availability {
  /** Path of the shared library, when it exists for this platform. */
  readonly library?: string;
  /** Path of the static executable, when it exists. */
  readonly executable?: string;
  /** Why tracing cannot work here, with what to do. Empty: it can. */
  readonly problems: readonly Diagnostic[];
}
