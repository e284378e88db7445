/**
 * Feeds an agent with a recording over N streams at once and tells what it cost.
 *
 *   tsx scripts/bench/agent-load.ts SOCKET CONTROL RECORDING [STREAMS=8] [ROUNDS=10]
 *
 * Every round sends the whole recording over each stream as a new link. Prints events per second of wall
 * time and of the agent's CPU time, and what was lost.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ask } from '../../src/agent/control.js';
import { writeHello } from '../../src/agent/message.js';

interface Status {
  readonly events: number;
  readonly lost: number;
  readonly detections: number;
  readonly damaged: number;
  readonly cpu_ms: number;
  readonly memory: { readonly rss: number };
}

function feed(socket: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = connect(socket);
    let got = Buffer.alloc(0);
    let greeted = false;
    link.on('data', (part: Buffer) => {
      got = Buffer.concat([got, part]);
      if (!greeted && got.length >= 48) {
        greeted = true;
        const hello = {
          protocol: 1,
          stream: randomBytes(16).toString('hex'),
          nonce: randomBytes(32).toString('hex'),
          pid: process.pid,
          uid: 0,
          link: 1,
          lost: 0,
          command: ['load'],
        };
        link.write(writeHello(hello, got.subarray(16, 48), undefined));
        link.end(bytes);
      }
    });
    link.on('error', reject);
    link.on('close', () => resolve());
  });
}

async function status(control: string): Promise<Status> {
  return ((await ask(control, { verb: 'status' })) as unknown as { status: Status }).status;
}

const [socket, control, recording, streams = '8', rounds = '10'] = process.argv.slice(2);
if (socket === undefined || control === undefined || recording === undefined)
  throw new Error('SOCKET CONTROL RECORDING [STREAMS] [ROUNDS]');
const bytes = readFileSync(recording);
await Promise.all(Array.from({ length: Number(streams) }, () => feed(socket, bytes)));
const before = await status(control);
const began = performance.now();
for (let round = 0; round < Number(rounds); round++)
  await Promise.all(Array.from({ length: Number(streams) }, () => feed(socket, bytes)));
const wall = (performance.now() - began) / 1000;
const after = await status(control);
const events = after.events - before.events;
const cpu = (after.cpu_ms - before.cpu_ms) / 1000;
const per = (seconds: number): string => Math.round(events / seconds).toLocaleString('en-US');
process.stdout.write(
  `${events.toLocaleString('en-US')} events over ${streams} streams in ${wall.toFixed(2)} s: ${per(wall)}/s of wall time, ${per(cpu)}/s of the agent's CPU time; ` +
    `${after.detections - before.detections} detections, lost ${after.lost - before.lost}, damaged ${after.damaged - before.damaged}, ${Math.round(after.memory.rss / 1e6)} MB\n`,
);
