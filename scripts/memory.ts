/**
 * Memory of a replay without end: `npx tsx scripts/memory.ts [MILLIONS]`. Makes a stream as a recorder does
 * (epoch by epoch, processes that come and go, new names all the time) and replays it with the starter
 * rules through the pipeline; tells the resident size as it goes.
 */
import { crc32 } from 'node:zlib';
import { replay } from '../src/pipeline/index.js';
import { RecordingWriter } from '../src/recording/writer.js';
import { Engine, loadRules } from '../src/rules/index.js';
import { StringTable } from '../src/support/strings.js';

const millions = Number(process.argv[2] ?? 50);
/** Of one epoch. */
const processes = 20_000;
const root = new URL('../rules', import.meta.url).pathname;

/** One epoch as a recorder writes it: ten events a process, the last name of each its own. */
function template(): Buffer[] {
  const blocks: Buffer[] = [];
  let time = 10;
  const writer = new RecordingWriter((block) => void blocks.push(Buffer.from(block)), {
    header: { started: { boottime: '1', realtime: '1' }, host: { hostname: 'memory' } },
  });
  writer.checkpoint();
  writer.record('process', { pid: 1, tid: 1, flags: 1, file: { path: '/bin/sh', inode: 4 }, image: 1 });
  for (let n = 0; n < processes; n++) {
    const pid = 100 + n;
    const name = `/tmp/work-${String(n).padStart(8, '0')}`;
    time += 1000;
    writer.event(
      'fork',
      { pid: 1, time, retval: pid },
      { child: pid, child_tid: pid, ppid: 1, image: n + 2 },
    );
    writer.event(
      'exec',
      { pid, time },
      {
        file: { path: '/bin/cat', inode: 5 },
        argv: ['cat', name],
        named: '/bin/cat',
        comm: 'cat',
        image: n + 2,
      },
    );
    for (let k = 0; k < 6; k++)
      writer.event(
        'open',
        { pid, time, retval: 3 },
        {
          file: { path: `/usr/lib/part-${k}.so`, inode: 100 + k, mode: 0o100644 },
          named: `part-${k}.so`,
          flags: 0,
        },
      );
    writer.event(
      'open',
      { pid, time, retval: 3 },
      { file: { path: name, inode: n, mode: 0o100644 }, named: name, flags: 0o101 },
    );
    writer.event('exit', { pid, time }, { group: 1 });
  }
  writer.end();
  return blocks;
}

/** The epoch again and again, with numbers, times and names that go on. */
function* stream(): Generator<Uint8Array> {
  const blocks = template();
  const first = blocks.findIndex((block) => block.length > 48 && block.readUInt16LE(4) === 2);
  for (const block of blocks.slice(0, first)) yield block;
  const repeated = blocks.slice(first).filter((block) => [2, 3].includes(block.readUInt16LE(4)));
  for (let round = 0; round < (millions * 1e6) / (processes * 10); round++) {
    for (const block of repeated) {
      const seq = block.readUInt32LE(32) + round * processes * 10;
      const time = BigInt(round) * BigInt(processes) * 1000n;
      const out = Buffer.from(block);
      const payload = out.subarray(48, 48 + out.readUInt32LE(8));
      out.writeUInt32LE(round + 1, 20);
      out.writeBigUInt64LE(out.readBigUInt64LE(24) + time, 24);
      out.writeBigUInt64LE(BigInt(seq), 32);
      for (let at = 0; at < payload.length; at += payload.readUInt32LE(at)) {
        const kind = payload.readUInt16LE(at + 4);
        if (kind === 4) {
          payload.writeUInt32LE(payload.readUInt32LE(at + 8) + round * processes * 10, at + 8);
          const when = payload.readUInt32LE(at + 32) + Number(time);
          payload.writeUInt32LE(when % 2 ** 32, at + 32);
          payload.writeUInt32LE(Math.floor(when / 2 ** 32), at + 36);
        } else if (kind === 2 && payload.readUInt32LE(at + 12) >= 13) {
          const length = payload.readUInt32LE(at + 12);
          const text = payload.toString('latin1', at + 24, at + 24 + length);
          const number = /work-(\d{8})$/.exec(text)?.[1];
          if (number !== undefined)
            payload.write(
              String(Number(number) + round * processes).padStart(8, '0'),
              at + 24 + length - 8,
              'latin1',
            );
        }
      }
      out.writeUInt32LE(crc32(payload), 40);
      out.writeUInt32LE(crc32(out.subarray(0, 44)), 44);
      yield out;
    }
  }
}

const strings = new StringTable();
const { rules } = loadRules([root], { strings });
let events = 0;
let most = 0;
let next = 0;
const began = process.cpuUsage();
const summary = await replay([{ name: 'memory', bytes: stream() }], {
  strings,
  engine: new Engine(rules),
  collectFrom: 1_000_000,
  onEvent: () => {
    events += 1;
    if (events < next) return;
    next += 1_000_000;
    const { rss } = process.memoryUsage();
    most = Math.max(most, rss);
    if (events % 5_000_000 < 2)
      console.log(`${Math.round(events / 1e6)} M events: ${Math.round(rss / 1e6)} MB, ${strings.kept} texts`);
  },
});
const { user, system } = process.cpuUsage(began);
console.log(
  `${summary.events} events of ${summary.processes} processes, ${summary.diagnostics.map((item) => item.code).join()} (it has no end): at most ${Math.round(most / 1e6)} MB, ${((user + system) / 1e6).toFixed(0)} s of CPU for making and replaying`,
);
