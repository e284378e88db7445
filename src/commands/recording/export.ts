import { createReadStream } from 'node:fs';
import * as Args from '@oclif/core/args';
import type { Diagnostic } from '../../support/diagnostic.js';
import { Exit, SeccamCommand } from '../base.js';
import { formatFlag, openSink, targets } from '../format.js';

export default class RecordingExport extends SeccamCommand {
  static override summary = 'Write the raw events of a recording as JSON lines or CSV.';
  static override description =
    'Every event with its columns as recorded, also those that rules do not see. `inspect --events --format json` gives fields by the names of rules instead.';
  static override examples = ['seccam recording export story.seccam --format csv=story.csv'];
  static override args = {
    recording: Args.string({ required: true, description: 'the recording; - for standard input' }),
  };
  static override flags = { format: formatFlag(['json', 'csv']) };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RecordingExport);
    const { csvHeader, csvLine, exportEvent, StreamReader } = await import('../../recording/index.js');
    const { existing } = await import('../../workbench/recordings.js');
    const path = args.recording === '-' ? '-' : existing(args.recording, process.cwd());
    const outputs = targets(flags.format).map((target) => ({
      sink: openSink(target),
      csv: target.name === 'csv',
    }));
    for (const { sink, csv } of outputs) if (csv) sink.write(`${csvHeader}\r\n`);
    const diagnostics: Diagnostic[] = [];
    const reader = new StreamReader({ name: args.recording });
    const sink = {
      event: (raw: Parameters<typeof exportEvent>[0]) => {
        const event = exportEvent(raw, reader.strings);
        for (const { sink: output, csv } of outputs)
          output.write(csv ? `${csvLine(event)}\r\n` : `${JSON.stringify(event)}\n`);
      },
      record: () => undefined,
      diagnostic: (item: Diagnostic) => diagnostics.push(item),
    };
    const bytes = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 });
    for await (const chunk of bytes) reader.push(chunk as Uint8Array, sink);
    reader.end(sink);
    for (const { sink: output } of outputs) output.end();
    return this.report(diagnostics) ? Exit.couldNotAnswer : Exit.asHoped;
  }
}
