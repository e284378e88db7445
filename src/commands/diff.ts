import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { recordingsDiffText, rulesDiffMarkdown, rulesDiffText } from '../outputs/differences.js';
import { paintFor } from '../outputs/text.js';
import { SeccamCommand } from './base.js';
import { badUsage, recordingFlags, recordingOptions } from './flags.js';
import { formatFlag, openSink, targets } from './format.js';

export default class Diff extends SeccamCommand {
  static override summary = 'Compare two recordings, or the rules with those of another revision.';
  static override description =
    'With --base: which detections over the recordings (default: those of the project) the working rules gain and lose. Else: two recordings, without what differs from run to run. Exits with 1 when they differ.';
  static override examples = [
    'seccam diff before.seccam after.seccam',
    'seccam diff --base main --format markdown',
  ];
  static override strict = false;
  static override args = { recording: Args.string({ description: 'recordings' }) };
  static override flags = {
    base: Flags.string({
      helpValue: 'REF|PATH',
      description: 'a git revision, or a path of rules, to compare with',
    }),
    ...recordingFlags,
    format: formatFlag(['pretty', 'json', 'markdown']),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(Diff);
    const recordings = argv.map(String);
    const workbench = await import('../workbench/diff.js');
    const paint = paintFor(process.stdout);
    if (flags.base === undefined) {
      const [left, right] = recordings;
      if (left === undefined || right === undefined || recordings.length > 2) {
        throw badUsage(
          `two recordings are compared: have ${recordings.length}`,
          'seccam diff before.seccam after.seccam',
          'seccam diff --base main',
        );
      }
      const diff = await workbench.diffRecordings({ left, right, ...recordingOptions(flags) });
      this.report(diff.diagnostics);
      this.#write(flags.format, diff, {
        pretty: () => recordingsDiffText(diff, paint),
        markdown: () => ['```diff', ...diff.diff.split('\n'), '```'],
      });
      return diff.answer;
    }
    const diff = await workbench.diffRules({
      base: flags.base,
      ...recordingOptions(flags),
      ...(recordings.length > 0 ? { recordings } : {}),
    });
    this.report(diff.diagnostics);
    this.#write(flags.format, diff, {
      pretty: () => rulesDiffText(diff, paint),
      markdown: () => rulesDiffMarkdown(diff),
    });
    return diff.answer;
  }

  #write(
    values: readonly string[],
    document: object,
    draw: Readonly<Record<'pretty' | 'markdown', () => string[]>>,
  ): void {
    for (const target of targets(values)) {
      const sink = openSink(target);
      if (target.name === 'json') sink.write(`${JSON.stringify(document, undefined, 2)}\n`);
      else
        sink.write(
          draw[target.name as 'pretty' | 'markdown']()
            .map((line) => `${line}\n`)
            .join(''),
        );
      sink.end();
    }
  }
}
