import * as Flags from '@oclif/core/flags';
import { columns, printable } from '../../outputs/text.js';
import { SeccamCommand } from '../base.js';
import { answer, formatFlag } from '../format.js';
import { configurationFlags, controlPath } from './settings.js';

export default class AgentDump extends SeccamCommand {
  static override summary =
    'The processes that the running agent knows; saves what the flight recorder keeps.';
  static override flags = {
    ...configurationFlags,
    stream: Flags.string({ helpValue: 'NAME', description: 'this stream only' }),
    format: formatFlag(['pretty', 'json']),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentDump);
    const { ask } = await import('../../agent/control.js');
    const dump = (await ask(await controlPath(flags), {
      verb: 'dump',
      ...(flags.stream === undefined ? {} : { stream: flags.stream }),
    })) as unknown as Dump;
    answer(flags.format, 'agent-dump', dump, (width) => [
      ...columns(
        dump.processes.map((row) => [
          row.stream,
          String(row.pid),
          String(row.ppid),
          String(row.uid),
          printable(`${row.path} ${row.args}`),
        ]),
        { width },
      ),
      ...dump.recordings.map((path) => `saved ${printable(path)}`),
    ]);
  }
}

interface Dump {
  readonly processes: readonly {
    readonly stream: string;
    readonly pid: number;
    readonly ppid: number;
    readonly uid: number;
    readonly path: string;
    readonly args: string;
  }[];
  readonly recordings: readonly string[];
}
