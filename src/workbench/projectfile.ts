/** The project file `seccam.yaml`: where rules, tests and recordings are and how strict one wants to be. */
import * as z from 'zod';
import { durationPattern, sizePattern } from './range.js';
import { contextShape, outcomes } from './testfile.js';

const text = z.string().min(1);
const names = z.array(text);
const percent = z.number().min(0).max(100);
const level = z.enum(['error', 'warn', 'off']);

export const projectFileShape = z
  .strictObject({
    version: z.literal(1).meta({ description: 'Version of the format' }),
    requires: text
      .optional()
      .meta({ description: 'Versions of seccam that the project works with', examples: ['>=1.2 <2'] }),
    rules: names.optional().meta({
      description:
        'Policies, or folders that are searched for `*.policy`, `*.policy.yaml`, `*.policy.yml`; default `[rules]`',
    }),
    packs: names.optional().meta({ description: 'Packages with rules', examples: [['@seccam/linux']] }),
    tests: names.optional().meta({ description: 'Patterns of test files; default `tests/**/*.test.yaml`' }),
    contexts: z
      .record(z.string(), contextShape)
      .optional()
      .meta({ description: 'Name → facts that tests declare' }),
    recordings: z
      .strictObject({
        folder: text
          .optional()
          .meta({ description: 'Where `record` writes and pinned recordings lie; default `recordings`' }),
        trace: z
          .union([text, names])
          .optional()
          .meta({ description: 'What `record` traces: `lean`, `default`, `all`, or events' }),
        pin: z.enum(['missing', 'always', 'never']).optional().meta({
          description: 'When the scripts of `run:` are recorded; default `missing`, with CI set `never`',
        }),
        max_size: z
          .union([
            z
              .string()
              .regex(sizePattern)
              .meta({ examples: ['1MiB'] }),
            z.number().int().min(0),
          ])
          .optional()
          .meta({ description: 'Size above which `check` warns' }),
        keep_env: names.optional().meta({ description: 'Environment variables whose values are recorded' }),
        redact: z
          .strictObject({
            args: names
              .optional()
              .meta({
                description:
                  'Regular expressions; what the group `secret` matches is replaced. While recording, those that begin with a name, as `--token=…`, hide the value of the argument of that name',
              }),
            paths: z.record(z.string(), z.string()).optional().meta({
              description:
                'Pattern of paths (also of folders) → what stands in its place; empty: a mark for each path',
            }),
            env: names.optional().meta({
              description: 'Patterns of variables whose values are not recorded, though their names are kept',
            }),
          })
          .optional()
          .meta({ description: 'What is redacted before anything is written' }),
      })
      .optional(),
    snapshot: z
      .strictObject({
        fields: names.optional().meta({
          description:
            'What a line of a snapshot shows; default `[rule, event, process.lineage, process.args, matched]`',
        }),
        mask: z
          .array(
            z.strictObject({
              in: text.optional().meta({ description: 'Pattern of fields that it applies to; default all' }),
              match: text.meta({ description: 'Regular expression' }),
              as: z.string().meta({ description: 'What it is replaced by' }),
            }),
          )
          .optional()
          .meta({ description: 'Replacements after all others' }),
      })
      .optional(),
    check: z
      .strictObject({
        codes: z.record(z.string(), level).optional().meta({ description: 'Code → how serious it is' }),
      })
      .optional(),
    test: z
      .strictObject({
        timeout: z
          .string()
          .regex(durationPattern)
          .optional()
          .meta({ description: 'Longest time of a test', examples: ['10s'] }),
        allow: z
          .array(z.enum(outcomes))
          .optional()
          .meta({ description: '`[inconclusive]`: such answers do not fail the run' }),
        coverage: z
          .strictObject({
            rules: percent.optional(),
            decided: percent.optional(),
            members: percent.optional(),
          })
          .optional()
          .meta({ description: 'Least percentages' }),
        mutation: z
          .strictObject({ score: percent.optional() })
          .optional()
          .meta({ description: 'Least percentage of mutants that tests notice' }),
      })
      .optional(),
  })
  .meta({ title: 'seccam project file' });

export type ProjectFile = z.infer<typeof projectFileShape>;
