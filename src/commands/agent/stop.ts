import { SeccamCommand } from '../base.js';
import { configurationFlags, controlPath } from './settings.js';

export default class AgentStop extends SeccamCommand {
  static override summary = 'Stop the running agent in good order; traced programs go on.';
  static override flags = { ...configurationFlags };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentStop);
    const { ask } = await import('../../agent/control.js');
    await ask(await controlPath(flags), { verb: 'stop' });
  }
}
