/** What a recording is not to hold: of the project, and of the recording that is made. */
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import type { TraceOptions } from '../tracer/index.js';
import { workbenchCodes } from './codes.js';
import type { Project } from './project.js';
import type { RecordOptions } from './results.js';

export interface Hidden {
  readonly tracer: Pick<TraceOptions, 'keepEnvironment' | 'redactArguments' | 'extra'>;
  /** Patterns of the project that the recorder cannot apply. */
  readonly unfit: readonly Diagnostic[];
}

type Wanted = Pick<
  RecordOptions,
  'keepEnvironment' | 'redactEnvironment' | 'redactArguments' | 'redactPaths'
>;

export function hidden(config: NonNullable<Project['config']['recordings']>, options: Wanted = {}): Hidden {
  const paths = [
    ...Object.entries(config.redact?.paths ?? {}).map(([glob, as]) => (as === '' ? glob : `${glob}=${as}`)),
    ...(options.redactPaths ?? []),
  ];
  const environment = [...(config.redact?.env ?? []), ...(options.redactEnvironment ?? [])];
  const extra = [
    ...paths.flatMap((path) => ['--redact-path', path]),
    ...environment.flatMap((name) => ['--redact-env', name]),
    ...(options.redactArguments ?? []).flatMap((name) => ['--redact', name]),
    ...(options.keepEnvironment ?? []).flatMap((name) => ['--keep-env', name]),
  ];
  const { names, unfit } = argumentNames(config.redact?.args ?? []);
  return {
    tracer: {
      ...(config.keep_env === undefined ? {} : { keepEnvironment: config.keep_env }),
      ...(extra.length === 0 ? {} : { extra }),
      ...(names.length === 0 ? {} : { redactArguments: names }),
    },
    unfit,
  };
}

/**
 * The recorder hides values of arguments by the names before them, as patterns with `*`; the project has
 * regular expressions, most of which begin with such a name.
 */
function argumentNames(patterns: readonly string[]): { names: string[]; unfit: Diagnostic[] } {
  const names: string[] = [];
  const unfit: Diagnostic[] = [];
  for (const pattern of patterns) {
    const name = /^\^?(-{0,2}(?:[\w-]|\\?\.|\.\*)+)(?:=.*)?$/s.exec(pattern)?.[1];
    if (name !== undefined) names.push(name.replaceAll('.*', '*').replaceAll('\\.', '.'));
    else
      unfit.push(
        diagnostic(
          workbenchCodes,
          'redact-later',
          `"${pattern}" of recordings.redact.args was not applied while recording, where values are hidden by the name before them, such as "--token=(?<secret>\\S+)"`,
          { suggestions: ['seccam recording redact'] },
        ),
      );
  }
  return { names, unfit };
}
