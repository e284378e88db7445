/**
 * The test file: what a detection engineer says about rules and recordings. The descriptions below are the
 * reference: `schema/test.json` and the tables of `docs/tests.md` are made from them.
 */
import * as z from 'zod';
import { durationPattern, rangePattern } from './range.js';

const text = z.string().min(1);
const names = z.array(text);
const ruleName = text.meta({ description: 'Id of a rule, or a pattern with `*`', examples: ['web_shell_*'] });
const duration = z
  .string()
  .regex(durationPattern)
  .meta({ examples: ['10s'] });
const count = z.number().int().min(0);
const times = z.union([
  count,
  z
    .string()
    .regex(rangePattern)
    .meta({ examples: ['1..3'] }),
]);
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const condition = text.meta({
  description: 'A condition in the rule language',
  examples: ['process.uid == 0'],
});

export const outcomes = ['inconclusive'] as const;

export const containerShape = z.strictObject({
  id: text.optional().meta({ description: 'Id of the container' }),
  image: text.optional().meta({
    description: 'Image, seen by rules as the tags `image_name` and `image_tag`',
    examples: ['shop/web:1.4'],
  }),
  privileged: z.boolean().optional().meta({ description: 'Declared as a tag `privileged:true`' }),
  tags: names.optional().meta({ description: 'Further tags `key:value`' }),
});

/** Facts that are declared rather than recorded. */
export const contextShape = z.strictObject({
  container: containerShape
    .optional()
    .meta({ description: 'The container that every process is said to run in' }),
  set: z
    .record(z.string(), scalar)
    .optional()
    .meta({
      description: 'Field of the process → value that is declared',
      examples: [{ 'process.auid': 1000 }],
    }),
});

export const expectationShape = z.strictObject({
  rule: ruleName,
  times: times.optional().meta({
    description:
      'How many detections: `N`, `N..M`, `N..`, `..M`; default `1..`. Matches are counted, whatever rate limits keep back',
  }),
  where: condition.optional().meta({
    description:
      'Counts only detections at whose event this condition holds, with variables as they were there',
  }),
  delivered: times.optional().meta({ description: 'How many of them are left after rate limits' }),
  actions: names.optional().meta({
    description: 'Kinds of actions that enforce mode would have carried out at one of them at least',
    examples: [['kill']],
  }),
});

const processShape = z
  .looseObject({
    ancestors: z
      .array(z.record(z.string(), z.unknown()))
      .optional()
      .meta({ description: 'Parent first; each with the same members as `process`' }),
  })
  .meta({
    description: 'Fields of the process without the prefix `process.`: `file.path`, `pid`, `uid`, `args` …',
  });

export const eventShape = z.strictObject({
  type: text.meta({ description: 'Type of the event', examples: ['open'] }),
  after: duration.optional().meta({ description: 'Time since the event before; default 1ms' }),
  process: processShape.optional(),
  fields: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'Field → value; fields that are absent have the value 0, false or the empty text' }),
  retval: z.number().int().optional().meta({ description: 'Result of the call; default 0' }),
  pid: count.optional().meta({ description: 'Process id; the same as `process.pid`' }),
  tid: count.optional(),
  seq: count
    .optional()
    .meta({ description: 'Ignored: events are numbered in the order in which they stand' }),
  timestamp: z.string().optional().meta({ description: 'Wall time in ns; ignored, use `after`' }),
  elapsed: z.string().optional(),
  shown: z.boolean().optional(),
  syscall: z.string().optional(),
  duration: z.unknown().optional(),
  escaped: names.optional(),
  flags: names.optional(),
});

export const atMostShape = z.strictObject({
  total: count
    .optional()
    .meta({ description: 'Greatest number of detections over all recordings of the test' }),
  per_recording: count.optional().meta({ description: 'Greatest number in each recording' }),
  rules: z
    .record(z.string(), count)
    .optional()
    .meta({ description: 'Rule or pattern → greatest number', examples: [{ 'web_shell_*': 0 }] }),
});

/** What may stand in a test and, as a default for all its tests, at the top of the file. */
const shared = {
  rules: names.optional().meta({
    description: 'Policies or folders, relative to the test file; default: the rules of seccam.yaml',
  }),
  context: z
    .union([text, contextShape])
    .optional()
    .meta({ description: 'Name of a context of seccam.yaml, or one declared here' }),
  set: z
    .record(z.string(), scalar)
    .optional()
    .meta({ description: 'Field of the process → value, declared on top of the context' }),
  needs: names.optional().meta({
    description: 'Programs that must be there; one that is missing skips the test, with the reason',
  }),
  timeout: duration
    .optional()
    .meta({ description: 'Longest time that the test may take; default: the one of seccam.yaml, else 60s' }),
  allow: z
    .array(z.enum(outcomes))
    .optional()
    .meta({ description: '`[inconclusive]`: such an answer does not fail the run' }),
};

export const testShape = z.strictObject({
  name: text.meta({ description: 'What holds, as a sentence; unique in the file' }),
  recording: text.optional().meta({ description: 'One recording, relative to the test file' }),
  recordings: z
    .union([text, names])
    .optional()
    .meta({ description: 'Recordings or patterns of them', examples: ['../recordings/benign/**/*.seccam'] }),
  run: text
    .optional()
    .meta({ description: 'A shell script, recorded once in a scratch world and then pinned' }),
  files: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'With `run`: absolute path in the scratch world → content' }),
  events: z
    .array(eventShape)
    .min(1)
    .optional()
    .meta({ description: 'Synthetic events instead of a recording; such tests are counted apart' }),
  matrix: z
    .record(z.string(), z.array(scalar).min(1))
    .optional()
    .meta({
      description:
        'Name → values: the test is made once for each combination; `{{name}}` stands for the value, and in `run` the environment variable of that name',
      examples: [{ shell: ['sh', 'bash'] }],
    }),
  ...shared,
  expect: z
    .array(z.union([ruleName, expectationShape]))
    .optional()
    .meta({ description: 'Detections that there must be; a name alone means at least once' }),
  never: z.array(ruleName).optional().meta({ description: 'Rules that must not fire' }),
  at_most: z
    .union([count, atMostShape])
    .optional()
    .meta({ description: 'Upper bounds; a number is the total' }),
  order: z
    .array(ruleName)
    .min(2)
    .optional()
    .meta({ description: 'The first detections of these rules come in this order' }),
  finally: condition.optional().meta({
    description: 'A condition on global variables after the last event',
    examples: [`\${web_children} == 2`],
  }),
  others: z
    .enum(['forbid', 'allow'])
    .optional()
    .meta({ description: '`forbid`: a detection that nothing above counts is a failure; default `allow`' }),
  snapshot: z.boolean().optional().meta({
    description: 'Compares all detections, normalised, with the file `NAME.snap.yaml` beside the test file',
  }),
  fails: text
    .optional()
    .meta({ description: 'Why the test is known to fail; that it passes is then the failure' }),
  skip: text.optional().meta({ description: 'Why the test is not run' }),
  todo: text
    .optional()
    .meta({ description: 'What is to be done; the test is run, its answer does not count' }),
  only: z
    .boolean()
    .optional()
    .meta({ description: 'Runs only such tests of the file; an error when the variable CI is set' }),
});

export const testFileShape = z
  .strictObject({
    version: z.literal(1).meta({ description: 'Version of the format' }),
    ...shared,
    tests: z.array(testShape).min(1).meta({ description: 'The tests, run and reported in this order' }),
  })
  .meta({ title: 'seccam test file' });

export type TestFile = z.infer<typeof testFileShape>;
export type TestEntry = TestFile['tests'][number];
export type Expectation = z.infer<typeof expectationShape>;
export type EventEntry = z.infer<typeof eventShape>;
export type ContextEntry = z.infer<typeof contextShape>;
