/**
 * `npm run bench [-- PART…] [-- --rounds N]`: ratios against a peer on the same work, in one run.
 *
 *   record   added time of recording against `strace -f -y --seccomp-bpf` with the same calls
 *   replay   CPU per event with 1, 25, 100 and 1,000 rules on a million real events
 *   start    start-up of the program
 *
 * Nothing here is asserted: machines are noisy. Runs are interleaved, figures are medians with their
 * spread, and the number of stops is exact.
 */
import { parseArgs } from 'node:util';

const parts: Readonly<Record<string, () => Promise<{ run(rounds: number): Promise<void> }>>> = {
  start: () => import('./bench/start.js'),
  record: () => import('./bench/record.js'),
  replay: () => import('./bench/replay.js'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' } },
});
for (const name of positionals.length > 0 ? positionals : Object.keys(parts)) {
  const part = parts[name];
  if (part === undefined) {
    console.error(`no part "${name}": have ${Object.keys(parts).join(', ')}`);
    process.exit(2);
  }
  console.log(`\n# ${name}`);
  await (await part()).run(Number(values.rounds));
}
