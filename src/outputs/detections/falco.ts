import type { DetectionLine } from '../answers.js';
import { lineage } from '../lineage.js';
import type { DetectionFormat, FormatOptions } from './format.js';

/** Words that a policy's `severity` or `priority` tag may hold → the priorities that Falco's consumers know. */
const priorities: Readonly<Record<string, string>> = {
  emergency: 'Emergency',
  alert: 'Alert',
  critical: 'Critical',
  high: 'Error',
  error: 'Error',
  medium: 'Warning',
  warning: 'Warning',
  notice: 'Notice',
  low: 'Notice',
  info: 'Informational',
  informational: 'Informational',
  debug: 'Debug',
};

/** JSON lines in the shape of Falco's alerts, for programs that take those. */
export function falcoDetections({ hostname }: FormatOptions): DetectionFormat {
  return {
    detection(line) {
      const time = falcoTime(BigInt(line.event.timestamp));
      const priority =
        priorities[(line.tags['severity'] ?? line.tags['priority'] ?? '').toLowerCase()] ?? 'Warning';
      const message = `${line.description || line.rule_id}: ${lineage(line.process)}`;
      const alert = {
        hostname,
        output: `${time}: ${priority} ${message}`,
        message,
        output_fields: {
          'evt.time': Number(line.event.timestamp),
          'evt.num': line.event.seq,
          'evt.type': line.event.type,
          ...outputFields(line),
        },
        priority,
        rule: line.rule_id,
        source: 'syscall',
        tags: Object.entries(line.tags).map(([key, value]) => `${key}:${value}`),
        time,
      };
      return `${JSON.stringify(alert)}\n`;
    },
  };
}

/** Falco's consumers want scalars: lists are joined. */
function outputFields(line: DetectionLine): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    'proc.pid': line.process.pid,
    'proc.exepath': line.process.path,
    'proc.cmdline': `${line.process.path} ${line.process.args}`.trim(),
    'user.uid': line.process.uid,
  };
  if (line.process.user !== undefined) fields['user.name'] = line.process.user;
  if (line.process.container !== undefined) fields['container.id'] = line.process.container;
  for (const [name, value] of Object.entries(line.fields)) {
    fields[name] = typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  }
  return fields;
}

/** ISO 8601 in UTC with ns. */
function falcoTime(wall: bigint): string {
  const seconds = new Date(Number(wall / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(wall % 1_000_000_000n).padStart(9, '0')}Z`;
}
