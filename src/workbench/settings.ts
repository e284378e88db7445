/** Every value of the project file as it holds here, and where it comes from. */
import type { Path } from './document.js';
import { projectOf, rulesOrigin } from './project.js';
import { defaultSnapshotFields } from './snapshot.js';
import { isCi } from './test.js';

export interface Setting {
  /** As in seccam.yaml, joined by dots: `recordings.folder`. */
  readonly key: string;
  /** Absent: there is no such limit or rule. */
  readonly value: unknown;
  /** `seccam.yaml:3:1`, `default`, or what overrides both. */
  readonly from: string;
}

export interface Settings {
  /** The project file; undefined: there is none. */
  readonly file: string | undefined;
  readonly settings: readonly Setting[];
}

const defaults: Readonly<Record<string, unknown>> = {
  version: 1,
  tests: ['tests/**/*.test.yaml'],
  'recordings.folder': 'recordings',
  'recordings.trace': 'default',
  'recordings.pin': 'missing',
  'snapshot.fields': defaultSnapshotFields,
  'test.timeout': '60s',
  'test.allow': [],
};

/** Maps whose keys are the user's are values of their own. */
const whole = new Set(['contexts', 'check.codes', 'recordings.redact.paths']);

export function settings(options: { readonly cwd?: string } = {}): Settings {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const found = new Map<string, Setting>();
  for (const [key, value] of Object.entries(defaults)) found.set(key, { key, value, from: 'default' });
  const take = (value: unknown, path: Path): void => {
    const key = path.join('.');
    if (value === undefined) return;
    if (value !== null && typeof value === 'object' && !Array.isArray(value) && !whole.has(key)) {
      for (const [name, inner] of Object.entries(value)) take(inner, [...path, name]);
      return;
    }
    const span = project.document?.keySpan(path);
    const from = span === undefined ? 'default' : `${span.file}:${span.start.line}:${span.start.column}`;
    found.set(key, { key, value, from });
  };
  if (project.file !== undefined) take(project.config, []);
  if (!found.has('rules')) {
    const { from, paths } = rulesOrigin({ cwd }, project);
    found.set('rules', {
      key: 'rules',
      value: paths,
      from: from === 'starter' ? 'the shipped starter set' : 'default',
    });
  }
  if (isCi() && found.get('recordings.pin')?.value !== 'never')
    found.set('recordings.pin', { key: 'recordings.pin', value: 'never', from: 'the variable CI' });
  return {
    file: project.document?.span([]).file,
    settings: [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
  };
}
