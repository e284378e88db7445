/** A recording at a glance, and its process tree. */
import type { RecordingSummary, TreeLine } from '../answers.js';
import { commandText } from '../lineage.js';
import type { Paint } from '../text.js';
import { columns, counted, printable } from '../text.js';

/** `width`: of the terminal; unmet by lines that are no table. */
export function summaryText(
  summary: RecordingSummary,
  paint: Paint,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const rows: [string, string][] = [
    ['command', printable(summary.command.join(' '))],
    ['started', `${startText(summary.started)}, took ${(Number(summary.durationNs) / 1e9).toFixed(3)} s`],
    [
      'host',
      printable(
        ['hostname', 'os', 'kernel', 'arch']
          .map((key) => summary.host[key])
          .filter(Boolean)
          .join(', '),
      ),
    ],
    [
      'file',
      `${counted(summary.bytes)} bytes, catalogue ${printable(summary.catalogue)}, mode ${printable(summary.mode)}`,
    ],
    [
      'contents',
      `${counted(summary.events, 'event')}, ${counted(summary.processes)} ${summary.processes === 1 ? 'process' : 'processes'}`,
    ],
    ['ended', endText(summary)],
  ];
  for (const gap of summary.gaps) rows.push(['gap', paint.yellow(printable(gap))]);
  for (const spot of summary.blindSpots) rows.push(['blind spot', paint.yellow(printable(spot))]);
  const types = Object.entries(summary.byType).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const quiet = summary.traced.filter((type) => !(type in summary.byType));
  return [
    paint.bold(printable(summary.file)),
    ...columns(
      rows.map(([name, value]) => [`  ${name}`, value]),
      { width },
    ),
    '',
    ...columns(types.map(([type, count]) => [`  ${type}`, counted(count).padStart(9)])),
    ...(quiet.length === 0 ? [] : ['', paint.dim(`  recorded but not seen: ${quiet.join(', ')}`)]),
  ];
}

/** Wall ns → `2026-11-29 02:05:04 UTC`; anything else as it is. */
function startText(started: string): string {
  if (!/^\d{1,19}$/.test(started)) return printable(started);
  return `${new Date(Number(BigInt(started) / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function endText(summary: RecordingSummary): string {
  if (!summary.complete) return 'unfinished: the recorder ended before the program';
  if (summary.gaps.some((gap) => gap.includes('(disk-full)'))) return 'early: the disk was full';
  return summary.exit === undefined ? 'complete' : `complete; the program exited with ${summary.exit}`;
}

export function treeText(line: TreeLine, paint: Paint): string {
  const indent = '  '.repeat(Math.min(line.depth, 40));
  const exit = line.exit === undefined ? '' : paint.dim(`  ${printable(line.exit)}`);
  // Such as an ancestor of the first process: it did nothing that was recorded.
  const did =
    line.events === 0 ? 'no event of its own' : `event ${line.seq}, ${counted(line.events, 'event')}`;
  return `${indent}${paint.bold(commandText(line))}${paint.dim(`  pid ${line.pid}, uid ${line.uid}, ${did}`)}${exit}`;
}
