import { columns, printable } from '../../outputs/text.js';
import { Exit, SeccamCommand } from '../base.js';
import { answer, formatFlag } from '../format.js';

export default class ListTests extends SeccamCommand {
  static override summary = 'The tests of the project.';
  static override flags = { format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<number> {
    const { flags } = await this.parse(ListTests);
    const { listTests } = await import('../../workbench/list.js');
    const { tests, diagnostics } = listTests();
    const failed = this.report(diagnostics);
    answer(flags.format, 'tests', { tests }, (width) =>
      columns(
        tests.map((test) => [`${printable(test.file)}:${test.line}`, printable(test.name)]),
        { width },
      ),
    );
    return failed ? Exit.couldNotAnswer : Exit.asHoped;
  }
}
