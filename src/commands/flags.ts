/** Flags that several verbs share: one name has one type everywhere. */
import * as Flags from '@oclif/core/flags';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { commandCodes } from './codes.js';

export const rulesFlag = Flags.string({
  char: 'r',
  multiple: true,
  multipleNonGreedy: true,
  helpValue: 'PATH',
  description: 'a policy, or a folder of policies; default: seccam.yaml, else the shipped starter rules',
});

/** What decides which events rules see, and whether damage is an error. */
export const recordingFlags = {
  rules: rulesFlag,
  'accept-damage': Flags.boolean({ description: 'a damaged or unfinished recording is a warning' }),
  'all-results': Flags.boolean({ description: 'show rules every event, also calls that failed' }),
};

/** The members of use-case options that `recordingFlags` fill; absent flags leave no member. */
export function recordingOptions(flags: {
  readonly rules: readonly string[] | undefined;
  readonly 'accept-damage': boolean;
  readonly 'all-results': boolean;
}) {
  return {
    ...given('rules', flags.rules),
    ...(flags['accept-damage'] ? { acceptDamage: true } : {}),
    ...(flags['all-results'] ? { allResults: true } : {}),
  };
}

/** What of arguments, variables and paths is stored: of every verb that traces. */
export const privacyFlags = {
  'keep-env': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAMES',
    description: 'variables whose values are stored, too; patterns with *',
  }),
  'redact-env': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAMES',
    description: 'variables whose values are not stored after all; patterns with *',
  }),
  redact: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAMES',
    description: 'more arguments whose values are not stored; patterns with *',
  }),
  'redact-path': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'GLOB',
    description:
      'paths that are not stored, nor what is below them, as /home/*/.ssh; GLOB=TEXT says what stands there',
  }),
};

/** Words for the tracer (native/options.c). */
export function privacyWords(
  flags: {
    readonly [P in keyof typeof privacyFlags]?: readonly string[] | undefined;
  },
): string[] {
  return Object.keys(privacyFlags).flatMap((name) =>
    (flags[name as keyof typeof privacyFlags] ?? []).flatMap((item) => [`--${name}`, item]),
  );
}

/** `{name: value}`, or nothing when the flag was not given. */
export function given<const K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}

/** `I/N` of `--shard`. */
export function shardOf(text: string): { index: number; count: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const index = Number(match?.[1]);
  const count = Number(match?.[2]);
  if (match === null || index < 1 || index > count)
    throw badUsage(`"--shard ${text}" is not I/N with 1 ≤ I ≤ N`, '--shard 1/4');
  return { index, count };
}

const thresholdNames = ['rules', 'decided', 'members', 'score'];

/** `NAME=PERCENT` of `--threshold`: one that no result can have, or that always holds, is refused. */
export function thresholdsOf(texts: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    texts.map((text) => {
      const match = /^([a-z]+)=(\d+(?:\.\d+)?)%?$/.exec(text);
      if (match === null)
        throw badUsage(`"--threshold ${text}" is not NAME=PERCENT`, '--threshold decided=80');
      if (!thresholdNames.includes(match[1]!))
        throw badUsage(
          `"--threshold ${text}": there is no ${JSON.stringify(match[1])}, but ${thresholdNames.join(', ')}`,
          `--threshold ${nearest(match[1]!, thresholdNames)[0] ?? 'decided'}=${match[2]}`,
        );
      if (Number(match[2]) > 100)
        throw badUsage(
          `"--threshold ${text}" can never be reached: want at most 100 %`,
          `--threshold ${match[1]}=100`,
        );
      return [match[1]!, Number(match[2])];
    }),
  );
}

export function badUsage(message: string, ...suggestions: readonly string[]): DiagnosticError {
  return new DiagnosticError([diagnostic(commandCodes, 'bad-usage', message, { suggestions })]);
}

/** The flags of `new rule` and `new test`. */
export const newFlags = {
  from: Flags.string({ helpValue: 'RECORDING', description: 'what happened there' }),
  at: Flags.integer({ min: 0, helpValue: 'SEQ', description: 'the event that it is about' }),
  output: Flags.string({ char: 'o', helpValue: 'FILE', description: 'the file to write' }),
  rules: rulesFlag,
};

export function newOptions(
  name: string | undefined,
  flags: {
    readonly from: string | undefined;
    readonly at: number | undefined;
    readonly output: string | undefined;
    readonly rules: readonly string[] | undefined;
  },
) {
  return {
    ...given('name', name),
    ...given('from', flags.from),
    ...given('at', flags.at),
    ...given('output', flags.output),
    ...given('rules', flags.rules),
  };
}
