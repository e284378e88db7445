import { columns, paintFor, printable } from '../outputs/text.js';
import { SeccamCommand } from './base.js';
import { answer, formatFlag } from './format.js';

const marks = { good: '✓', limited: '!', bad: '✗' } as const;

export default class Doctor extends SeccamCommand {
  static override summary = 'Tell whether programs can be recorded here, and what to do when they cannot.';
  static override description = 'Exits with 1 when they cannot.';
  static override flags = { format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<number> {
    const { flags } = await this.parse(Doctor);
    const { doctor } = await import('../workbench/doctor.js');
    const result = await doctor();
    answer(flags.format, 'doctor', { findings: result.findings, answer: result.answer }, (width) => {
      const paint = paintFor(process.stdout);
      const colour = { good: paint.green, limited: paint.yellow, bad: paint.red };
      const table = columns(
        result.findings.map((item) => [
          `${colour[item.condition](marks[item.condition])} ${item.name}`,
          printable(item.have),
        ]),
        { width },
      );
      const lines = result.findings.flatMap((item, index) => [
        table[index]!,
        ...(item.advice === undefined ? [] : [`    ${paint.dim(printable(item.advice))}`]),
      ]);
      return [
        ...lines,
        '',
        result.answer === 0
          ? 'Programs can be recorded here.'
          : paint.red('Programs cannot be recorded here.'),
      ];
    });
    return result.answer;
  }
}
