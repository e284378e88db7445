/** `recording trim|merge|redact|upgrade`: one recording written anew. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { RewriteResult } from '../../workbench/rewriting.js';
import { Exit, SeccamCommand } from '../base.js';
import { badUsage, given, rulesFlag } from '../flags.js';

const outputFlags = {
  output: Flags.string({
    char: 'o',
    required: true,
    helpValue: 'FILE',
    description: 'the recording that is written',
  }),
  force: Flags.boolean({ description: 'replace FILE' }),
};
const recording = Args.string({ required: true, description: 'the recording' });

abstract class Rewriting extends SeccamCommand {
  protected told(result: RewriteResult): number {
    const wrong = this.report(result.diagnostics);
    this.remark(
      `${result.output}: ${result.kept.toLocaleString('en-US')} of ${result.events.toLocaleString('en-US')} events`,
    );
    return wrong ? Exit.couldNotAnswer : Exit.asHoped;
  }
}

export class RecordingTrim extends Rewriting {
  static override summary = 'Cut a recording down to what detections need.';
  static override description =
    'Keeps the events of detections, their neighbours, and the lives of their processes and ancestors. Numbers and times stay. The header says what was cut; tests of rules of other event types are inconclusive on it.';
  static override examples = [
    'seccam recording trim story.seccam --keep rules/web.policy -o small.seccam',
    'seccam recording trim story.seccam --rule web_shell_reads_key --shrink -o least.seccam',
  ];
  static override args = { recording };
  static override flags = {
    ...outputFlags,
    rules: rulesFlag,
    keep: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'PATH',
      description: 'the same as --rules',
    }),
    rule: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'ID',
      description: 'only detections of these rules (patterns)',
    }),
    where: Flags.string({ helpValue: 'EXPR', description: 'keep events for which this is true, too' }),
    near: Flags.integer({ min: 0, helpValue: 'N', description: 'keep so many events before and after each' }),
    shrink: Flags.boolean({ description: 'search for the smallest recording with the same detections' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RecordingTrim);
    const { trimFile } = await import('../../workbench/rewriting.js');
    const rules = [...(flags.rules ?? []), ...(flags.keep ?? [])];
    return this.told(
      await trimFile({
        recording: args.recording,
        output: flags.output,
        force: flags.force,
        shrink: flags.shrink,
        ...given('rules', rules.length === 0 ? undefined : rules),
        ...given('rule', flags.rule),
        ...given('where', flags.where),
        ...given('near', flags.near),
      }),
    );
  }
}

export class RecordingMerge extends Rewriting {
  static override summary = 'Make one recording of several, in the order of wall time.';
  static override examples = ['seccam recording merge web.seccam database.seccam -o both.seccam'];
  static override args = {
    recordings: Args.string({ required: true, multiple: true, description: 'the recordings' }),
  };
  static override flags = outputFlags;

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RecordingMerge);
    const recordings = [args.recordings].flat();
    if (recordings.length < 2)
      throw badUsage(
        'merge needs two recordings or more',
        'seccam recording merge A.seccam B.seccam -o C.seccam',
      );
    const { mergeFiles } = await import('../../workbench/rewriting.js');
    return this.told(await mergeFiles({ recordings, output: flags.output, force: flags.force }));
  }
}

export class RecordingRedact extends Rewriting {
  static override summary = 'Take secrets and names out of a recording; equal texts get equal marks.';
  static override description = 'Without --args and --path: those of seccam.yaml.';
  static override examples = [
    `seccam recording redact story.seccam --args '--token=(?<secret>\\S+)' --path '/home/*=/home/user' -o public.seccam`,
  ];
  static override args = { recording };
  static override flags = {
    ...outputFlags,
    args: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'REGEXP',
      description: 'in arguments and environment; the group `secret`, or the whole match, becomes a mark',
    }),
    path: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'GLOB=TEXT',
      description: 'what stands in the place of paths',
    }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RecordingRedact);
    const paths = flags.path?.map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at < 1) throw badUsage(`"--path ${text}" is not GLOB=TEXT`, `--path '/home/*=/home/user'`);
      return [text.slice(0, at), text.slice(at + 1)];
    });
    const { redactFile } = await import('../../workbench/rewriting.js');
    const { projectOf } = await import('../../workbench/project.js');
    const configured = projectOf({ cwd: process.cwd() }).config.recordings?.redact;
    // A copy that hides nothing would be taken for one that does.
    if (
      (flags.args ?? configured?.args ?? []).length === 0 &&
      Object.keys(paths ?? configured?.paths ?? {}).length === 0
    )
      throw badUsage(
        'nothing is said to be redacted: neither here nor in seccam.yaml',
        `seccam recording redact IN -o OUT --args '--token=(?<secret>\\S+)' --path '/home/*=/home/user'`,
        'seccam inspect RECORDING --private shows what there is',
      );
    return this.told(
      await redactFile({
        recording: args.recording,
        output: flags.output,
        force: flags.force,
        ...given('args', flags.args),
        ...given('paths', paths === undefined ? undefined : Object.fromEntries(paths)),
      }),
    );
  }
}

export class RecordingUpgrade extends Rewriting {
  static override summary = 'Write a recording as this version would.';
  static override description =
    'Recordings of older versions are read without it; the copy has the columns of today.';
  static override args = { recording };
  static override flags = outputFlags;

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RecordingUpgrade);
    const { upgradeFile } = await import('../../workbench/rewriting.js');
    return this.told(
      await upgradeFile({ recording: args.recording, output: flags.output, force: flags.force }),
    );
  }
}
