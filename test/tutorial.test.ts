/**
 * docs/tutorial.md is executed in a fresh folder: the story of a detection engineer from nothing, over an attack
 * that is recorded, to three mistakes that its test notices. No privileges, no network.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { execute, unvarying } from '../scripts/tutorial.js';
import { tracerAvailability } from '../src/tracer/index.js';

const cannotTrace = tracerAvailability().problems[0]?.message ?? false;

t.test('docs/tutorial.md prints what it says', { skip: cannotTrace }, (tt) => {
  const written = readFileSync(join(import.meta.dirname, '..', 'docs', 'tutorial.md'), 'utf8');
  const { markdown, steps } = execute(written);
  for (const step of steps) tt.equal(step.status, step.want, `${step.command}\n${step.output}`);
  tt.equal(unvarying(markdown), unvarying(written), 'npx tsx scripts/tutorial.ts writes it anew');

  const failing = steps.filter((step) => step.command === 'seccam test' && step.want === 1);
  const causes = [
    /open\.file\.name == "authorized_keys" .*never true/,
    /open\.file\.path in \[~"\S+\/home\/\*\/id_\*"\] .*never true/,
    /false +├─ process\.file\.name in \["nginx", "httpd"\] +"cat"/,
  ];
  tt.equal(failing.length, causes.length, 'three mistakes');
  causes.forEach((cause, index) => {
    tt.match(failing[index]?.output, /✗ key read below web server on nginx/, 'the test that fails');
    tt.match(
      failing[index]?.output,
      /expect: key_read_below_web_server .*\[count-differs\]/,
      'names the expectation',
    );
    tt.match(failing[index]?.output, cause, 'and the condition that stood in the way');
  });
  const lost = steps.filter((step) => step.command.startsWith('seccam diff') && step.want === 1);
  tt.equal(lost.length, causes.length);
  for (const step of lost)
    tt.match(step.output, /− key_read_below_web_server .*1 → 0/, 'diff names the lost detection');
  tt.end();
});

/** Nobody in particular. */
const stranger = 65534;

const cannotBe =
  process.getuid?.() !== 0
    ? 'only root becomes somebody else; the story above ran without privileges'
    : spawnSync(
          'env',
          ['-i', process.execPath, join(import.meta.dirname, '..', 'bin', 'seccam.js'), 'doctor'],
          {
            uid: stranger,
            gid: stranger,
          },
        ).status !== 0
      ? 'an unprivileged user cannot read this checkout or not trace here'
      : false;

t.test('the same without any privilege', { skip: cannotTrace || cannotBe }, (tt) => {
  const written = readFileSync(join(import.meta.dirname, '..', 'docs', 'tutorial.md'), 'utf8');
  const { markdown, steps } = execute(written, stranger);
  for (const step of steps) tt.equal(step.status, step.want, `${step.command}\n${step.output}`);
  // What an unprivileged recorder says of itself.
  const told = /^warning: .* \[no-new-privileges\]\n/m;
  tt.match(markdown, told);
  tt.equal(unvarying(markdown.replace(told, '')), unvarying(written));
  tt.end();
});
