/**
 * One recording, one answer: every committed recording replayed a hundred times gives one hash over all
 * fields of all events, and what the live pipeline sees of a program equals the replay of the stream
 * that it saw, field by field.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { fieldsOfEvent } from '../src/catalogue/index.js';
import { Stream } from '../src/pipeline/index.js';
import { createModel } from '../src/rules/index.js';
import { StringTable } from '../src/support/strings.js';
import { spawnTracer } from '../src/tracer/index.js';

const root = join(import.meta.dirname, '..');

function recordingsUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? recordingsUnder(path) : path.endsWith('.seccam') ? [path] : [];
    })
    .sort();
}

/** Takes chunks of a stream; one line of text for each event with everything that a rule can ask for. */
class Reader {
  readonly lines: string[] = [];
  readonly #stream: Stream;

  constructor() {
    const strings = new StringTable();
    const model = createModel(strings);
    const readable = new Map<string, readonly string[]>();
    this.#stream = new Stream('determinism', {
      strings,
      onEvent: (event, shown) => {
        let names = readable.get(event.type);
        if (names === undefined) {
          names = fieldsOfEvent(event.type)
            .map((field) => field.name)
            .filter((field) => model.unavailable(field) === undefined);
          readable.set(event.type, names);
        }
        const values = names.map((name) => model.read(name, event));
        const text = JSON.stringify(values, (_key, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        );
        this.lines.push(`${event.seq} ${event.type} ${event.timestamp()} ${shown} ${text}`);
      },
    });
  }

  push(chunk: Uint8Array): void {
    this.#stream.push(chunk);
  }

  end(): string[] {
    this.#stream.end();
    return this.lines;
  }
}

function replayed(bytes: Uint8Array, chunk = bytes.length): string[] {
  const reader = new Reader();
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
  return reader.end();
}

const hash = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex');

t.test('a recording replayed again and again has one hash', async (t) => {
  const paths = ['recordings', 'fixtures/project/recordings'].flatMap((folder) =>
    recordingsUnder(join(root, folder)),
  );
  t.ok(paths.length >= 10, `${paths.length} recordings`);
  for (const path of paths) {
    const bytes = readFileSync(path);
    // What costs more is replayed less often, in other chunks each time.
    const times = bytes.length < 12_000 ? 100 : 10;
    const hashes = new Set<string>();
    let events = 0;
    for (let n = 0; n < times; n++) {
      const lines = replayed(bytes, n % 2 === 0 ? bytes.length : 1 + n * 37);
      events = lines.length;
      hashes.add(hash(lines));
    }
    t.equal(hashes.size, 1, `${path.slice(root.length + 1)}: ${events} events, ${times} times`);
    t.ok(events > 0, 'and there is something to see');
  }
});

t.test('live equals replay, field by field', async (t) => {
  const programs: Readonly<Record<string, readonly string[]>> = {
    'a shell with background jobs': [
      'sh',
      '-c',
      'ls /etc | wc -l > /dev/null; cat /etc/passwd > /dev/null; (sleep 0.1; id > /dev/null) & wait',
    ],
    'a loop of children': ['bash', '-c', 'for i in 1 2 3; do ls -l / > /dev/null; done'],
    'changes of identity and root': [
      'python3',
      '-c',
      'import os,tempfile\nd=tempfile.mkdtemp()\nos.chdir(d)\nopen("a","w").write("x")\nos.rename("a","b")\nos.chmod("b",0o600)\nos.unlink("b")\nos.rmdir(d)\nif os.fork()==0:\n os.setsid()\n if os.getuid()==0:\n  os.chroot("/usr"); os.setgid(65534); os.setuid(65534)\n os._exit(3)\nos.wait()',
    ],
  };
  for (const [name, command] of Object.entries(programs)) {
    const reader = new Reader();
    const saved: Uint8Array[] = [];
    const tracer = spawnTracer({ command });
    for await (const chunk of tracer.stream) {
      saved.push(chunk as Uint8Array);
      reader.push(chunk as Uint8Array);
    }
    await tracer.finished;
    const live = reader.end();
    const again = replayed(Buffer.concat(saved));
    t.ok(live.length > 5, `${name}: ${live.length} events`);
    t.strictSame(again, live, name);
  }
});
