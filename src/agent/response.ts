/**
 * Carries out `kill` actions: decides whether (mode, exceptions, limits), asks the tracer of the stream,
 * and keeps account. The tracer kills its own tracees only, in its own pid namespace, so neither a shared
 * namespace nor a reused pid can hit a stranger.
 */
import type { Event, FileFacts } from '../catalogue/event.js';
import type { HashAction, KillAction } from '../rules/action.js';
import type { ActionReport } from '../rules/detection.js';
import type { StringTable } from '../support/strings.js';
import { globMatcher } from './glob.js';
import { constants } from 'node:os';
import { type Hashed, hash, kill, type Reply } from './message.js';
import { milliseconds, type Settings } from './settings.js';
import type { LiveStream } from './stream.js';

export type KillOutcome =
  | 'simulated'
  | 'asked'
  | 'protected'
  | 'rule-disarmed'
  | 'executable-disarmed'
  | 'unreachable'
  | 'performed'
  | 'partial'
  | 'failed';

interface Window {
  began: number;
  count: number;
}

export interface ResponseOptions {
  readonly settings: () => Settings;
  readonly strings: StringTable;
  /** Value of a field at the event that is decided. */
  readonly read: (field: string, event: Event) => unknown;
  /** The file of which the fields under that name tell. */
  readonly file: (field: string, event: Event) => FileFacts | undefined;
  readonly current: () => LiveStream | undefined;
  readonly onOutcome: (
    rule: string,
    action: string,
    outcome: KillOutcome,
    stream: LiveStream | undefined,
  ) => void;
}

/** Requests whose answer is outstanding at most; older ones are forgotten. */
const PENDING_MAX = 1024;
/** Bytes of a file that is hashed, where the rule says nothing of it. */
const HASH_MOST = 10 << 20;
/** ms for which a detection waits for its hash. */
const HASH_PATIENCE = 2000;

interface PendingHash {
  readonly detail: Record<string, unknown>;
  readonly timer: NodeJS.Timeout;
  readonly rule: string;
  readonly stream: LiveStream;
  done: () => void;
}

export class Response {
  readonly #options: ResponseOptions;
  readonly #perRule = new Map<string, Window>();
  readonly #perExecutable = new Map<string, Window>();
  readonly #pending = new Map<number, string>();
  readonly #hashes = new Map<number, PendingHash>();
  readonly #unfinished = new WeakMap<ActionReport, PendingHash>();
  #nextId = 1;

  constructor(options: ResponseOptions) {
    this.#options = options;
  }

  /** What the engine calls for an action; never throws. */
  perform(action: KillAction | HashAction, event: Event, rule: string): ActionReport {
    if (action.kind === 'hash') return this.#hash(action, event, rule);
    const outcome = this.#kill(action, event, rule);
    this.#options.onOutcome(rule, 'kill', outcome, this.#options.current());
    const detail = { signal: action.signal, scope: action.scope, pid: event.process.pid };
    if (outcome === 'simulated') return { kind: 'kill', detail, simulated: true };
    return { kind: 'kill', detail: { ...detail, status: outcome }, simulated: false };
  }

  /** The tracer's answer to a request. */
  reply(reply: Reply, stream: LiveStream): void {
    const rule = this.#pending.get(reply.id);
    if (rule === undefined) return;
    this.#pending.delete(reply.id);
    this.#options.onOutcome(
      rule,
      'kill',
      reply.failed === 0 && reply.performed > 0 ? 'performed' : reply.performed > 0 ? 'partial' : 'failed',
      stream,
    );
  }

  /** Whether a report of `perform` is not complete yet; then `done` is called when it is, once, within a bounded time. */
  waits(report: ActionReport, done: () => void): boolean {
    const pending = this.#unfinished.get(report);
    if (pending === undefined) return false;
    pending.done = done;
    return true;
  }

  /** The tracer's answer to a request for a hash. */
  hashed({ id, error, size, digest }: Hashed): void {
    const name = Object.entries(constants.errno).find(([, number]) => number === error)?.[0];
    this.#settle(
      id,
      error === 0
        ? { state: 'done', hashes: [`sha256:${digest}`], size }
        : {
            state: error === constants.errno.EFBIG ? 'file-too-big' : 'failed',
            error: name ?? String(error),
          },
    );
  }

  /** No answer comes any more over this link. */
  gone(stream: LiveStream): void {
    for (const [id, pending] of this.#hashes)
      if (pending.stream === stream) this.#settle(id, { state: 'failed', error: 'ECONNRESET' });
  }

  #settle(id: number, outcome: Readonly<Record<string, unknown>>): void {
    const pending = this.#hashes.get(id);
    if (pending === undefined) return;
    this.#hashes.delete(id);
    clearTimeout(pending.timer);
    Object.assign(pending.detail, outcome);
    this.#options.onOutcome(
      pending.rule,
      'hash',
      outcome['state'] === 'done' ? 'performed' : 'failed',
      pending.stream,
    );
    pending.done();
  }

  /** What the recording has; else the tracer reads the file, where it is. */
  #hash(action: HashAction, event: Event, rule: string): ActionReport {
    const { read, strings } = this.#options;
    const file = this.#options.file(action.field, event);
    // A memory file has no path for rules, and a name all the same.
    const path = strings.text(file?.path ?? 0);
    const hashes = (read(`${action.field}.hashes`, event) as readonly string[] | undefined) ?? [];
    const detail: Record<string, unknown> = { field: action.field, path, hashes };
    const report: ActionReport = { kind: 'hash', detail, simulated: false };
    if (hashes.length > 0) {
      detail['state'] = 'done';
      return report;
    }
    const stream = this.#options.current();
    const id = this.#nextId++ >>> 0;
    const { inode = 0, dev = 0 } = file ?? {};
    const most = action.maxFileSize ?? HASH_MOST;
    const request = { id, pid: event.process.pid, path, inode, device: dev, most };
    if (
      path === '' ||
      Buffer.byteLength(path) > 4000 ||
      this.#hashes.size >= PENDING_MAX ||
      stream?.send(hash(request)) !== true
    ) {
      detail['state'] = path === '' ? 'no-file' : 'unreachable';
      this.#options.onOutcome(rule, 'hash', 'unreachable', stream);
      return report;
    }
    detail['state'] = 'asked';
    const timer = setTimeout(() => this.#settle(id, { state: 'timeout' }), HASH_PATIENCE);
    timer.unref();
    const pending: PendingHash = { detail, timer, rule, stream, done: () => undefined };
    this.#hashes.set(id, pending);
    this.#unfinished.set(report, pending);
    return report;
  }

  #kill(action: KillAction, event: Event, rule: string): KillOutcome {
    const settings = this.#options.settings();
    if (settings.mode !== 'enforce') return 'simulated';
    const { pid } = event.process;
    const executable = this.#options.strings.text(event.process.file.path);
    if (pid <= 1 || globMatcher(settings.response.never)(executable)) return 'protected';
    const period = milliseconds(settings.response.period);
    if (
      !action.disableExecutableDisarmer &&
      executable !== '' &&
      !admits(this.#perExecutable, executable, settings.response.per_executable, period)
    )
      return 'executable-disarmed';
    if (!action.disableContainerDisarmer && !admits(this.#perRule, rule, settings.response.per_rule, period))
      return 'rule-disarmed';
    const stream = this.#options.current();
    const id = this.#nextId++ >>> 0;
    const request = {
      id,
      pid,
      signal: action.number,
      scope: action.scope,
      seq: event.seq,
      boottime: stream?.boottimeOf(event) ?? 0n,
    };
    if (stream?.send(kill(request)) !== true) return 'unreachable';
    if (this.#pending.size >= PENDING_MAX) this.#pending.delete(this.#pending.keys().next().value!);
    this.#pending.set(id, rule);
    return 'asked';
  }
}

/** Kills are harm, so their limits run on the machine's clock and not on recorded time. */
function admits<K>(windows: Map<K, Window>, key: K, most: number, period: number): boolean {
  const now = performance.now();
  const window = windows.get(key);
  if (window === undefined || now - window.began >= period) {
    if (windows.size > 10_000) windows.clear();
    windows.set(key, { began: now, count: 1 });
    return true;
  }
  window.count += 1;
  return window.count <= most;
}
