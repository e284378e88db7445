/**
 * Bit operations on ints. Ints are JS doubles that stand for signed 64-bit integers: results are right for
 * every pair of values that doubles hold exactly (up to 2^53 in size, and multiples of powers of two beyond).
 */

export function bitAnd(a: number, b: number): number {
  return (a | 0) === a && (b | 0) === b ? a & b : wide(a, b, '&');
}

export function bitOr(a: number, b: number): number {
  return (a | 0) === a && (b | 0) === b ? a | b : wide(a, b, '|');
}

export function bitXor(a: number, b: number): number {
  return (a | 0) === a && (b | 0) === b ? a ^ b : wide(a, b, '^');
}

export function bitNot(a: number): number {
  return -a - 1;
}

/** Both halves of 32 bits apart: the upper one signed, the lower one as JS takes it. */
function wide(a: number, b: number, op: '&' | '|' | '^'): number {
  const x = Math.floor(a / 4294967296);
  const y = Math.floor(b / 4294967296);
  const high = op === '&' ? x & y : op === '|' ? x | y : x ^ y;
  const low = op === '&' ? a & b : op === '|' ? a | b : a ^ b;
  return high * 4294967296 + (low >>> 0);
}

export function calculate(op: '+' | '-' | '&' | '|' | '^', a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '&':
      return bitAnd(a, b);
    case '|':
      return bitOr(a, b);
    case '^':
      return bitXor(a, b);
  }
}

/**
 * The value of an int literal: decimal, or octal when it begins with 0. Undefined when it has a digit that
 * does not fit or leaves the signed 64-bit range.
 */
export function parseInteger(text: string): { value: number; exact: boolean } | undefined {
  const sign = text[0] === '-' ? -1n : 1n;
  const digits = text.replace(/^[-+]/, '');
  const octal = digits.length > 1 && digits[0] === '0';
  if (octal && /[89]/.test(digits)) return undefined;
  if (digits.length > 40) return undefined;
  const big = sign * BigInt(octal ? `0o${digits.slice(1)}` : digits);
  if (big > 0x7fffffffffffffffn || big < -0x8000000000000000n) return undefined;
  const value = Number(big);
  return { value: value === 0 ? 0 : value, exact: BigInt(value) === big };
}

const units: Readonly<Record<string, number>> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds of `10s`, `5ms`, `2m`, `1h`; undefined when malformed. */
export function parseDuration(text: string): number | undefined {
  const found = /^(\d+)(ms|s|m|h)$/.exec(text);
  if (found === null) return undefined;
  const value = Number(found[1]) * units[found[2]!]!;
  return value <= Number.MAX_SAFE_INTEGER * 1024 ? value : undefined;
}
