/** DNS messages as sockets carry them. Bytes are untrusted: what cannot be decoded is null. */
import { type DecodedPacket, decode } from 'dns-packet';

export interface DnsMessage {
  readonly id: number;
  readonly isAnswer: boolean;
  /** Code of the answer; 0 in a question. */
  readonly code: number;
  /** The first question; empty and 0 when there is none. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly questions: number;
  /** Bytes of the message. */
  readonly length: number;
  /** Addresses in the answers, each with the names that lead to it, the one asked for first. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
}

/** A message over UDP, or over TCP with its length before it. */
export function decodeDns(bytes: Uint8Array): DnsMessage | null {
  return decodeMessage(bytes) ?? (bytes.length > 14 ? decodeMessage(bytes.subarray(2)) : null);
}

const headerBytes = 12;

function decodeMessage(bytes: Uint8Array): DnsMessage | null {
  if (bytes.length < headerBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const questions = view.getUint16(4);
  if (questions !== 1) return null;
  const question = firstQuestion(bytes);
  if (question === null) return null;
  const flags = view.getUint16(2);
  const isAnswer = (flags & 0x8000) !== 0;
  return {
    id: view.getUint16(0),
    isAnswer,
    code: isAnswer ? flags & 0xf : 0,
    ...question,
    questions,
    length: bytes.length,
    addresses: isAnswer ? addressesOf(bytes, question.name) : new Map(),
  };
}

/** Name, type and class of the question: read by hand, since a capture may be cut behind it. */
function firstQuestion(bytes: Uint8Array): { name: string; type: number; class: number } | null {
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63) return null;
    if (length === 0) break;
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1'));
    at += 1 + length;
    if (at - headerBytes > 255) return null;
  }
  if (at + 5 > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { name: labels.join('.'), type: view.getUint16(at + 1), class: view.getUint16(at + 3) & 0x7fff };
}

function addressesOf(bytes: Uint8Array, asked: string): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, string[]>();
  let packet: DecodedPacket;
  try {
    packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    return addresses;
  }
  for (const answer of packet.answers ?? []) {
    if (answer.type !== 'A' && answer.type !== 'AAAA') continue;
    const names = addresses.get(answer.data) ?? [];
    for (const name of [asked, answer.name]) if (name !== '' && !names.includes(name)) names.push(name);
    addresses.set(answer.data, names);
  }
  return addresses;
}

/** A message with one question, as `decodeDns` reads it back; labels beyond 63 bytes are cut. */
export function encodeDns(
  message: Pick<DnsMessage, 'id' | 'name' | 'type' | 'class' | 'isAnswer' | 'code'>,
): Uint8Array {
  const labels = message.name.split('.').filter((label) => label !== '');
  const bytes = labels.map((label) => Buffer.from(label, 'latin1').subarray(0, 63));
  const name = Buffer.concat(bytes.flatMap((label) => [Buffer.from([label.length]), label]));
  const head = Buffer.alloc(headerBytes);
  head.writeUInt16BE(message.id & 0xffff, 0);
  head.writeUInt16BE(message.isAnswer ? 0x8180 | (message.code & 0xf) : 0x0100, 2);
  head.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(message.type & 0xffff, 1);
  tail.writeUInt16BE(message.class & 0xffff, 3);
  return Buffer.concat([head, name, tail]);
}
