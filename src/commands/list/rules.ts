import { columns, counted, paintFor, printable } from '../../outputs/text.js';
import { Exit, SeccamCommand } from '../base.js';
import { given, rulesFlag } from '../flags.js';
import { answer, formatFlag } from '../format.js';

export default class ListRules extends SeccamCommand {
  static override summary = 'The rules in use, and those that did not load.';
  static override flags = { rules: rulesFlag, format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<number> {
    const { flags } = await this.parse(ListRules);
    const { listRules } = await import('../../workbench/list.js');
    const { rules, origin, diagnostics } = listRules(given('rules', flags.rules));
    const failed = this.report(diagnostics);
    answer(flags.format, 'rules', { origin, rules }, (width) => {
      const paint = paintFor(process.stdout);
      const table = columns(
        rules.map((rule) => [
          printable(rule.id),
          rule.event ?? '',
          rule.status,
          printable(rule.reason ?? rule.description ?? ''),
        ]),
        { width },
      );
      const decide = rules.filter((rule) => rule.status === 'loaded').length;
      return [
        ...table.map((line, index) => (rules[index]!.status === 'loaded' ? line : paint.dim(line))),
        '',
        `${counted(decide, 'rule')} of ${counted(rules.length)} loaded from ${origin.paths.map(printable).join(', ')}`,
      ];
    });
    return failed ? Exit.couldNotAnswer : Exit.asHoped;
  }
}
