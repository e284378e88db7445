import * as Args from '@oclif/core/args';
import { SeccamCommand } from '../base.js';
import { newFlags, newOptions } from '../flags.js';
import { formatFlag } from '../format.js';
import { printScaffold } from '../scaffolded.js';

export default class NewTest extends SeccamCommand {
  static override summary = 'Begin a test: with what holds for a recording now, or empty.';
  static override examples = ['seccam new test "a shell reads a key" --from story.seccam'];
  static override args = { name: Args.string({ description: 'what the test says, as a sentence' }) };
  static override flags = { ...newFlags, format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(NewTest);
    const { newTest } = await import('../../workbench/scaffold.js');
    const result = await newTest(newOptions(args.name, flags));
    const failed = this.report(result.diagnostics);
    printScaffold(flags.format, result);
    return failed ? 2 : 0;
  }
}
