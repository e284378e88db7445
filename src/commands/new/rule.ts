import * as Args from '@oclif/core/args';
import { SeccamCommand } from '../base.js';
import { newFlags, newOptions } from '../flags.js';
import { formatFlag } from '../format.js';
import { printScaffold } from '../scaffolded.js';

export default class NewRule extends SeccamCommand {
  static override summary = 'Begin a rule: from an event of a recording, or empty.';
  static override description =
    'With --from and --at it writes a rule that matches the event, and lists other expressions that do, most specific first.';
  static override examples = ['seccam new rule key_read --from story.seccam --at 49'];
  static override args = { name: Args.string({ description: 'id of the rule' }) };
  static override flags = { ...newFlags, format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(NewRule);
    const { newRule } = await import('../../workbench/scaffold.js');
    const result = await newRule(newOptions(args.name, flags));
    const failed = this.report(result.diagnostics);
    printScaffold(flags.format, result);
    return failed ? 2 : 0;
  }
}
