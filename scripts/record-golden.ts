/**
 * `npm run record:golden [-- NAME…]`: makes the recordings of scripts/golden.ts anew, and replaces a committed one only when what the
 * programs did differs. They are recorded in a neutral folder, with a neutral environment and without the ancestors of
 * this machine; the header's word on the host is replaced.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copiedHeader, rewrite } from '../src/recording/rewrite.js';
import { eventText } from '../src/workbench/eventtext.js';
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

/**
 * What the programs did, as `inspect --normalise` prints it and `diff` compares it: nothing of the machine,
 * whose cgroups, mounts and inodes are others elsewhere. Threads take turns as they like: the lines are sorted.
 */
async function acts(path: string): Promise<string> {
  const { lines } = await eventText(path);
  return lines
    .flatMap((line) => {
      const [, text, times] = /^(.*?)(?: ×(\d+))?$/s.exec(line)!;
      return Array.from({ length: Number(times ?? 1) }, () => text!);
    })
    .sort()
    .join('\n')
    .replace(/(seccam-(?:attack|demo)-|\/tmp\.|\/tmp\/cc)\w{6,10}/g, '$1?')
    .replace(/<temporary \d+>/g, '<temporary>')
    .replace(/\b[3-6]\d{4}\b/g, '<port>');
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
  const same = existsSync(committed) && (await acts(committed)) === (await acts(fresh));
  if (!same) writeFileSync(committed, readFileSync(fresh));
  rmSync(fresh);
  console.log(`${same ? 'same    ' : 'replaced'} ${golden.name}`);
}
rmSync(work, { recursive: true, force: true });
