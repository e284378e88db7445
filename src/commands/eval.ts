import { readFileSync } from 'node:fs';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { eventText } from '../outputs/recording/events.js';
import { counted, paintFor, printable } from '../outputs/text.js';
import { valueText } from '../outputs/value.js';
import { SeccamCommand } from './base.js';
import { badUsage, given, recordingFlags, recordingOptions } from './flags.js';
import { formatFlag, openSink, targets } from './format.js';

export default class Eval extends SeccamCommand {
  static override summary = 'Evaluate one expression: the events that match, or its value.';
  static override description =
    'With a recording: its events for which the expression is true, or its value at each. With --event: its value on that event. Without either: its value when it reads no field, else over the newest recording. Exits with 1 when it is false or nothing matches.';
  static override examples = [
    `seccam eval 'open.file.name == "id_ed25519"' story.seccam`,
    `seccam eval 'process.uid == 0' --event event.json`,
    `seccam eval 'O_CREAT | O_TRUNC'`,
  ];
  static override args = {
    expression: Args.string({ required: true, description: 'in the language of rules' }),
    recording: Args.string({ description: 'a recording' }),
  };
  static override flags = {
    event: Flags.string({
      helpValue: 'FILE',
      description: 'a JSON event as `inspect --events --format json` writes it; "-": standard input',
    }),
    ...recordingFlags,
    format: formatFlag(['pretty', 'json']),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Eval);
    this.sources.set('<expression>', args.expression);
    const { evaluate } = await import('../workbench/eval.js');
    const outputs = targets(flags.format).map((target) => ({
      json: target.name === 'json',
      sink: openSink(target),
    }));
    let answer = 2;
    for await (const item of evaluate({
      expression: args.expression,
      ...recordingOptions(flags),
      ...given('recording', args.recording),
      ...(flags.event === undefined ? {} : { event: readEvent(flags.event) }),
    })) {
      if (item.kind === 'diagnostic') this.report([item.diagnostic]);
      if (item.kind === 'start') this.remark(`over the newest recording, ${printable(item.recording)}`);
      for (const { json, sink } of outputs) {
        if (item.kind === 'event')
          sink.write(`${json ? JSON.stringify(item.event) : eventText(item.event, paintFor(sink))}\n`);
        if (item.kind === 'value')
          sink.write(
            `${json ? JSON.stringify({ value: item.value, type: item.type }) : valueText(item.value)}\n`,
          );
      }
      if (item.kind === 'end') {
        answer = item.answer;
        if (item.events > 0) this.remark(`${counted(item.matches)} of ${counted(item.events, 'event')}`);
      }
    }
    for (const { sink } of outputs) sink.end();
    return answer;
  }
}

function readEvent(file: string): unknown {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw badUsage(
      `"${file}" is not JSON: ${error instanceof Error ? error.message : String(error)}`,
      'one line of seccam inspect RECORDING --events --format json',
    );
  }
}
