/**
 * `agent start`: settings to a running agent with its listeners, control socket, outputs and signals;
 * ends by request, by signal, or with the program that it was given.
 */

import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import type { DetectionFormatName } from '../outputs/detections/index.js';
import { counted, paintFor } from '../outputs/text.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { packageRoot } from '../support/package.js';
import { Agent } from './agent.js';
import { agentCodes } from './codes.js';
import type { Configuration } from './configuration.js';
import { type ControlAnswer, type ControlRequest, ControlServer } from './control.js';
import { globMatcher } from './glob.js';
import { isEncrypted, Listener, readToken, splitAddress, whyNot } from './listener.js';
import { RefusalReason } from './message.js';
import { type ServiceManager, serviceManager } from './notify.js';
import { DescriptorOutput, FileOutput } from './outputs/descriptor.js';
import { formatOf, forRules, type Output } from './outputs/output.js';
import { SyslogOutput } from './outputs/syslog.js';
import { WebhookOutput } from './outputs/webhook.js';
import { loadWritable } from '../tracer/writable.js';
import { bytes, milliseconds, type OutputSettings, type Settings } from './settings.js';
import type { LiveStream } from './stream.js';

/** ms between two looks at outputs and sockets. */
const WATCH_PERIOD = 1000;

/** ms for which a reader of standard output may take nothing when the agent stops. */
const READER_PATIENCE = 3000;

export interface FormatTarget {
  readonly name: DetectionFormatName;
  /** Undefined: standard output. */
  readonly file: string | undefined;
}

export interface DaemonOptions {
  readonly configuration: Configuration;
  readonly targets: readonly FormatTarget[];
  readonly onProblem: (item: Diagnostic) => void;
  /** A line for the person who started it. */
  readonly onRemark: (line: string) => void;
  readonly limits?: boolean;
  /** Files of `targets` are begun anew; else what they hold stays. */
  readonly truncate?: boolean;
}

export class Daemon {
  readonly agent: Agent;
  readonly settings: Settings;
  readonly #options: DaemonOptions;
  #listener: Listener | undefined;
  #control: ControlServer | undefined;
  #metricsServer: Server | undefined;
  readonly #links = new Set<Socket>();
  readonly #refusals = new Map<string, number>();
  #stopping: Promise<void> | undefined;
  readonly #onStopped: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** What started us, when it wants to be told. */
  #manager: ServiceManager | undefined;
  #told = '';
  #alive: NodeJS.Timeout | undefined;
  readonly #troubled = new Map<Output, string>();
  #writable: (fd: number) => boolean = () => true;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.settings = options.configuration.settings;
    const rules = this.settings.rules.length > 0 ? this.settings.rules : [join(packageRoot(), 'rules')];
    this.agent = new Agent({
      settings: this.settings,
      rules,
      outputs: makeOutputs(options, this.settings, {
        writable: (fd) => this.#writable(fd),
        onClosed: () => this.#readerGone(),
      }),
      onProblem: options.onProblem,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  }

  /** Opens what the settings name. Throws a `DiagnosticError` when something cannot be opened. */
  async listen(): Promise<void> {
    const { settings } = this;
    this.#writable = await loadWritable();
    const listener = new Listener({
      greetingTimeout: milliseconds(settings.limits.greeting),
      wanted: () => this.agent.wanted(),
      admit: (hello, peer) => {
        if (this.#stopping !== undefined)
          return { reason: RefusalReason.stopping, text: 'the agent is stopping' };
        if (this.agent.streams().length >= settings.limits.streams)
          return {
            reason: RefusalReason.tooMany,
            text: `there are ${settings.limits.streams} streams already`,
          };
        if (
          peer.kind === 'unix' &&
          settings.allow_uids.length > 0 &&
          (peer.uid === undefined || !settings.allow_uids.includes(peer.uid))
        ) {
          return { reason: RefusalReason.notAllowed, text: `user ${peer.uid ?? '?'} may not connect here` };
        }
        // A link that was cut without a word may still look alive here. The name of a stream is 128 random bits
        // that only its tracer and we know; over a Unix socket it must be the same process as well.
        const same = this.agent.streams().find((stream) => stream.hello?.stream === hello.stream);
        if (
          same !== undefined &&
          same.peer.uid === peer.uid &&
          same.peer.pid === peer.pid &&
          same.peer.kind === peer.kind
        )
          same.cut('the tracer connected again');
        else if (same !== undefined)
          return { reason: RefusalReason.connectedAlready, text: 'this stream is connected already' };
        return undefined;
      },
      onLink: (link, peer, hello, rest) => this.#serve(link, this.agent.open(peer, hello, link), rest),
      onRefused: (peer, why) => {
        this.agent.refused();
        // Whoever is turned away comes again: one line for each reason and second is enough, all are counted.
        const now = performance.now();
        if (now - (this.#refusals.get(why) ?? -1000) < 1000) return;
        if (this.#refusals.size > 100) this.#refusals.clear();
        this.#refusals.set(why, now);
        this.#options.onProblem(
          diagnostic(
            agentCodes,
            'stream-refused',
            `a client at ${peer.address}${peer.uid === undefined ? '' : ` (uid ${peer.uid}, pid ${peer.pid})`} was turned away: ${why}`,
          ),
        );
      },
    });
    this.#listener = listener;
    const token = settings.listen === '' ? undefined : demandToken(settings);
    try {
      if (settings.socket !== '')
        await listener.unix(settings.socket, Number.parseInt(settings.socket_mode, 8));
      if (token !== undefined) await listener.tcp(settings.listen, token);
    } catch (error) {
      listener.stop();
      throw error;
    }
  }

  /** Tells once of each output that begins or ceases to fail, and makes sockets anew that somebody removed. */
  async #watch(): Promise<void> {
    for (const output of this.agent.outputs) {
      const { problem } = output.facts();
      const told = this.#troubled.get(output);
      if ((problem === undefined) === (told === undefined)) continue;
      if (problem === undefined) {
        this.#troubled.delete(output);
        this.#options.onRemark(`${output.name} takes detections again`);
      } else {
        this.#troubled.set(output, problem);
        this.#options.onProblem(
          diagnostic(agentCodes, 'output-failed', `"${output.name}" does not take detections: ${problem}`),
        );
      }
    }
    this.#tellManager();
    for (const path of (await this.#listener?.restore()) ?? [])
      this.#options.onProblem(
        diagnostic(agentCodes, 'socket-removed', `somebody removed the socket "${path}": it was made anew`),
      );
  }

  /** Opens control socket and metrics, and takes SIGHUP (reload), SIGTERM and SIGINT (stop). */
  async serve(signals: boolean): Promise<void> {
    const { settings } = this;
    if (settings.control !== '')
      this.#control = await ControlServer.listen(settings.control, (request) => this.#answer(request));
    if (settings.metrics !== '') {
      const { Metrics } = await import('./metrics.js');
      const metrics = new Metrics({
        streams: () => this.agent.streams().map((stream) => stream.facts()),
        outputs: () => this.agent.outputs.map((output) => output.facts()),
        totals: () => this.agent.totals(),
      });
      this.agent.metrics = metrics;
      const { host, port } = splitAddress(settings.metrics);
      try {
        this.#metricsServer = await metrics.listen(host, port);
      } catch (error) {
        throw new DiagnosticError([
          diagnostic(
            agentCodes,
            'address-in-use',
            `cannot serve metrics at "${settings.metrics}": ${whyNot('', error as NodeJS.ErrnoException)}`,
          ),
        ]);
      }
    }
    this.#timer = setInterval(() => void this.#watch(), WATCH_PERIOD);
    this.#timer.unref();
    if (!signals) return;
    process.on('SIGHUP', () => this.#reload());
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => void this.stop());
    this.#manager = await serviceManager();
    this.#tellManager('READY=1');
    const { watchdog } = this.#manager ?? {};
    if (watchdog === undefined) return;
    this.#alive = setInterval(() => this.#manager?.notify(['WATCHDOG=1']), watchdog / 3);
    this.#alive.unref();
  }

  /** The state, and in words what it is about. */
  #tellManager(state?: string): void {
    if (this.#manager === undefined) return;
    const status = `STATUS=${counted(this.agent.rules.rules.length, 'rule')}, ${counted(this.agent.streams().length, 'stream')}, mode ${this.settings.mode}`;
    if (state === undefined && status === this.#told) return;
    this.#told = status;
    this.#manager.notify([...(state === undefined ? [] : [state]), status]);
  }

  /** Resolves when the agent has stopped. */
  stopped(): Promise<void> {
    return this.#stopping ?? new Promise((resolve) => this.#onStopped.push(resolve));
  }

  /** Takes no more clients, ends the streams in good order, delivers what waits. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Who reads standard output is gone: the end, unless detections go elsewhere too. */
  #readerGone(): void {
    const { save, flight } = this.settings;
    if (this.agent.outputs.length > 1 || save !== '' || flight.folder !== '') return;
    void this.stop();
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#manager?.notify(['STOPPING=1']);
    this.#listener?.stop();
    await this.agent.close(false);
    for (const { name, dropped, problem } of this.agent.outputs.map((output) => output.facts()))
      if (dropped > 0)
        this.#options.onProblem(
          diagnostic(
            agentCodes,
            'output-failed',
            `"${name}" was not given ${counted(dropped, 'detection')}${problem === undefined ? ': it was too slow' : `: ${problem}`}`,
          ),
        );
    for (const link of this.#links) link.end();
    this.#control?.close();
    this.#metricsServer?.close();
    const links = [...this.#links];
    await Promise.race([
      Promise.all(links.map((link) => new Promise((resolve) => link.once('close', resolve)))),
      new Promise((resolve) => setTimeout(resolve, 500).unref()),
    ]);
    for (const link of links) link.destroy();
    clearInterval(this.#alive);
    for (const resolve of this.#onStopped) resolve();
  }

  #serve(link: Socket, stream: LiveStream, rest: Buffer): void {
    this.#links.add(link);
    attachLink(link, stream, rest, this.settings.limits.rate);
    link.once('close', () => this.#links.delete(link));
  }

  #reload(): void {
    const result = this.agent.reload();
    if (result.done) {
      this.#options.onRemark(`rules reloaded: ${result.rules} decide (${result.hash.slice(0, 19)})`);
    } else {
      for (const item of result.diagnostics) this.#options.onProblem(item);
      this.#options.onProblem(
        diagnostic(
          agentCodes,
          'rules-not-replaced',
          `the rules have errors, so what was loaded stays (${counted(result.rules, 'rule')})`,
        ),
      );
    }
  }

  #answer(request: ControlRequest): ControlAnswer {
    switch (request.verb) {
      case 'status':
        return { status: this.agent.status() };
      case 'streams':
        return { streams: this.agent.streams().map((stream) => stream.facts()) };
      case 'reload':
        return { reload: this.agent.reload() };
      case 'config':
        return { file: this.#options.configuration.file, entries: this.#options.configuration.entries };
      case 'dump':
        return {
          recordings: this.agent.dump(request.stream),
          processes: this.agent.processes(request.stream),
        };
      case 'stop':
        setTimeout(() => void this.stop(), 10);
        return { stopping: true };
    }
  }
}

/** Lets the bytes of a socket flow into a stream; above `rate` bytes a second on average it is read more slowly. */
export function attachLink(link: Socket, stream: LiveStream, rest: Buffer, rate = 0): void {
  let allowance = rate * 2;
  let last = performance.now();
  const take = (chunk: Buffer): void => {
    if (!stream.take(chunk)) return void link.destroy();
    if (rate === 0) return;
    const now = performance.now();
    allowance = Math.min(rate * 2, allowance + ((now - last) / 1000) * rate) - chunk.length;
    last = now;
    if (allowance >= 0) return;
    link.pause();
    setTimeout(() => link.resume(), (-allowance / rate) * 1000).unref();
  };
  link.on('data', take);
  link.on('error', () => undefined);
  link.on('end', () => stream.end());
  link.on('close', () => stream.end());
  if (rest.length > 0) take(rest);
  link.resume();
}

/** The secret for TCP; throws when there is none. */
function demandToken(settings: Settings): Buffer {
  if (settings.token_file === '') {
    throw new DiagnosticError([
      diagnostic(
        agentCodes,
        'token-needed',
        `${isEncrypted(settings.listen) ? 'every machine that reaches it' : 'every user of this machine'} can connect to "${settings.listen}", so a token is needed`,
        {
          suggestions: [
            'umask 077; head -c 32 /dev/urandom | base64 > FILE, then --token-file FILE here and for the tracers',
          ],
        },
      ),
    ]);
  }
  return readToken(settings.token_file);
}

function makeOutputs(
  options: DaemonOptions,
  settings: Settings,
  descriptor: { readonly writable: (fd: number) => boolean; readonly onClosed: () => void },
): Output[] {
  const host = hostname();
  const outputs: Output[] = options.targets.map((target) =>
    target.file === undefined
      ? new DescriptorOutput({
          name: 'stdout',
          fd: 1,
          format: formatOf(target.name, host, paintFor({ isTTY: isatty(1) })),
          ...descriptor,
          // With a program it is a command in a pipeline; else somebody waits for the agent to stop.
          ...(options.truncate === true ? {} : { patience: READER_PATIENCE }),
        })
      : openFile(target.file, target.name, host, 0, 0, options.truncate === true),
  );
  for (const output of settings.outputs)
    outputs.push(forRules(makeOutput(output, host), globMatcher(output.rules)));
  return outputs;
}

function makeOutput(output: OutputSettings, host: string): Output {
  switch (output.type) {
    case 'file':
      return openFile(output.path, output.format, host, bytes(output.max_size), output.keep, false);
    case 'syslog':
      return new SyslogOutput({
        address: output.address,
        facility: output.facility,
        format: formatOf(output.format, host),
        hostname: host,
      });
    case 'webhook':
      return new WebhookOutput({
        url: output.url,
        secret: output.secret_file === undefined ? undefined : readSecret(output.secret_file),
        format: formatOf(output.format, host),
        single: output.format === 'falco',
        headers: output.headers,
        timeout: milliseconds(output.timeout),
        queue: output.queue,
        batch: output.batch,
      });
  }
}

function openFile(
  path: string,
  format: DetectionFormatName,
  host: string,
  maxSize: number,
  keep: number,
  truncate: boolean,
): Output {
  try {
    return new FileOutput({ path, format: formatOf(format, host), maxSize, keep, truncate });
  } catch (error) {
    throw new DiagnosticError([
      diagnostic(
        agentCodes,
        'output-failed',
        `detections cannot be written to "${path}": ${(error as Error).message}`,
        { severity: 'error' },
      ),
    ]);
  }
}

function readSecret(path: string): Buffer {
  try {
    return Buffer.from(readFileSync(path, 'utf8').trim());
  } catch (error) {
    throw new DiagnosticError([
      diagnostic(
        agentCodes,
        'token-unsafe',
        `the secret file "${path}" cannot be read: ${(error as NodeJS.ErrnoException).code}`,
      ),
    ]);
  }
}
