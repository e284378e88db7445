/** What the recordings below `recordings/` are made of: the programs of fixtures/, and how they are run. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Programs of fixtures/programs that make a recording, with their arguments. */
const programs: Readonly<Record<string, readonly string[]>> = {
  'threads-files': ['4', '20'],
  'process-tree': [],
  'exec-from-thread': [],
  identity: [],
};

export interface Golden {
  /** Of the recording below `recordings/`. */
  readonly name: string;
  /** Compiles what is needed in a folder that layOut filled; gives the command, which is run there. */
  prepare(folder: string): readonly string[];
}

function compile(source: string, output: string): string {
  execFileSync('cc', ['-O1', '-pthread', '-o', output, source], { stdio: 'inherit' });
  return output;
}

export const goldens: readonly Golden[] = [
  {
    name: 'story',
    prepare(folder) {
      const scratch = mkdtempSync('/tmp/seccam-demo-');
      for (const path of ['home/www/.ssh', 'etc/cron.d']) mkdirSync(join(scratch, path), { recursive: true });
      writeFileSync(join(scratch, 'home/www/.ssh/id_ed25519'), 'not a key\n');
      return [compile(join(folder, 'story/nginx.c'), join(scratch, 'nginx')), 'story/attack.sh', scratch];
    },
  },
  ...readdirSync(join(root, 'fixtures', 'attacks'))
    .filter((file) => /\.(sh|c)$/.test(file))
    .map((file) => ({
      name: `attacks/${basename(file).replace(/\.\w+$/, '')}`,
      prepare: (folder: string): readonly string[] =>
        file.endsWith('.sh')
          ? ['sh', `attacks/${file}`]
          : [compile(join(folder, 'attacks', file), join(folder, file.slice(0, -2)))],
    })),
  ...Object.entries(programs).map(([stem, args]) => ({
    name: stem,
    prepare: (folder: string): readonly string[] => [
      compile(join(folder, 'programs', `${stem}.c`), join(folder, stem)),
      ...args,
    ],
  })),
];

/** Copies what the programs need into a folder. */
export function layOut(folder: string): void {
  for (const part of ['attacks', 'story', 'programs'])
    cpSync(join(root, 'fixtures', part), join(folder, part), { recursive: true });
}
