/** The tracer: what it records of real programs, and what those programs notice of it. */
import t from 'tap';
import { traced } from './traced.js';

t.test('a program is recorded from its exec to its exit', async (t) => {
  const run = traced(['sh', '-c', 'exit 3']);
  t.equal(run.status, 3);
  t.same(run.events('exec').map((item) => item.get('file.name')).length, 1);
});
