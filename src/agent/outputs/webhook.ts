/**
 * Detections to a web server: POSTs of JSON lines, one after the other, tried again with growing pauses,
 * signed when there is a secret. The queue is bounded: the oldest go first, counted.
 */
import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { DetectionLine } from '../../outputs/answers.js';
import type { DetectionFormat } from '../../outputs/detections/index.js';
import type { Output, OutputFacts } from './output.js';

export interface WebhookOptions {
  readonly url: string;
  readonly secret: Buffer | undefined;
  readonly format: DetectionFormat;
  /** One object per request (falcosidekick and its like) instead of JSON lines. */
  readonly single: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** ms per request. */
  readonly timeout: number;
  readonly queue: number;
  readonly batch: number;
}

const FIRST_PAUSE = 250;
const LAST_PAUSE = 30_000;
/** After so many tries a batch that the server understands but refuses (4xx) is given up. */
const REFUSALS_MAX = 3;

export class WebhookOutput implements Output {
  readonly name: string;
  #queue: string[] = [];
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;
  #busy = false;
  #pause = FIRST_PAUSE;
  #refusals = 0;
  #timer: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(readonly options: WebhookOptions) {
    const { origin, pathname } = new URL(options.url);
    this.name = `webhook:${origin}${pathname}`;
  }

  detection(line: DetectionLine): void {
    this.#queue.push(this.options.format.detection(line));
    if (this.#queue.length > this.options.queue) {
      this.#queue.shift();
      this.#dropped += 1;
    }
  }

  flush(): void {
    if (!this.#busy && this.#timer === undefined && this.#queue.length > 0) void this.#post();
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let tries = 0; this.#queue.length > 0 && tries < 3; tries++) {
      while (this.#busy) await new Promise((resolve) => setTimeout(resolve, 10));
      await this.#post();
    }
    while (this.#busy) await new Promise((resolve) => setTimeout(resolve, 10));
    this.#dropped += this.#queue.length;
    this.#queue = [];
  }

  facts(): OutputFacts {
    return {
      name: this.name,
      sent: this.#sent,
      dropped: this.#dropped,
      waiting: this.#queue.length,
      problem: this.#problem,
    };
  }

  async #post(): Promise<void> {
    this.#busy = true;
    const batch = this.#queue.splice(0, this.options.single ? 1 : this.options.batch);
    const outcome = await this.#request(batch.join(''));
    this.#busy = false;
    if (outcome === undefined) {
      this.#sent += batch.length;
      this.#problem = undefined;
      this.#pause = FIRST_PAUSE;
      this.#refusals = 0;
      if (!this.#closing) this.flush();
      return;
    }
    this.#problem = outcome.text;
    this.#refusals += outcome.final ? 1 : 0;
    if (this.#refusals >= REFUSALS_MAX) {
      this.#dropped += batch.length;
      this.#refusals = 0;
    } else {
      this.#queue.unshift(...batch);
    }
    if (this.#closing) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, this.#pause);
    this.#timer.unref();
    this.#pause = Math.min(LAST_PAUSE, this.#pause * 2);
  }

  /** Undefined: taken. `final`: trying again will not help, as far as the server knows. */
  #request(body: string): Promise<{ readonly text: string; readonly final: boolean } | undefined> {
    return new Promise((resolve) => {
      const { url, headers, secret, timeout } = this.options;
      const seconds = Math.floor(Date.now() / 1000).toString();
      const signature =
        secret === undefined
          ? {}
          : {
              'x-seccam-timestamp': seconds,
              'x-seccam-signature': `sha256=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`,
            };
      // A server may answer for ever: the whole exchange has one deadline.
      const deadline = setTimeout(() => {
        settle({ text: `no answer within ${timeout} ms`, final: false });
        request.destroy();
      }, timeout);
      const settle = (outcome?: { readonly text: string; readonly final: boolean }): void => {
        clearTimeout(deadline);
        resolve(outcome);
      };
      const send = url.startsWith('https:') ? httpsRequest : httpRequest;
      const request = send(url, {
        method: 'POST',
        headers: {
          'content-type': this.options.single ? 'application/json' : 'application/x-ndjson',
          'user-agent': 'seccam-agent',
          'content-length': Buffer.byteLength(body),
          ...headers,
          ...signature,
        },
      });
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        response.resume();
        response.on('end', () => {
          if (status >= 200 && status < 300) settle();
          else
            settle({
              text: `status ${status}${status >= 300 && status < 400 ? ' (redirects are not followed)' : ''}`,
              final: status >= 300 && status < 500 && status !== 408 && status !== 429,
            });
        });
        response.on('error', (error) => settle({ text: error.message, final: false }));
      });
      request.on('error', (error) => settle({ text: error.message, final: false }));
      request.on('close', () => settle({ text: 'the link was cut', final: false }));
      request.end(body);
    });
  }
}
