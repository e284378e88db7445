/**
 * Where tracers connect: a Unix socket, and loopback TCP with a token. Greets each client within a
 * bounded time and hands over links that were admitted; everything else is turned away and counted.
 */
import { chmodSync, existsSync, lstatSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { dirname } from 'node:path';
import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { loadPeerCredentials } from '../tracer/peer.js';
import { agentCodes } from './codes.js';
import { greet } from './greeting.js';
import type { Hello, Wish } from './message.js';
import type { Peer } from './stream.js';

export interface ListenerOptions {
  readonly greetingTimeout: number;
  readonly wanted: () => Wish;
  readonly admit: (
    hello: Hello,
    peer: Peer,
  ) => { readonly reason: number; readonly text: string } | undefined;
  readonly onLink: (link: Socket, peer: Peer, hello: Hello, rest: Buffer) => void;
  readonly onRefused: (peer: Peer, why: string) => void;
}

/** Clients that may be in the middle of their greeting at once. */
const GREETING_MAX = 64;

export class Listener {
  readonly #servers: Server[] = [];
  /** Unix sockets with what makes them anew. */
  readonly #sockets: {
    readonly path: string;
    file: string | undefined;
    readonly again: () => Promise<string | undefined>;
  }[] = [];
  #stopped = false;
  #greeting = 0;

  constructor(readonly options: ListenerOptions) {}

  /** Listens at a Unix socket path; a stale socket that nobody answers at is replaced. */
  async unix(path: string, mode: number): Promise<void> {
    const credentials = await loadPeerCredentials();
    const again = async (): Promise<string | undefined> => {
      await removeStaleSocket(path);
      await this.#listen({ path }, path, (socket) => {
        const { uid, pid } = credentials(socket) ?? {};
        return { peer: { kind: 'unix', uid, pid, address: path }, token: undefined };
      });
      chmodSync(path, mode);
      return fileAt(path);
    };
    this.#sockets.push({ path, file: await again(), again });
  }

  /** Makes Unix sockets anew that somebody removed; their paths. Another one that lies there now is let be. */
  async restore(): Promise<string[]> {
    const made: string[] = [];
    for (const socket of this.#sockets) {
      if (this.#stopped || fileAt(socket.path) !== undefined) continue;
      try {
        socket.file = await socket.again();
        made.push(socket.path);
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
      }
    }
    return made;
  }

  /** Listens at a TCP address; every client has to prove that it holds the token. */
  async tcp(address: string, token: Buffer): Promise<void> {
    const { host, port } = splitAddress(address);
    const secret = isEncrypted(address) ? token : undefined;
    await this.#listen(
      { host, port },
      address,
      (socket) => ({
        peer: {
          kind: 'tcp',
          uid: undefined,
          pid: undefined,
          address: `${socket.remoteAddress}:${socket.remotePort}`,
        },
        token,
      }),
      secret,
    );
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }

  /** Stops taking new clients at once; links stay. */
  stop(): void {
    // Closing a server of a Unix socket removes what lies at its path, whoever put it there.
    const taken = this.#sockets.filter(
      ({ path, file }) => fileAt(path) !== undefined && fileAt(path) !== file,
    );
    for (const server of this.#servers)
      if (taken.some(({ path }) => server.address() === path)) server.unref();
      else server.close();
    this.#stopped = true;
  }

  #listen(
    where: { path: string } | { host: string; port: number },
    name: string,
    identify: (socket: Socket) => { peer: Peer; token: Buffer | undefined },
    secret?: Buffer,
  ): Promise<void> {
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 };
    const client = (socket: Socket): void => void this.#client(socket, identify(socket));
    const server =
      secret === undefined
        ? createServer(options, client)
        : createTlsServer(
            { ...options, ...tlsOptions(secret), handshakeTimeout: this.options.greetingTimeout },
            client,
          );
    // Whoever does not come as far as a greeting.
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.options.onRefused(
        identify(socket).peer,
        `no encrypted link came about (${error.code ?? error.message})`,
      );
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          new DiagnosticError([
            diagnostic(agentCodes, 'address-in-use', `cannot listen at "${name}": ${whyNot(name, error)}`, {
              suggestions: hasFolder(name) ? [] : [`mkdir -p ${dirname(name)}`],
            }),
          ]),
        );
      });
      server.listen(where, () => resolve());
    });
  }

  async #client(socket: Socket, { peer, token }: { peer: Peer; token: Buffer | undefined }): Promise<void> {
    socket.on('error', () => undefined);
    if (this.#greeting >= GREETING_MAX) {
      socket.destroy();
      this.options.onRefused(peer, 'too many clients are greeting at once');
      return;
    }
    this.#greeting += 1;
    let hello: Hello | undefined;
    const result = await greet(socket, {
      token,
      timeout: this.options.greetingTimeout,
      wanted: this.options.wanted,
      admit: (given) => {
        hello = given;
        return this.options.admit(given, peer);
      },
    });
    this.#greeting -= 1;
    if ('refused' in result) this.options.onRefused(peer, result.refused);
    else this.options.onLink(socket, peer, hello ?? result.hello, result.rest);
  }
}

/** Node says EACCES also of a socket whose folder is not there. */
function hasFolder(name: string): boolean {
  return !name.includes('/') || existsSync(dirname(name));
}

/** Why nobody can listen there. */
export function whyNot(name: string, { code }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'another process does';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address';
  if (!hasFolder(name)) return 'its folder does not exist';
  return code === 'EACCES' ? 'permission denied' : String(code);
}

/** Which file lies there: numbers of inodes are given again at once. */
function fileAt(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? undefined : `${stat.ino} ${stat.birthtimeNs}`;
}

/** What both sides derive from the token, so that the token itself is in no cipher. */
export function tlsKey(token: Buffer): Buffer {
  return createHmac('sha256', token).update('seccam tls 1').digest();
}

/** ECDHE-PSK: who learns the token later cannot read what was recorded before. native/tls.c is the other side. */
function tlsOptions(token: Buffer) {
  const key = tlsKey(token);
  return {
    ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    pskCallback: (_socket: unknown, identity: string) => (identity === 'seccam' ? key : null),
  } as const;
}

/** HOST:PORT of a checked setting; `tls:` before it is no part of either. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return {
    host: address
      .slice(0, at)
      .replace(/^tls:/, '')
      .replace(/^\[|\]$/g, ''),
    port: Number(address.slice(at + 1)),
  };
}

/** Whether links to the address are encrypted: all that other machines can reach, and where `tls:` says so. */
export function isEncrypted(address: string): boolean {
  const { host } = splitAddress(address);
  const loopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  return address.startsWith('tls:') || !loopback;
}

/** Reads the secret of a file that only its owner can read. */
export function readToken(path: string): Buffer {
  const unsafe = (why: string): DiagnosticError =>
    new DiagnosticError([
      diagnostic(agentCodes, 'token-unsafe', `the token file "${path}" ${why}`, {
        suggestions: [`chmod 0600 ${path}`],
      }),
    ]);
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw unsafe(`cannot be read: ${String((error as NodeJS.ErrnoException).code)}`);
  }
  if ((mode & 0o077) !== 0)
    throw unsafe(`can be read by others than its owner (mode 0${(mode & 0o777).toString(8)})`);
  if (text.length < 16) throw unsafe('holds less than 16 characters');
  return Buffer.from(text);
}

/** Removes a socket at which nobody answers; throws when somebody does, or when it is no socket. */
export async function removeStaleSocket(path: string): Promise<void> {
  let stat: ReturnType<typeof lstatSync>;
  try {
    stat = lstatSync(path);
  } catch {
    return;
  }
  const inUse = (why: string): DiagnosticError =>
    new DiagnosticError([diagnostic(agentCodes, 'address-in-use', `cannot listen at "${path}": ${why}`)]);
  if (!stat.isSocket()) throw inUse('something that is no socket lies there');
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
  if (answered) throw inUse('another process answers there');
  unlinkSync(path);
}
