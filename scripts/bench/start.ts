/** Start-up: bare node, `--version`, and `replay` of a small recording. */
import { join } from 'node:path';
import { spread, table, timed } from './measure.js';

export async function run(rounds: number): Promise<void> {
  const root = join(import.meta.dirname, '..', '..');
  const seccam = join(root, 'bin', 'seccam.js');
  const commands: Record<string, string[]> = {
    'node -e 0': ['node', '-e', '0'],
    'seccam --version': ['node', seccam, '--version'],
    'seccam replay recordings/story.seccam': [
      'node',
      seccam,
      'replay',
      join(root, 'recordings', 'story.seccam'),
      '-r',
      join(root, 'rules'),
    ],
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds * 2; round++) {
    for (const [name, command] of Object.entries(commands)) {
      const wall = timed(command).wall;
      times.set(name, [...(times.get(name) ?? []), wall]);
    }
  }
  table(
    ['command', 'ms'],
    [...times].map(([name, values]) => [name, spread(values, 1e3, 0)]),
  );
}
