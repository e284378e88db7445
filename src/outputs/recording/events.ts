/** Events of a recording, one line each: what `inspect --events` and `eval` write. */
import type { EventLine } from '../answers.js';
import { programName } from '../lineage.js';
import type { Paint } from '../text.js';
import { printable, sinceStart } from '../text.js';
import { valueText } from '../value.js';

/** `12  +0.031 s  open  cat(9040)  file.path="/etc/passwd" flags=…`; the event's own name is left off its fields. */
export function eventText(line: EventLine, paint: Paint): string {
  const own = `${line.type}.`;
  const fields: string[] = [];
  let path: string | undefined;
  for (const [name, value] of Object.entries(line.fields)) {
    if (name === `${own}file.path`) path = valueText(value);
    else if (isTelling(name, own, value))
      fields.push(`${paint.dim(`${name.slice(own.length)}=`)}${valueText(value, 80)}`);
  }
  const type = line.syscall === undefined ? line.type : `${line.type} ${printable(line.syscall)}`;
  const outcome = line.retval < 0 ? ` ${paint.yellow(`= ${line.retval}`)}` : '';
  const hidden = line.shown ? '' : paint.dim(' (not shown to rules)');
  const flags =
    line.flags === undefined || line.flags.length === 0 ? '' : paint.dim(` [${line.flags.join(', ')}]`);
  const what = [path, ...fields].filter((item) => item !== undefined).join(' ');
  const head = `${String(line.seq).padStart(6)}  ${sinceStart(Number(line.elapsed))}  ${paint.bold(type)}  ${programName(line.process)}(${line.pid})`;
  return `${head}  ${what}${outcome}${hidden}${flags}`.trimEnd();
}

/** Facts about a file beside its path are left to JSON: a line stays readable. */
function isTelling(name: string, own: string, value: unknown): boolean {
  if (!name.startsWith(own) || value === '' || value === null) return false;
  const rest = name.slice(own.length);
  if (rest === 'retval' || rest.endsWith('.length') || Array.isArray(value))
    return Array.isArray(value) && value.length > 0;
  const last = rest.slice(rest.lastIndexOf('.') + 1);
  if (rest.includes('file.')) return last === 'path';
  return value !== 0 && value !== false;
}
