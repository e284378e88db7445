import type { DetectionLine } from '../answers.js';
import { lineage } from '../lineage.js';
import type { Paint } from '../text.js';
import { columns, printable, sinceStart } from '../text.js';
import { fieldText, valueText } from '../value.js';
import type { DetectionFormat, FormatOptions } from './format.js';

/** For people: the rule, when, who with its ancestors; below it what matched. */
export function prettyDetections({ paint }: FormatOptions): DetectionFormat {
  let first = true;
  return {
    detection(line) {
      const gap = first ? '' : '\n';
      first = false;
      const head = [
        paint.bold(paint.red(printable(line.rule_id))),
        line.event.type,
        sinceStart(Number(line.event.elapsed)),
        lineage(line.process),
      ].join('   ');
      return `${gap}${[head, ...details(line, paint)].join('\n  ')}\n`;
    },
  };
}

function details(line: DetectionLine, paint: Paint): string[] {
  const lines: string[] = [];
  if (line.description) lines.push(printable(line.description));
  lines.push(...columns(matchedRows(line).map(([name, value]) => [paint.dim(name), value])));
  for (const [name, value] of Object.entries(line.variables ?? {}))
    lines.push(paint.dim(`\${${printable(name)}} = ${valueText(value)}`));
  for (const action of line.actions ?? []) lines.push(paint.yellow(`action ${actionText(action)}`));
  if (line.recording !== undefined)
    lines.push(paint.dim(`in ${printable(line.recording)}, event ${line.event.seq}`));
  return lines;
}

/**
 * Each matched field once with its values; the arguments of the process when nothing has a field. Of
 * `open.flags & O_TRUNC` the field's own value is shown, not what the mask left of it.
 */
function matchedRows(line: DetectionLine): [string, string][] {
  const rows = new Map<string, string>();
  for (const { field, value } of line.matched) {
    if (field === undefined) continue;
    const own = line.fields[field];
    rows.set(field, fieldText(field, typeof value === 'number' && typeof own === 'number' ? own : value));
  }
  if (rows.size === 0 && line.process.args !== '') rows.set('process.args', valueText(line.process.args));
  return [...rows];
}

/** `set process.web_child = true (process 4242)`, `kill SIGKILL process 4242 (in enforce mode)`. */
function actionText(action: unknown): string {
  if (typeof action !== 'object' || action === null) return printable(String(action));
  const { kind, simulated, detail } = action as { kind?: unknown; simulated?: unknown; detail?: unknown };
  const name = printable(String(kind));
  const told = detailText(name, (detail ?? {}) as Readonly<Record<string, unknown>>);
  return `${name}${told === '' ? '' : ` ${told}`}${simulated === true ? ' (would be done in enforce mode)' : ''}`;
}

function detailText(kind: string, detail: Readonly<Record<string, unknown>>): string {
  const word = (name: string): string => printable(String(detail[name] ?? ''));
  const { value, pid, ...rest } = detail;
  switch (kind) {
    case 'set': {
      const of = pid === undefined ? '' : ` of process ${word('pid')}`;
      return `${word('name')}${value === undefined ? '' : ` = ${valueText(value)}`}${of}`;
    }
    case 'kill':
      return `${word('signal')} to ${word('scope')} ${word('scope') === 'process' ? word('pid') : `of process ${word('pid')}`}`;
    case 'log':
      return `${word('level')} ${valueText(detail['message'])}`;
    case 'hash': {
      const hashes = Array.isArray(detail['hashes']) ? detail['hashes'] : [];
      return [
        valueText(detail['path'] ?? detail['field']),
        ...hashes.map((hash) => printable(String(hash))),
      ].join(' ');
    }
    default:
      return Object.entries({ ...rest, ...(pid === undefined ? {} : { pid }) })
        .map(([key, item]) => `${printable(key)}=${valueText(item)}`)
        .join(' ');
  }
}
