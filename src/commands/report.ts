/** `--format html=FILE`: the report of replay, inspect and test. */
import type { ReportData } from '../outputs/report/data.js';
import { reportPage } from '../outputs/report/page.js';
import { openSink, type Target, targets } from './format.js';

export const wantsReport = (formats: readonly string[]): boolean =>
  targets(formats).some((target) => target.name === 'html');

export function writeReport(formats: readonly string[], data: ReportData): void {
  for (const target of targets(formats)) if (target.name === 'html') writePage(target, data);
}

export function writePage(target: Target, data: ReportData): void {
  const sink = openSink(target);
  sink.write(reportPage(data));
  sink.end();
}
