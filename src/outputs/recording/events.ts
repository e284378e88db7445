/** Events of a recording, one line each: what `inspect --events` and `eval` write. */
import { nameConstant } from '../../catalogue/constants.js';
import { fieldByName } from '../../catalogue/fields.js';
import type { EventLine } from '../answers.js';
import { programName } from '../lineage.js';
import type { Paint } from '../text.js';
import { printable, sinceStart } from '../text.js';
import { fieldText, valueText } from '../value.js';

/** `12  +0.031 s  open  cat(9040)  "/etc/passwd" flags=O_RDONLY`; the event's own name is left off its fields. */
export function eventText(line: EventLine, paint: Paint): string {
  const own = `${line.type}.`;
  const path = line.fields[`${own}file.path`] ?? (line.type === 'exec' ? line.process.path : undefined);
  const what = path === undefined || path === '' ? [] : [valueText(path)];
  for (const [name, value] of Object.entries(line.fields)) {
    if (name === `${own}file.path` || !isTelling(name, own, value) || value === path) continue;
    what.push(`${paint.dim(`${name.slice(own.length)}=`)}${fieldText(name, value, 80)}`);
  }
  if (line.type === 'exec' && line.process.args !== '')
    what.push(`${paint.dim('args=')}${valueText(line.process.args, 120)}`);
  if (line.retval < 0) what.push(paint.yellow(`= ${nameConstant('errno', line.retval) ?? line.retval}`));
  if (!line.shown) what.push(paint.dim('(not shown to rules)'));
  if (line.flags !== undefined && line.flags.length > 0) what.push(paint.dim(`[${line.flags.join(', ')}]`));
  const type = line.syscall === undefined ? line.type : `${line.type} ${printable(line.syscall)}`;
  return `${String(line.seq).padStart(6)}  ${sinceStart(Number(line.elapsed))}  ${paint.bold(type)}  ${programName(line.process)}(${line.pid})  ${what.join(' ')}`.trimEnd();
}

/** Without the event's own name: what the line tells in another way, or what follows from another field. */
export const saysNothingNew = (rest: string): boolean =>
  rest === 'retval' || rest.endsWith('.length') || rest.startsWith('syscall.');

/** A fact of a process, whichever it is. */
export function isOfProcess(field: string): boolean {
  const kind = fieldByName(field)?.source.kind;
  return kind === 'process' || kind === 'process-file';
}

/** Facts about processes, about a file beside its path, and what is zero, are left to JSON: a line stays readable. */
function isTelling(name: string, own: string, value: unknown): boolean {
  if (!name.startsWith(own) || value === '' || value === null) return false;
  const rest = name.slice(own.length);
  if (saysNothingNew(rest) || isOfProcess(name)) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (rest.includes('file.')) return rest.slice(rest.lastIndexOf('.') + 1) === 'path';
  return own === 'exit.' || rest === 'flags' || (value !== 0 && value !== false);
}
