/**
 * The event seen is the event done: for real programs, the multiset of events (call, names, words,
 * addresses, paths of descriptors, result; failures included) in the recording equals that of
 * `strace -y` on the same workload, for every call of the default set.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { recorded } from './fidelity/recorded.js';
import { strace } from './fidelity/strace.js';
import { differences, fresh, lacking, multiset, workloads } from './fidelity/workloads.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-fidelity-'));
// A server that is not root reads below it.
chmodSync(folder, 0o755);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

for (const row of workloads) {
  const missing = lacking(row);
  t.test(row.name, { skip: missing.length > 0 && `not here: ${missing.join(', ')}` }, (t) => {
    const work = join(folder, 'work');
    let unequal: readonly string[] = [];
    // Two runs of threads or servers are two histories: they meet in another order. One pair of three has to be equal.
    const isRacing = row.timely !== undefined || row.racingDescriptors === true;
    for (let attempt = 0; attempt < (isRacing ? 3 : 1); attempt++) {
      const peer = strace(fresh(work, row));
      const ours = recorded(fresh(work, row));
      t.equal(ours.status, peer.status, 'the exit status is the same');
      if (row.timely === undefined) t.equal(ours.stdout, peer.stdout, 'the output is the same');
      t.ok(peer.lines.length > 10, 'the workload does something');
      unequal = differences(multiset(row, peer.lines), multiset(row, ours.lines));
      if (unequal.length === 0) break;
    }
    t.same(unequal, [], 'strace × / recording ×');
    t.end();
  });
}
