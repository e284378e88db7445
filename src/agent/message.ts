/**
 * The messages of docs/protocol.md, as the agent writes and reads them. The tracer's half is
 * `native/channel.c`. All numbers are little-endian; a message is a multiple of 8 bytes long.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const PROTOCOL = 1;
export const MESSAGE_MAX = 65536;

export const MessageKind = {
  challenge: 1,
  hello: 2,
  welcome: 2,
  events: 3,
  ack: 4,
  kill: 5,
  bye: 6,
  refuse: 7,
  epoch: 8,
  hash: 9,
  reply: 16,
  status: 17,
  hashed: 18,
} as const;

export const RefusalReason = {
  notAHello: 1,
  token: 2,
  protocol: 3,
  tooMany: 4,
  notAllowed: 5,
  stopping: 6,
  connectedAlready: 7,
} as const;

export const KillScope = { process: 0, container: 1, cgroup: 2 } as const;

export interface KillRequest {
  readonly id: number;
  readonly pid: number;
  readonly signal: number;
  readonly scope: keyof typeof KillScope;
  readonly seq: number;
  /** CLOCK_BOOTTIME of the event, ns; 0: not known. */
  readonly boottime: bigint;
}

export interface HashRequest {
  readonly id: number;
  readonly pid: number;
  /** From the root of that process. */
  readonly path: string;
  readonly inode: number;
  /** major * 2^32 + minor; 0: any. */
  readonly device: number;
  /** Bytes that the file may have. */
  readonly most: number;
}

export interface Hashed {
  readonly id: number;
  /** errno, 0 when it was hashed. */
  readonly error: number;
  readonly size: number;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
}

export interface Reply {
  readonly id: number;
  readonly performed: number;
  readonly failed: number;
  /** errno of the first failure, 0 when there was none. */
  readonly error: number;
}

export interface ChannelStatus {
  readonly lost: number;
  readonly waiting: number;
  readonly sent: number;
  readonly links: number;
}

/** What the tracer says of itself. Nothing in it is trusted; over a Unix socket the kernel's word replaces pid and uid. */
export interface Hello {
  readonly protocol: number;
  readonly stream: string;
  readonly nonce: string;
  readonly pid: number;
  readonly uid: number;
  readonly link: number;
  readonly lost: number;
  readonly command: readonly string[];
}

function message(kind: number, payload: Buffer): Buffer {
  const length = (8 + payload.length + 7) & ~7;
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(kind, 4);
  payload.copy(bytes, 8);
  return bytes;
}

export function challenge(tokenWanted: boolean): { readonly bytes: Buffer; readonly nonce: Buffer } {
  const nonce = randomBytes(32);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(PROTOCOL, 0);
  head.writeUInt32LE(tokenWanted ? 1 : 0, 4);
  return { bytes: message(MessageKind.challenge, Buffer.concat([head, nonce])), nonce };
}

/** Bit n: the event with id n. */
export type EventBitmap = Uint32Array;

export function bitmapOf(ids: Iterable<number>): EventBitmap {
  const words = new Uint32Array(8);
  for (const id of ids) if (id >= 0 && id < 256) words[id >>> 5]! |= 1 << (id & 31);
  return words;
}

/** What the rules ask of tracers: events to be recorded, and those whose files they hash. Bitmaps of one length. */
export interface Wish {
  readonly events: EventBitmap;
  readonly hashed: EventBitmap;
}

export function welcome(hello: Hello, token: Buffer | undefined, { events, hashed }: Wish): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(PROTOCOL, 0);
  head.writeUInt32LE(events.length, 4);
  return message(
    MessageKind.welcome,
    Buffer.concat([head, welcomeProof(token, hello.nonce), wordsOf(events), wordsOf(hashed)]),
  );
}

export function refuse(reason: number, text: string): Buffer {
  const said = Buffer.from(text).subarray(0, 200);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(reason, 0);
  head.writeUInt32LE(said.length, 4);
  return message(MessageKind.refuse, Buffer.concat([head, said]));
}

export function eventsWanted({ events, hashed }: Wish): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(events.length, 0);
  return message(MessageKind.events, Buffer.concat([head, wordsOf(events), wordsOf(hashed)]));
}

export function ack(seq: number, epoch: number): Buffer {
  const payload = Buffer.alloc(16);
  payload.writeBigUInt64LE(BigInt(seq), 0);
  payload.writeUInt32LE(epoch, 8);
  return message(MessageKind.ack, payload);
}

export function kill(request: KillRequest): Buffer {
  const payload = Buffer.alloc(32);
  payload.writeUInt32LE(request.id, 0);
  payload.writeUInt32LE(request.pid, 4);
  payload.writeUInt32LE(request.signal, 8);
  payload.writeUInt32LE(KillScope[request.scope], 12);
  payload.writeBigUInt64LE(BigInt(request.seq), 16);
  payload.writeBigUInt64LE(request.boottime, 24);
  return message(MessageKind.kill, payload);
}

export function hash(request: HashRequest): Buffer {
  const path = Buffer.from(request.path);
  const payload = Buffer.alloc(40 + path.length);
  payload.writeUInt32LE(request.id, 0);
  payload.writeUInt32LE(request.pid, 4);
  payload.writeBigUInt64LE(BigInt(request.most), 8);
  payload.writeBigUInt64LE(BigInt(request.inode), 16);
  payload.writeBigUInt64LE(BigInt(request.device), 24);
  payload.writeUInt32LE(path.length, 32);
  path.copy(payload, 40);
  return message(MessageKind.hash, payload);
}

export function bye(restart: boolean): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32LE(restart ? 1 : 0, 0);
  return message(MessageKind.bye, payload);
}

/** Asks the tracer to begin an epoch soon. */
export function askEpoch(): Buffer {
  return message(MessageKind.epoch, Buffer.alloc(8));
}

function wordsOf(words: Uint32Array): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  return bytes;
}

function helloProof(token: Buffer, nonce: Buffer, json: Buffer): Buffer {
  return createHmac('sha256', token).update('seccam hello 1').update(nonce).update(json).digest();
}

function welcomeProof(token: Buffer | undefined, nonce: string): Buffer {
  return token === undefined
    ? Buffer.alloc(32)
    : createHmac('sha256', token).update('seccam welcome 1').update(nonce).digest();
}

export type HelloResult =
  | { readonly hello: Hello; readonly proven: boolean }
  | { readonly reason: number; readonly text: string };

/** Reads a whole HELLO message. `token` absent: no proof is asked for. */
export function readHello(bytes: Buffer, nonce: Buffer, token: Buffer | undefined): HelloResult {
  if (bytes.length < 48 || bytes.readUInt16LE(4) !== MessageKind.hello)
    return { reason: RefusalReason.notAHello, text: 'not a hello' };
  const json = bytes.subarray(40);
  if (token !== undefined && !timingSafeEqual(bytes.subarray(8, 40), helloProof(token, nonce, json))) {
    return { reason: RefusalReason.token, text: 'the token is missing or wrong' };
  }
  const hello = parseHello(json);
  if (hello === undefined)
    return {
      reason: RefusalReason.notAHello,
      text: 'the hello is not of the form that docs/protocol.md gives',
    };
  if (hello.protocol !== PROTOCOL)
    return {
      reason: RefusalReason.protocol,
      text: `protocol ${hello.protocol} is not spoken here, ${PROTOCOL} is`,
    };
  return { hello, proven: token !== undefined };
}

const HEX_16 = /^[0-9a-f]{32}$/;
const HEX_32 = /^[0-9a-f]{64}$/;

function parseHello(json: Buffer): Hello | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const given = value as Record<string, unknown>;
  const { stream, nonce } = given;
  if (typeof stream !== 'string' || !HEX_16.test(stream) || typeof nonce !== 'string' || !HEX_32.test(nonce))
    return undefined;
  const number = (name: string): number => {
    const found = given[name];
    return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : 0;
  };
  const command = Array.isArray(given['command'])
    ? given['command'].filter((item) => typeof item === 'string').slice(0, 64)
    : [];
  return {
    protocol: number('protocol'),
    stream,
    nonce,
    pid: number('pid'),
    uid: number('uid'),
    link: number('link'),
    lost: number('lost'),
    command,
  };
}

/** Makes a hello as the tracer does: for tests and for feeding recordings to an agent. */
export function writeHello(hello: Hello, challengeNonce: Buffer, token: Buffer | undefined): Buffer {
  let json = Buffer.from(JSON.stringify(hello));
  json = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const proof = token === undefined ? Buffer.alloc(32) : helloProof(token, challengeNonce, json);
  return message(MessageKind.hello, Buffer.concat([proof, json]));
}

/** Whether a WELCOME proves that the agent holds the token. */
export function welcomeIsProven(bytes: Buffer, nonce: string, token: Buffer): boolean {
  return bytes.length >= 48 && timingSafeEqual(bytes.subarray(16, 48), welcomeProof(token, nonce));
}

export type FromTracer =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'hashed'; readonly hashed: Hashed }
  | { readonly kind: 'status'; readonly status: ChannelStatus };

/** Reads the messages in the payload of a channel block; what is unknown or malformed is left out. */
export function readMessages(payload: Buffer): FromTracer[] {
  const list: FromTracer[] = [];
  for (let at = 0; at + 8 <= payload.length; ) {
    const length = payload.readUInt32LE(at);
    if (length < 8 || length % 8 !== 0 || at + length > payload.length) break;
    const kind = payload.readUInt16LE(at + 4);
    if (kind === MessageKind.reply && length >= 24) {
      list.push({
        kind: 'reply',
        reply: {
          id: payload.readUInt32LE(at + 8),
          performed: payload.readUInt32LE(at + 12),
          failed: payload.readUInt32LE(at + 16),
          error: payload.readInt32LE(at + 20),
        },
      });
    } else if (kind === MessageKind.hashed && length >= 56) {
      list.push({
        kind: 'hashed',
        hashed: {
          id: payload.readUInt32LE(at + 8),
          error: payload.readInt32LE(at + 12),
          size: Number(payload.readBigUInt64LE(at + 16)),
          digest: payload.toString('hex', at + 24, at + 56),
        },
      });
    } else if (kind === MessageKind.status && length >= 40) {
      const number = (offset: number): number => Number(payload.readBigUInt64LE(at + offset));
      list.push({
        kind: 'status',
        status: { lost: number(8), waiting: number(16), sent: number(24), links: number(32) },
      });
    }
    at += length;
  }
  return list;
}
