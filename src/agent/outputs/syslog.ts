/** Detections to syslog, in the form of RFC 5424: over /dev/log as datagrams, or UDP, or TCP with octet counting. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { DetectionLine } from '../../outputs/answers.js';
import type { DetectionFormat } from '../../outputs/detections/index.js';
import type { Output, OutputFacts } from './output.js';

const facilities: Readonly<Record<string, number>> = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};

/** A policy's `severity` tag → RFC 5424 severity; else warning. */
const severities: Readonly<Record<string, number>> = {
  critical: 2,
  high: 3,
  error: 3,
  medium: 4,
  warning: 4,
  low: 5,
  notice: 5,
  info: 6,
  debug: 7,
};

const WAITING_MAX = 4 << 20;
const DATAGRAM_MAX = 8192;

export interface SyslogOptions {
  readonly address: string;
  readonly facility: string;
  readonly format: DetectionFormat;
  readonly hostname: string;
}

interface Message {
  readonly priority: number;
  /** The whole message in the form of RFC 5424. */
  readonly whole: Buffer;
  readonly text: string;
}

interface Transport {
  send(message: Message): void;
  readonly waiting: number;
  close(): Promise<void>;
}

export class SyslogOutput implements Output {
  readonly name: string;
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;
  readonly #transport: Transport;

  constructor(readonly options: SyslogOptions) {
    this.name = `syslog:${options.address}`;
    const tell = (problem: string | undefined, lost: number): void => {
      this.#problem = problem;
      this.#dropped += lost;
      this.#sent -= lost;
    };
    const [, kind, host, port] = /^(udp|tcp):(.+):(\d+)$/.exec(options.address) ?? [];
    this.#transport =
      kind === 'udp'
        ? new UdpTransport(host!, Number(port), tell)
        : kind === 'tcp'
          ? new StreamTransport({ host: host!, port: Number(port) }, tell)
          : new LocalTransport(options.address, tell);
  }

  detection(line: DetectionLine): void {
    const text = this.options.format.detection(line).trimEnd();
    const severity = severities[(line.tags['severity'] ?? line.tags['priority'] ?? '').toLowerCase()] ?? 4;
    const priority = facilities[this.options.facility]! * 8 + severity;
    const time = new Date(Number(BigInt(line.event.timestamp) / 1_000_000n)).toISOString();
    const identity = line.rule_id.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, 32) || '-';
    const host = this.options.hostname.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, 255) || '-';
    // What follows is UTF-8, which RFC 5424 marks by a byte order mark; control characters never get there.
    const whole = Buffer.from(
      `<${priority}>1 ${time} ${host} seccam ${process.pid} ${identity} - \ufeff${text}`,
    );
    if (this.#transport.waiting > WAITING_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#sent += 1;
    this.#transport.send({ priority, whole, text });
  }

  flush(): void {}

  close(): Promise<void> {
    return this.#transport.close();
  }

  facts(): OutputFacts {
    return {
      name: this.name,
      sent: this.#sent,
      dropped: this.#dropped,
      waiting: this.#transport.waiting,
      problem: this.#problem,
    };
  }
}

type Tell = (problem: string | undefined, lost: number) => void;

class UdpTransport implements Transport {
  readonly #socket: Datagrams;
  #underway = 0;

  constructor(
    readonly host: string,
    readonly port: number,
    readonly tell: Tell,
  ) {
    this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    this.#socket.on('error', (error) => tell(error.message, 0)).unref();
  }

  get waiting(): number {
    return this.#underway;
  }

  send(message: Message): void {
    const bytes = message.whole.subarray(0, DATAGRAM_MAX);
    this.#underway += bytes.length;
    this.#socket.send(bytes, this.port, this.host, (error) => {
      this.#underway -= bytes.length;
      this.tell(error?.message, error === null ? 0 : 1);
    });
  }

  async close(): Promise<void> {
    for (let patience = 0; this.#underway > 0 && patience < 100; patience++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    this.#socket.close();
  }
}

/** Connects when there is something to send, again after a pause when it was cut. */
class StreamTransport implements Transport {
  #socket: Socket | undefined;
  #queue: Buffer[] = [];
  #waiting = 0;
  #pause = 100;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    readonly target: { readonly host: string; readonly port: number },
    readonly tell: Tell,
  ) {}

  get waiting(): number {
    return this.#waiting + (this.#socket?.writableLength ?? 0);
  }

  send({ whole }: Message): void {
    const framed = Buffer.concat([Buffer.from(`${whole.length} `), whole]);
    if (this.#socket !== undefined && !this.#socket.connecting && this.#queue.length === 0) {
      this.#socket.write(framed);
      return;
    }
    this.#queue.push(framed);
    this.#waiting += framed.length;
    this.#connect();
  }

  #connect(): void {
    if (this.#socket !== undefined || this.#retry !== undefined) return;
    const socket = connect(this.target);
    this.#socket = socket;
    socket.unref();
    socket.on('connect', () => {
      this.tell(undefined, 0);
      this.#pause = 100;
      for (const message of this.#queue) socket.write(message);
      this.#queue = [];
      this.#waiting = 0;
    });
    socket.on('error', (error) => this.tell(error.message, 0));
    socket.on('close', () => {
      this.#socket = undefined;
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        if (this.#queue.length > 0) this.#connect();
      }, this.#pause);
      this.#retry.unref();
      this.#pause = Math.min(this.#pause * 2, 10_000);
    });
  }

  async close(): Promise<void> {
    for (let patience = 0; this.waiting > 0 && patience < 100; patience++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    this.tell(undefined, this.#queue.length);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => undefined, 0);
    this.#socket?.end();
  }
}

/**
 * A local syslog socket such as /dev/log takes Unix datagrams, which Node cannot send: `logger` of
 * util-linux carries the lines, one process for the life of the agent.
 */
class LocalTransport implements Transport {
  #child: ChildProcess | undefined;
  #queue: string[] = [];
  #waiting = 0;
  #closed = false;

  constructor(
    readonly path: string,
    readonly tell: Tell,
  ) {}

  get waiting(): number {
    return this.#waiting + (this.#child?.stdin?.writableLength ?? 0);
  }

  send({ priority, text }: Message): void {
    const line = `<${priority}>${text}\n`;
    if (this.#child?.pid !== undefined && this.#queue.length === 0) {
      this.#child.stdin?.write(line);
      return;
    }
    this.#queue.push(line);
    this.#waiting += line.length;
    if (this.#child === undefined) this.#start();
  }

  #start(): void {
    const child = spawn(
      'logger',
      ['--socket', this.path, '--prio-prefix', '--tag', 'seccam', '--size', String(DATAGRAM_MAX)],
      { stdio: ['pipe', 'ignore', 'ignore'] },
    );
    this.#child = child;
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      this.tell(`logger: ${error.message}`, this.#queue.length);
      this.#queue = [];
      this.#waiting = 0;
      this.#child = undefined;
    });
    child.on('exit', (code) => {
      this.#child = undefined;
      if (!this.#closed) this.tell(`logger ended with status ${code}`, 0);
    });
    child.on('spawn', () => {
      this.tell(undefined, 0);
      for (const line of this.#queue) child.stdin.write(line);
      this.#queue = [];
      this.#waiting = 0;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 2000);
      child.on('close', () => {
        clearTimeout(timer);
        resolve();
      });
      child.stdin?.end();
    });
  }
}
