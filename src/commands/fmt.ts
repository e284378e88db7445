import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { counted, printable } from '../outputs/text.js';
import { SeccamCommand } from './base.js';
import { answer, formatFlag } from './format.js';

export default class Fmt extends SeccamCommand {
  static override summary = 'Write the expressions of policies the one way.';
  static override description =
    'Without a path: the rules of the project. With --check nothing is written, and the exit status is 1 when something would be.';
  static override examples = ['seccam fmt rules', 'seccam fmt --check'];
  static override strict = false;
  static override args = { path: Args.string({ description: 'policies or folders' }) };
  static override flags = {
    check: Flags.boolean({ description: 'write nothing' }),
    format: formatFlag(['pretty', 'json']),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(Fmt);
    const { fmt } = await import('../workbench/fmt.js');
    const result = fmt({ check: flags.check, ...(argv.length > 0 ? { paths: argv.map(String) } : {}) });
    this.report(result.diagnostics);
    answer(
      flags.format,
      'fmt',
      { files: result.files, changed: result.changed, answer: result.answer },
      () => [
        ...result.changed.map(printable),
        `${counted(result.changed.length)} of ${counted(result.files, 'file')} ${flags.check ? 'would be rewritten' : 'rewritten'}`,
      ],
    );
    return result.answer;
  }
}
