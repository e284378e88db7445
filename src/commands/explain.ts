import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { explanationText } from '../outputs/explanation.js';
import { paintFor } from '../outputs/text.js';
import { SeccamCommand } from './base.js';
import { given, recordingFlags, recordingOptions } from './flags.js';
import { answer, formatFlag } from './format.js';

export default class Explain extends SeccamCommand {
  static override summary = 'Tell why a rule fired on a recording, or why it did not.';
  static override description =
    'Without --rule: every detection. Exits with 1 when a rule that was asked for did not match.';
  static override examples = [
    'seccam explain story.seccam --rule web_shell_reads_key',
    'seccam explain story.seccam --at 4307',
  ];
  static override args = { recording: Args.string({ required: true, description: 'the recording' }) };
  static override flags = {
    rule: Flags.string({ multiple: true, multipleNonGreedy: true, helpValue: 'ID', description: 'the rule' }),
    at: Flags.integer({ min: 0, helpValue: 'SEQ', description: 'at this event' }),
    where: Flags.string({ helpValue: 'EXPR', description: 'at the events for which this is true' }),
    closest: Flags.integer({ min: 1, helpValue: 'N', description: 'how many of the closest events' }),
    full: Flags.boolean({ description: 'nothing is shortened' }),
    ...recordingFlags,
    format: formatFlag(['pretty', 'json']),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Explain);
    if (flags.where !== undefined) this.sources.set('<where>', flags.where);
    const { explain } = await import('../workbench/explain.js');
    const result = await explain({
      recording: args.recording,
      ...recordingOptions(flags),
      ...given('ruleIds', flags.rule),
      ...given('at', flags.at),
      ...given('where', flags.where),
      ...given('closest', flags.closest),
      full: flags.full,
    });
    this.report(result.diagnostics);
    const { schema: _, ...document } = result;
    answer(flags.format, 'explain', document, () => {
      const paint = paintFor(process.stdout);
      return result.explanations.flatMap((item, index) => [
        ...(index === 0 ? [] : ['', '']),
        ...explanationText(item, paint),
      ]);
    });
    return result.answer;
  }
}
