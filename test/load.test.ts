/**
 * Load, and file systems that the traced tree itself serves: nothing is lost, nothing hangs, what could not
 * be read is said to be missing, and the memory of the tracer stays bounded.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { program } from './programs.js';
import { traced } from './traced.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seccam-load-')));
t.teardown(() => {
  spawnSync('umount', ['-l', join(folder, 'mount')]);
  rmSync(folder, { recursive: true, force: true });
});

const SLOW_FILE_SYSTEM = 9;
const EXISTS = 1;

t.test(
  'a file system served by a program of the tree: its calls are seen and nobody waits for ever',
  async (t) => {
    const mount = join(folder, 'mount');
    mkdirSync(mount);
    const fuse = program('fuse');
    for (const [mode, ...more] of [['busy'], ['busy', 'shared'], ['slow'], ['never'], ['never', 'shared']]) {
      const name = [mode, ...more].join(' ');
      // A thread of the tracer that only waits for a CPU is not one that nobody answers.
      const busy =
        mode === 'never'
          ? Array.from({ length: 8 }, () => spawn('timeout', ['20', 'sh', '-c', 'while :; do :; done']))
          : [];
      const got = traced([fuse, mount, mode!, ...more], {
        flags: ['--content', 'hashes,packages'],
        timeout: 120_000,
      });
      for (const loop of busy) loop.kill();
      if (got.status === 77) {
        t.comment('no /dev/fuse here, or not root');
        return;
      }
      t.equal(got.status, 0, `${name}: ${got.stderr}`);
      const said = got.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
      t.equal(said.length, mode === 'busy' ? 70 : 7, `${name}: every call was made`);
      const told = got.events().filter((item) => String(item.get('named')).startsWith(mount));
      const counts = new Map<string, number>();
      const key = (type: string, path: string, result: string): string =>
        `${type} ${path} ${type === 'exec' || (type === 'open' && !result.startsWith('-')) ? 0 : result}`;
      for (const [type, path, result] of said) {
        const it = key(type!, path!, result!);
        counts.set(it, (counts.get(it) ?? 0) + 1);
      }
      for (const [it, count] of counts)
        t.equal(
          told.filter((item) => key(item.type, String(item.get('named')), String(item.result)) === it).length,
          count,
          `${name}: ${it}`,
        );
      if (mode === 'never') {
        t.equal(
          told.filter((item) => String(item.get('named')).includes('never-')).length,
          18,
          'calls that waited until the server died',
        );
      }
      // A fact that is not there is said to be missing; by its name alone the path is told all the same.
      for (const item of told) {
        if (item.result < 0 || item.type === 'mount' || item.type === 'umount') continue;
        const knows = (Number(item.get('file.flags')) & EXISTS) !== 0;
        t.ok(
          knows || item.missing !== 0,
          `${name}: ${item.type} ${String(item.get('named'))} has facts or says that they are missing`,
        );
        t.equal(item.get('file.path'), item.get('named'), `${name}: ${item.type}: the path`);
      }
      const spots = got.records('blind_spot').filter((item) => item.get('reason') === SLOW_FILE_SYSTEM);
      t.equal(
        spots.length > 0,
        told.some((item) => item.missing !== 0),
        `${name}: missing facts are a blind spot`,
      );
      const counter = got.records('counters').find((item) => item.get('name') === 'missing');
      t.ok(
        Number(counter?.get('value')) >=
          told.filter((item) => item.type !== 'exec' && item.missing !== 0).length,
        `${name}: and a counter`,
      );
      t.same(got.diagnostics, []);
    }
  },
);
