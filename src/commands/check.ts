import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { CheckSummary } from '../outputs/answers.js';
import { findingOf, sarif } from '../outputs/sarif.js';
import { counted, printable } from '../outputs/text.js';
import { renderDiagnostic } from '../support/diagnostic.js';
import { packageVersion } from '../support/package.js';
import { SeccamCommand, sourceReader } from './base.js';
import { allCodes } from './code-tables.js';
import { given, rulesFlag } from './flags.js';
import { answer, formatFlag, openSink, targets } from './format.js';

export default class Check extends SeccamCommand {
  static override summary = 'Find what is wrong in policies, tests and project files.';
  static override description =
    'Without a path: the whole project. All errors of all files, each with its place. Exits with 1 when there is an error.';
  static override examples = ['seccam check', 'seccam check rules/web.policy --fix'];
  static override strict = false;
  static override args = { path: Args.string({ description: 'files or folders' }) };
  static override flags = {
    rules: rulesFlag,
    fix: Flags.boolean({ description: 'mend what can be mended mechanically' }),
    'print-config': Flags.boolean({
      description: 'show each value of seccam.yaml and where it comes from, and check nothing',
    }),
    format: formatFlag(['pretty', 'json', 'sarif', 'github']),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(Check);
    if (flags['print-config']) return this.#printConfig(flags.format);
    const { check } = await import('../workbench/check.js');
    const summary = await check({
      ...(argv.length > 0 ? { paths: argv.map(String) } : {}),
      ...given('rules', flags.rules),
      fix: flags.fix,
    });
    for (const target of targets(flags.format)) {
      const sink = openSink(target);
      sink.write(draw[target.name as keyof typeof draw](summary));
      sink.end();
    }
    return summary.answer;
  }

  async #printConfig(format: readonly string[]): Promise<number> {
    const { settings } = await import('../workbench/settings.js');
    const found = settings();
    const width = Math.max(...found.settings.map((item) => item.key.length));
    answer(format, 'config', { file: found.file ?? null, settings: found.settings }, () => [
      found.file === undefined ? 'no seccam.yaml here or above' : printable(found.file),
      ...found.settings.map(
        ({ key, value, from }) =>
          `  ${key.padEnd(width)}  ${printable(JSON.stringify(value))}   (${printable(from)})`,
      ),
    ]);
    return 0;
  }
}

const draw = {
  pretty(summary: CheckSummary): string {
    const source = sourceReader();
    const lines = summary.diagnostics.map((item) => renderDiagnostic(item, source));
    const errors = summary.diagnostics.filter((item) => item.severity === 'error').length;
    const warnings = summary.diagnostics.filter((item) => item.severity === 'warning').length;
    const fixed = summary.fixed === 0 ? '' : `, ${summary.fixed} mended`;
    lines.push(
      `${counted(summary.files.length, 'file')}, ${counted(summary.rules, 'rule')}, ${counted(summary.tests, 'test')}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}${fixed}`,
    );
    return `${lines.join('\n')}\n`;
  },
  json: (summary: CheckSummary): string => `${JSON.stringify(summary, undefined, 2)}\n`,
  sarif: (summary: CheckSummary): string =>
    sarif(
      summary.diagnostics.map(findingOf),
      packageVersion(),
      new Map(allCodes().map((item) => [item.code, item.doc])),
    ),
  github: (summary: CheckSummary): string =>
    summary.diagnostics
      .map((item) => {
        const kind = item.severity === 'note' ? 'notice' : item.severity;
        const place =
          item.span === undefined
            ? ''
            : ` file=${item.span.file},line=${item.span.start.line},col=${item.span.start.column}`;
        return `::${kind}${place}::${item.message.replaceAll('%', '%25').replaceAll('\n', '%0A')} [${item.code}]\n`;
      })
      .join(''),
};
