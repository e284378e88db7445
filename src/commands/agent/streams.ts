import { columns, counted, printable } from '../../outputs/text.js';
import { SeccamCommand } from '../base.js';
import { answer, formatFlag } from '../format.js';
import { configurationFlags, controlPath } from './settings.js';

export default class AgentStreams extends SeccamCommand {
  static override summary = 'The tracers that are connected to the running agent.';
  static override flags = { ...configurationFlags, format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentStreams);
    const { ask } = await import('../../agent/control.js');
    const { streams } = (await ask(await controlPath(flags), { verb: 'streams' })) as {
      streams: StreamRow[];
    };
    answer(flags.format, 'agent-streams', { streams }, (width) =>
      streams.length === 0
        ? ['no stream is connected']
        : columns(
            [
              ['STREAM', 'EVENTS', 'DETECTIONS', 'LOST', 'WAITING', 'LINK', 'UID', 'TRACER', 'COMMAND'],
              ...streams.map((row) => [
                row.name,
                counted(row.events),
                counted(row.detections),
                counted(Math.max(row.lost, row.tracer?.lost ?? 0)),
                counted(row.tracer?.waiting ?? 0),
                String(row.link ?? 1),
                String(row.peer.uid ?? '-'),
                String(row.peer.pid ?? '-'),
                printable(row.command.join(' ')),
              ]),
            ],
            { width },
          ),
    );
  }
}

interface StreamRow {
  readonly name: string;
  readonly events: number;
  readonly detections: number;
  readonly lost: number;
  readonly link?: number;
  readonly tracer?: { readonly lost: number; readonly waiting: number };
  readonly peer: { readonly uid?: number; readonly pid?: number };
  readonly command: readonly string[];
}
