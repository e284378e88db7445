import * as Args from '@oclif/core/args';
import { columns, paintFor } from '../../outputs/text.js';
import { DiagnosticError, diagnostic } from '../../support/diagnostic.js';
import { didYouMean } from '../../support/suggestion.js';
import { SeccamCommand } from '../base.js';
import { allCodes } from '../code-tables.js';
import { commandCodes } from '../codes.js';
import { answer, formatFlag } from '../format.js';

export default class ListCodes extends SeccamCommand {
  static override summary = 'The codes that diagnostics carry, or the page of one.';
  static override args = { code: Args.string({ description: 'show this code only' }) };
  static override flags = { format: formatFlag(['pretty', 'json']) };
  static override examples = ['seccam list codes', 'seccam list codes type-mismatch'];

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ListCodes);
    const all = allCodes();
    const wanted = args.code === undefined ? all : all.filter((item) => item.code === args.code);
    if (wanted.length === 0) {
      const hint = didYouMean(
        args.code ?? '',
        all.map((item) => item.code),
      );
      throw new DiagnosticError([
        diagnostic(commandCodes, 'no-such-code', `there is no code "${args.code}"`, {
          suggestions: [hint ?? 'seccam list codes'],
        }),
      ]);
    }
    const paint = paintFor(process.stdout);
    answer(flags.format, 'codes', { codes: wanted }, (width) =>
      args.code === undefined
        ? columns(
            wanted.map((item) => [item.code, item.severity, item.doc.split(/(?<=[.:]) /)[0]!]),
            { width },
          )
        : wanted.flatMap((item) => [
            `${paint.bold(item.code)}   ${item.severity}, of ${item.room}`,
            '',
            item.doc,
            ...(item.example === undefined
              ? []
              : ['', 'For example:', ...item.example.split('\n').map((line) => `  ${line}`)]),
          ]),
    );
  }
}
