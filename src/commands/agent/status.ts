import { columns } from '../../outputs/text.js';
import { SeccamCommand } from '../base.js';
import { answer, formatFlag } from '../format.js';
import { configurationFlags, controlPath } from './settings.js';

export default class AgentStatus extends SeccamCommand {
  static override summary = 'What the running agent has done so far.';
  static override flags = { ...configurationFlags, format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentStatus);
    const { ask } = await import('../../agent/control.js');
    const { status } = (await ask(await controlPath(flags), { verb: 'status' })) as {
      status: Record<string, unknown>;
    };
    answer(flags.format, 'agent-status', status, (width) =>
      columns(
        Object.entries(status).map(([name, value]) => [
          name,
          typeof value === 'object' ? JSON.stringify(value) : String(value),
        ]),
        { width },
      ),
    );
  }
}
