/**
 * IP addresses and networks. The language compares networks by intersection: two match when either contains
 * the other's base. IPv4-mapped IPv6 is IPv4; the families never match each other.
 */

import ipaddr from 'ipaddr.js';

/** A parsed network; a single address has the full prefix. */
export interface Address {
  readonly kind: 4 | 6;
  /** 4 or 16 numbers of 0..255, host bits cleared. */
  readonly bytes: readonly number[];
  readonly prefix: number;
  /** As written. */
  readonly text: string;
}

/** Parses `10.0.0.1`, `10.0.0.0/8`, `::1`, `::ffff:10.0.0.1/104`; undefined when malformed. */
export function parseAddress(text: string): Address | undefined {
  const slash = text.indexOf('/');
  const host = slash === -1 ? text : text.slice(0, slash);
  if (host.includes('.') && !host.includes(':') && !strictV4.test(host)) return undefined;
  if (!ipaddr.isValid(host) || host.includes('%')) return undefined;
  let bytes = ipaddr.parse(host).toByteArray();
  const width = bytes.length * 8;
  let prefix = width;
  if (slash !== -1) {
    const bits = text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(bits)) return undefined;
    prefix = Number(bits);
    if (prefix > width) return undefined;
  }
  if (bytes.length === 16 && prefix >= 96 && isMapped(bytes)) {
    bytes = bytes.slice(12);
    prefix -= 96;
  }
  return { kind: bytes.length === 4 ? 4 : 6, bytes: masked(bytes, prefix), prefix, text };
}

const strictV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;

function isMapped(bytes: readonly number[]): boolean {
  for (let index = 0; index < 10; index++) if (bytes[index] !== 0) return false;
  return bytes[10] === 255 && bytes[11] === 255;
}

function masked(bytes: readonly number[], prefix: number): number[] {
  return bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
}

/** Whether two networks intersect. */
export function intersects(a: Address, b: Address): boolean {
  if (a.kind !== b.kind) return false;
  const bits = Math.min(a.prefix, b.prefix);
  let index = 0;
  for (let left = bits; left > 0; left -= 8, index++) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
    if ((a.bytes[index]! & mask) !== (b.bytes[index]! & mask)) return false;
  }
  return true;
}

const cacheLimit = 8192;
const cache = new Map<string, Address | undefined>();

/** An address from what a model's field gave: text, an `Address`, or nothing (which matches no network). */
export function toAddress(value: unknown): Address | undefined {
  if (typeof value === 'string') {
    if (value === '') return undefined;
    if (cache.has(value)) return cache.get(value);
    if (cache.size >= cacheLimit) cache.clear();
    const address = parseAddress(value);
    cache.set(value, address);
    return address;
  }
  return typeof value === 'object' && value !== null && 'bytes' in value ? (value as Address) : undefined;
}
