/// <reference lib="dom" />
/** The script of the report: unpacks the data and runs the page. Bundled into `dist/report.js`. */
import type { ReportData } from './data.js';
import { Page } from './views.js';

async function unpack(): Promise<ReportData> {
  const packed = atob(document.getElementById('data')!.textContent!);
  const bytes = Uint8Array.from(packed, (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return (await new Response(stream).json()) as ReportData;
}

void unpack().then((data) => {
  const page = new Page(document.getElementById('app')!, data);
  page.start();
  document.body.dataset['ready'] = String(Math.round(performance.now()));
});
