/** Detections to syslog, in the form of RFC 5424: over /dev/log as datagrams, or UDP, or TCP with octet counting. */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { DetectionLine } from '../../outputs/answers.js';
import type { DetectionFormat } from '../../outputs/detections/index.js';
import { openDatagrams, type SendDatagram } from '../datagrams.js';
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
/** ms after which a local socket at which nobody listens is tried again. */
const RETRY_PERIOD = 250;

export interface SyslogOptions {
  readonly address: string;
  readonly facility: string;
  readonly format: DetectionFormat;
  readonly hostname: string;
}

interface Message {
  /** In the form of RFC 5424. */
  readonly whole: Buffer;
  /** As the C library writes it to /dev/log. */
  readonly local: Buffer;
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
    const date = new Date(Number(BigInt(line.event.timestamp) / 1_000_000n));
    const time = date.toISOString();
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
    const local = Buffer.from(`<${priority}>${shortTime(date)} seccam[${process.pid}]: ${text}`);
    this.#transport.send({ whole, local });
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

/** `Nov  9 07:05:03`, in the time zone of the machine. */
function shortTime(date: Date): string {
  const [, month, , , clock] = date.toString().split(' ');
  return `${month} ${String(date.getDate()).padStart(2)} ${clock}`;
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
      this.#socket.write(framed, this.#written);
      return;
    }
    this.#queue.push(framed);
    this.#waiting += framed.length;
    this.#connect();
  }

  /** What was not handed on before the link was cut is lost. */
  readonly #written = (error?: Error | null): void => {
    if (error) this.tell(error.message, 1);
  };

  #connect(): void {
    if (this.#socket !== undefined || this.#retry !== undefined) return;
    const socket = connect(this.target);
    this.#socket = socket;
    socket.unref();
    socket.on('connect', () => {
      this.tell(undefined, 0);
      this.#pause = 100;
      for (const message of this.#queue) socket.write(message, this.#written);
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
 * A local syslog socket such as /dev/log takes datagrams. Where nobody listens, or does not for a while (syslog is
 * restarted), lines wait, and what is more than may wait is dropped by the caller.
 */
class LocalTransport implements Transport {
  #send: SendDatagram | undefined;
  #queue: Buffer[] = [];
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #troubled = false;

  constructor(
    readonly path: string,
    readonly tell: Tell,
  ) {
    void openDatagrams(path).then((send) => {
      this.#send = send ?? (() => 'its path is none of a socket');
      this.#drain();
    });
  }

  get waiting(): number {
    return this.#waiting;
  }

  send({ local }: Message): void {
    const bytes = local.subarray(0, DATAGRAM_MAX);
    this.#queue.push(bytes);
    this.#waiting += bytes.length;
    if (this.#timer === undefined) this.#drain();
  }

  #drain(): void {
    if (this.#send === undefined) return;
    let done = 0;
    let problem: string | undefined;
    for (const bytes of this.#queue) {
      problem = this.#send(bytes);
      if (problem === 'EMSGSIZE') this.tell(problem, 1);
      else if (problem !== undefined) break;
      done += 1;
      this.#waiting -= bytes.length;
    }
    this.#queue.splice(0, done);
    const slow = problem === 'EAGAIN' || problem === 'ENOBUFS';
    if (done > 0 && this.#troubled && problem === undefined) {
      this.#troubled = false;
      this.tell(undefined, 0);
    }
    if (this.#queue.length === 0) return;
    if (!slow) {
      this.#troubled = true;
      this.tell(problem, 0);
    }
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#drain();
      },
      slow ? 10 : RETRY_PERIOD,
    );
    this.#timer.unref();
  }

  async close(): Promise<void> {
    for (let patience = 0; this.#queue.length > 0 && patience < 100; patience++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    clearTimeout(this.#timer);
    if (this.#queue.length > 0) this.tell('nobody takes what waits', this.#queue.length);
    this.#queue = [];
    this.#waiting = 0;
  }
}
