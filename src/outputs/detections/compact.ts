import type { DetectionLine } from '../answers.js';
import { lineage } from '../lineage.js';
import { clipped, printable, sinceStart } from '../text.js';
import { fieldText } from '../value.js';
import type { DetectionFormat, FormatOptions } from './format.js';

/** One line per detection, for terminals and grep. */
export function compactDetections({ paint }: FormatOptions): DetectionFormat {
  return {
    detection: (line) =>
      `${sinceStart(Number(line.event.elapsed))} ${paint.bold(printable(line.rule_id))} ${line.event.type} ${lineage(line.process, 4)} ${what(line)}\n`,
  };
}

function what(line: DetectionLine): string {
  const own = line.matched.find((part) => part.field?.startsWith(`${line.event.type}.`)) ?? line.matched[0];
  if (own?.field !== undefined) return `${own.field}=${fieldText(own.field, own.value, 120)}`;
  return printable(clipped(line.process.args, 120));
}
