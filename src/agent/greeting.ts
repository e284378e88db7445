/** The agent's half of the greeting of docs/protocol.md, over any duplex stream. */
import type { Duplex } from 'node:stream';
import {
  challenge,
  type Hello,
  MESSAGE_MAX,
  RefusalReason,
  readHello,
  refuse,
  type Wish,
  welcome,
} from './message.js';

export interface GreetingOptions {
  /** The secret that the client must hold; undefined: none is asked for. */
  readonly token: Buffer | undefined;
  /** ms for the whole greeting: a client that sends a byte now and then is cut off all the same. */
  readonly timeout: number;
  readonly wanted: () => Wish;
  /** A reason and a text to turn away a client that greeted well. */
  readonly admit?: (hello: Hello) => { readonly reason: number; readonly text: string } | undefined;
}

export type GreetingResult =
  /** `rest`: bytes that came after the hello already. The stream is paused. */
  { readonly hello: Hello; readonly rest: Buffer } | { readonly refused: string };

/** Greets; the answer is sent either way. Never rejects. A refused link is ended and soon destroyed. */
export function greet(link: Duplex, options: GreetingOptions): Promise<GreetingResult> {
  return new Promise((resolve) => {
    const { bytes, nonce } = challenge(options.token !== undefined);
    let have: Buffer = Buffer.alloc(0);
    let settled = false;
    const settle = (result: GreetingResult): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      link.off('data', onData).off('close', onClose).off('error', onClose).pause();
      resolve(result);
    };
    const turnAway = (reason: number, text: string): void => {
      link.on('error', () => undefined);
      link.end(refuse(reason, text));
      setTimeout(() => link.destroy(), 200).unref();
      settle({ refused: text });
    };
    const onClose = (): void => settle({ refused: 'the link was closed before the hello' });
    const onData = (chunk: Buffer): void => {
      have = have.length === 0 ? chunk : Buffer.concat([have, chunk]);
      if (have.length < 8) return;
      const length = have.readUInt32LE(0);
      if (length < 48 || length > MESSAGE_MAX || length % 8 !== 0 || have.readUInt16LE(4) !== 2) {
        turnAway(RefusalReason.notAHello, 'not a hello');
        return;
      }
      if (have.length < length) return;
      const result = readHello(have.subarray(0, length), nonce, options.token);
      const objection = 'reason' in result ? result : options.admit?.(result.hello);
      if (objection !== undefined) {
        turnAway(objection.reason, objection.text);
      } else if ('hello' in result) {
        link.write(welcome(result.hello, options.token, options.wanted()));
        settle({ hello: result.hello, rest: have.subarray(length) });
      }
    };
    const timer = setTimeout(
      () => turnAway(RefusalReason.notAHello, 'the hello took too long'),
      options.timeout,
    );
    link.on('data', onData).on('close', onClose).on('error', onClose);
    link.write(bytes);
  });
}
