import { counted } from '../../outputs/text.js';
import type { Diagnostic } from '../../support/diagnostic.js';
import { SeccamCommand } from '../base.js';
import { answer, formatFlag } from '../format.js';
import { configurationFlags, controlPath } from './settings.js';

export default class AgentReload extends SeccamCommand {
  static override summary =
    'Let the running agent load its rules again; with errors in them it keeps those that it has.';
  static override flags = { ...configurationFlags, format: formatFlag(['pretty', 'json']) };

  override async run(): Promise<number> {
    const { flags } = await this.parse(AgentReload);
    const { ask } = await import('../../agent/control.js');
    const { reload } = (await ask(await controlPath(flags), { verb: 'reload' })) as {
      reload: { done: boolean; rules: number; hash: string; diagnostics: readonly Diagnostic[] };
    };
    this.report(reload.diagnostics);
    answer(flags.format, 'agent-reload', reload, () => [
      reload.done
        ? `reloaded: ${counted(reload.rules, 'rule')} decide (${reload.hash.slice(0, 19)})`
        : `nothing changed: what was loaded stays (${counted(reload.rules, 'rule')})`,
    ]);
    return reload.done ? 0 : 1;
  }
}
