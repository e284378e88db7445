/** Profiles of normal behaviour, learnt from recordings. */
import { basename, resolve } from 'node:path';
import { replay } from '../pipeline/index.js';
import { openOutput } from '../recording/index.js';
import { ProfileLearner, printProfile } from '../rules/profile/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { existing } from './recordings.js';

export interface LearnOptions {
  /** Recordings of normal runs. */
  readonly recordings: readonly string[];
  /** Name of the profile; default: of the first recording. */
  readonly name?: string;
  /** The file to write; none: only the text is returned. */
  readonly output?: string;
  readonly force?: boolean;
  readonly acceptDamage?: boolean;
  readonly cwd?: string;
}

export interface LearnResult {
  /** The profile as YAML. */
  readonly text: string;
  readonly executables: number;
  readonly events: number;
  readonly diagnostics: readonly Diagnostic[];
  /** Something could not be read: the profile may lack what is normal. */
  readonly damaged: boolean;
}

/** Throws a `DiagnosticError` when a recording does not exist or the output cannot be written. */
export async function learnProfile(options: LearnOptions): Promise<LearnResult> {
  const cwd = options.cwd ?? process.cwd();
  const recordings = options.recordings.map((recording) => existing(recording, cwd));
  const strings = new StringTable();
  const learner = new ProfileLearner(strings);
  const summary = await replay(recordings, {
    strings,
    onEvent: (event, shown) => {
      if (shown) learner.observe(event);
    },
  });
  const name = options.name ?? basename(options.recordings[0] ?? 'profile').replace(/\.seccam$/, '');
  const profile = learner.profile(name, recordings.length);
  const text = printProfile(profile);
  const damaged = summary.damaged && options.acceptDamage !== true;
  if (options.output !== undefined && !damaged) {
    const file = openOutput(resolve(cwd, options.output), options.force === true);
    file.write(Buffer.from(text));
    file.finish();
  }
  return {
    text,
    executables: profile.executables.length,
    events: profile.learned.events,
    diagnostics: summary.diagnostics,
    damaged,
  };
}
