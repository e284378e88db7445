import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { InspectItem, InspectView } from '../outputs/answers.js';
import { eventText } from '../outputs/recording/events.js';
import { summaryText, treeText } from '../outputs/recording/summary.js';
import type { Paint } from '../outputs/text.js';
import { columns, counted, paintFor, printable, widthFor } from '../outputs/text.js';
import { valueText } from '../outputs/value.js';
import { SeccamCommand } from './base.js';
import { badUsage, given, recordingFlags, recordingOptions } from './flags.js';
import { formatFlag, openSink, targets } from './format.js';
import { wantsReport, writeReport } from './report.js';

const views = [
  'events',
  'tree',
  'files',
  'network',
  'timeline',
  'private',
] as const satisfies readonly InspectView[];

export default class Inspect extends SeccamCommand {
  static override summary = 'Look into a recording.';
  static override description =
    'Without a view: what it is. --type, --pid and --where choose events. JSON is one line per event, process or row.';
  static override examples = [
    'seccam inspect story.seccam --tree',
    `seccam inspect story.seccam --where 'open.file.path =~ "/etc/*"'`,
  ];
  static override args = { recording: Args.string({ required: true, description: 'the recording' }) };
  static override flags = {
    events: Flags.boolean({ description: 'every event' }),
    tree: Flags.boolean({ description: 'the tree of processes' }),
    files: Flags.boolean({ description: 'files, and what was done to them' }),
    network: Flags.boolean({ description: 'addresses, and what was done with them' }),
    timeline: Flags.boolean({ description: 'what happened, shortened' }),
    private: Flags.boolean({ description: 'what to look at before you give it away' }),
    type: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      helpValue: 'TYPE',
      description: 'only events of these types',
    }),
    pid: Flags.integer({
      multiple: true,
      multipleNonGreedy: true,
      description: 'only events of these processes',
    }),
    where: Flags.string({ helpValue: 'EXPR', description: 'only events for which this is true' }),
    normalise: Flags.boolean({
      description: 'leave out what differs from run to run; events by process, for git diff',
    }),
    ...recordingFlags,
    format: formatFlag(['pretty', 'json', 'html']),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Inspect);
    if (flags.where !== undefined) this.sources.set('<where>', flags.where);
    const asked = views.filter((view) => flags[view]);
    if (asked.length > 1)
      throw badUsage(`one view at a time: have ${asked.map((view) => `--${view}`).join(', ')}`);
    const chooses =
      flags.type !== undefined || flags.pid !== undefined || flags.where !== undefined || flags.normalise;
    const asText = flags.normalise && (asked[0] ?? 'events') === 'events';
    const { inspect } = await import('../workbench/inspect.js');
    const outputs = targets(flags.format)
      .filter((target) => target.name !== 'html')
      .map((target) => {
        const sink = openSink(target);
        return {
          sink,
          draw: target.name === 'json' ? jsonItem : prettyItem(paintFor(sink), asText, widthFor(sink)),
        };
      });
    let answer = 2;
    let told = 0;
    for await (const item of inspect({
      recording: args.recording,
      ...recordingOptions(flags),
      view: asked[0] ?? (chooses ? 'events' : 'summary'),
      ...given('types', flags.type),
      ...given('pids', flags.pid),
      ...given('where', flags.where),
      normalise: flags.normalise,
      report: wantsReport(flags.format),
    })) {
      if (item.kind === 'diagnostic') this.report([item.diagnostic]);
      if (item.kind === 'report') writeReport(flags.format, item.data);
      if (item.kind !== 'diagnostic' && item.kind !== 'end') told += 1;
      if (item.kind === 'end') {
        answer = item.answer;
        if (told === 0 && answer === 0) this.remark('nothing of that kind in the recording');
      }
      for (const { sink, draw } of outputs) sink.write(draw(item));
    }
    for (const { sink } of outputs) sink.end();
    return answer;
  }
}

function jsonItem(item: InspectItem): string {
  if (item.kind === 'diagnostic' || item.kind === 'report' || item.kind === 'line' || item.kind === 'end')
    return '';
  const value =
    item.kind === 'event'
      ? item.event
      : item.kind === 'process'
        ? item.process
        : item.kind === 'row'
          ? item.row
          : item.summary;
  return `${JSON.stringify(value)}\n`;
}

/** `asText`: events are told by their lines of text. */
function prettyItem(paint: Paint, asText: boolean, width: number): (item: InspectItem) => string {
  const rows: Readonly<Record<string, unknown>>[] = [];
  let events = 0;
  return (item) => {
    switch (item.kind) {
      case 'summary':
        return `${summaryText(item.summary, paint, width).join('\n')}\n`;
      case 'event':
        events++;
        return asText ? '' : `${eventText(item.event, paint)}\n`;
      case 'line':
        return `${printable(item.line)}\n`;
      case 'process':
        return `${treeText(item.process, paint)}\n`;
      case 'row':
        rows.push(item.row);
        return '';
      case 'diagnostic':
      case 'report':
        return '';
      case 'end':
        if (rows.length > 0) return table(rows, paint, width);
        return events > 0 && !asText
          ? paint.dim(`${counted(events)} of ${counted(item.events, 'event')}\n`)
          : '';
    }
  };
}

function table(rows: readonly Readonly<Record<string, unknown>>[], paint: Paint, width: number): string {
  const names = Object.keys(rows[0]!);
  const cells = rows.map((row) =>
    names.map((name) =>
      typeof row[name] === 'string' ? valueText(row[name]).slice(1, -1) : valueText(row[name]),
    ),
  );
  const [head, ...body] = columns([names, ...cells], { width });
  return `${[paint.dim(head!), ...body].join('\n')}\n`;
}
