/**
 * The event seen is the event done: for real programs, the multiset of (call, path or address, result,
 * failures included) in the recording equals strace's on the same deterministic workload.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { recorded } from './fidelity/recorded.js';
import { strace } from './fidelity/strace.js';
import { differences, fresh, multiset, workloads } from './fidelity/workloads.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-fidelity-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

for (const row of workloads) {
  t.test(row.name, (t) => {
    const work = join(folder, 'work');
    const peer = strace(fresh(work, row));
    const ours = recorded(fresh(work, row));
    t.equal(ours.status, peer.status, 'the exit status is the same');
    t.equal(ours.stdout, peer.stdout, 'the output is the same');
    t.ok(peer.lines.length > 10, 'the workload does something');
    t.same(differences(multiset(row, peer.lines), multiset(row, ours.lines)), [], 'strace × / recording ×');
    t.end();
  });
}
