/**
 * `npm run record:golden [-- NAME…]`: makes the recordings of scripts/golden.ts anew, and replaces a committed one only when the normalised text of its events
 * differs. They are recorded in a neutral folder, with a neutral environment and without the ancestors of
 * this machine; the header's word on the host is replaced.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copiedHeader, rewrite } from '../src/recording/rewrite.js';
import { inspect } from '../src/workbench/inspect.js';
import { type Golden, goldens, layOut } from './golden.js';

const root = join(import.meta.dirname, '..');
const recordings = join(root, 'recordings');
const work = '/tmp/seccam-golden';
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};
const host = {
  hostname: 'example',
  os: 'Debian GNU/Linux 12 (bookworm)',
  kernel: '6.1.0',
  arch: 'x86_64',
  page_size: 4096,
  cpus: 2,
};

/** The events as text that does not depend on the run, grouped by process in the order of their appearance. */
async function eventText(path: string): Promise<string> {
  const processes = new Map<number, string[]>();
  for await (const item of inspect({ recording: path, view: 'events', normalise: true, allResults: true })) {
    if (item.kind !== 'event') continue;
    const { type, pid, retval, fields } = item.event;
    const lines = processes.get(pid) ?? [];
    processes.set(pid, lines);
    lines.push(JSON.stringify([type, retval < 0 ? retval : 'ok', fields]));
  }
  const text = [...processes.values()].map((lines) => lines.join('\n')).join('\n\n');
  return text
    .replace(/(seccam-(?:attack|demo)-|\/tmp\.|\/tmp\/cc)\w{6,10}/g, '$1?')
    .replace(/"[\w.]*extension":"[^"]*"/g, '')
    .replace(/<(?:temporary|inode|pid|port|address) \d+>/g, '<…>');
}

async function record(golden: Golden, target: string): Promise<void> {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  layOut(work);
  const command = golden.prepare(work);
  const raw = join(work, 'raw.seccam');
  const run = spawnSync(
    join(root, 'native/build/seccam-trace'),
    ['--no-ancestors', '-o', raw, '--', ...command],
    { cwd: work, env: environment, stdio: 'ignore' },
  );
  if (run.error !== undefined || !existsSync(raw))
    throw new Error(`${golden.name}: not recorded (${run.error?.message ?? run.status})`);
  const chunks: Uint8Array[] = [];
  const { diagnostics } = await rewrite(
    () => [readFileSync(raw)],
    (bytes) => void chunks.push(Uint8Array.from(bytes)),
    {
      name: raw,
      codec: 'deflate',
      header: (header) => ({ ...copiedHeader(header), host }),
    },
  );
  if (diagnostics.length > 0) throw new Error(`${golden.name}: ${diagnostics[0]!.message}`);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, Buffer.concat(chunks));
}

const wanted = process.argv.slice(2);
for (const golden of goldens) {
  if (wanted.length > 0 && !wanted.includes(golden.name)) continue;
  const committed = join(recordings, `${golden.name}.seccam`);
  const fresh = join(recordings, `${golden.name}.new.seccam`);
  await record(golden, fresh);
  const same = existsSync(committed) && (await eventText(committed)) === (await eventText(fresh));
  if (!same) writeFileSync(committed, readFileSync(fresh));
  rmSync(fresh);
  console.log(`${same ? 'same    ' : 'replaced'} ${golden.name}`);
}
rmSync(work, { recursive: true, force: true });
