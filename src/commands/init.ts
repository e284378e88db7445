import * as Flags from '@oclif/core/flags';
import { SeccamCommand } from './base.js';
import { given } from './flags.js';
import { formatFlag } from './format.js';
import { printScaffold } from './scaffolded.js';

export default class Init extends SeccamCommand {
  static override summary = 'Begin a project: seccam.yaml, a rule, a test, and what git and CI need.';
  static override description = 'Files that exist are left alone.';
  static override flags = {
    ci: Flags.option({ options: ['github', 'gitlab', 'none'] as const })({
      description: 'the CI file to write',
    }),
    format: formatFlag(['pretty', 'json']),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(Init);
    const { init } = await import('../workbench/scaffold.js');
    const result = await init(given('ci', flags.ci));
    const failed = this.report(result.diagnostics);
    printScaffold(flags.format, result);
    return failed ? 2 : 0;
  }
}
