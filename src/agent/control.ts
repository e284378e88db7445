/**
 * The control socket: one JSON line asks, one JSON line answers, then the connection ends. Only the
 * agent's own user and root reach it (mode 0600 and the peer's uid).
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { loadPeerCredentials } from '../tracer/peer.js';
import { agentCodes } from './codes.js';
import { removeStaleSocket, whyNot } from './listener.js';

export const controlVerbs = ['status', 'streams', 'reload', 'stop', 'config', 'dump'] as const;
export type ControlVerb = (typeof controlVerbs)[number];

export interface ControlRequest {
  readonly verb: ControlVerb;
  readonly stream?: string;
}

export type ControlAnswer = Readonly<Record<string, unknown>>;

const REQUEST_MAX = 4096;
const PATIENCE = 5000;

export class ControlServer {
  readonly #server: Server;

  private constructor(
    server: Server,
    readonly path: string,
  ) {
    this.#server = server;
  }

  static async listen(
    path: string,
    answer: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>,
  ): Promise<ControlServer> {
    await removeStaleSocket(path);
    const credentials = await loadPeerCredentials();
    const own = process.geteuid?.() ?? 0;
    const server = createServer((socket) => {
      const uid = credentials(socket)?.uid;
      if (uid !== 0 && uid !== own) return void socket.destroy();
      serve(socket, answer);
    });
    server.maxConnections = 16;
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
    } catch (error) {
      const why = whyNot(path, error as NodeJS.ErrnoException);
      throw new DiagnosticError([
        diagnostic(agentCodes, 'address-in-use', `cannot make the control socket "${path}": ${why}`, {
          suggestions: ['--control PATH', `mkdir -p ${path.replace(/\/[^/]*$/, '')}`],
        }),
      ]);
    } finally {
      process.umask(before);
    }
    chmodSync(path, 0o600);
    return new ControlServer(server, path);
  }

  close(): void {
    this.#server.close();
    try {
      unlinkSync(this.path);
    } catch {}
  }
}

function serve(
  socket: Socket,
  answer: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>,
): void {
  let text = '';
  let asked = false;
  socket.setTimeout(PATIENCE, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    text += chunk.toString('utf8');
    if (asked) return;
    const end = text.indexOf('\n');
    if (end < 0) {
      if (text.length > REQUEST_MAX) socket.destroy();
      return;
    }
    asked = true;
    void (async () => {
      let reply: ControlAnswer;
      try {
        const request = JSON.parse(text.slice(0, end)) as ControlRequest;
        reply = controlVerbs.includes(request.verb) ? await answer(request) : { error: 'no such request' };
      } catch (error) {
        reply = { error: error instanceof Error ? error.message : String(error) };
      }
      socket.end(`${JSON.stringify(reply)}\n`);
    })();
  });
}

/** Asks the agent at `path`. Throws a `DiagnosticError` `no-agent` when none answers. */
export function ask(path: string, request: ControlRequest): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    const fail = (why: string, wayOut?: string): void => {
      socket.destroy();
      reject(
        new DiagnosticError([
          diagnostic(agentCodes, 'no-agent', `no agent answers at "${path}": ${why}`, {
            suggestions:
              wayOut === undefined
                ? ['seccam agent start', '--control PATH when the agent has another control socket']
                : [wayOut],
          }),
        ]),
      );
    };
    socket.setTimeout(PATIENCE * 2, () => fail('it does not answer in time'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'ENOENT'
          ? 'there is no such socket'
          : error.code === 'ECONNREFUSED'
            ? 'nobody listens there'
            : error.code === 'EACCES'
              ? 'permission denied'
              : error.code === 'ECONNRESET' || error.code === 'EPIPE'
                ? 'it does not talk to this user, or is busy'
                : String(error.code),
        error.code === 'EACCES' ? 'ask as root, or as the user that the agent runs as' : undefined,
      ),
    );
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
    });
    socket.on('end', () => {
      if (!text.endsWith('\n')) return fail('the connection was cut');
      socket.destroy();
      resolve(JSON.parse(text) as ControlAnswer);
    });
  });
}
