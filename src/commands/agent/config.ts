import * as Flags from '@oclif/core/flags';
import { columns } from '../../outputs/text.js';
import { SeccamCommand } from '../base.js';
import { answer, formatFlag } from '../format.js';
import { configurationFlags, configurationOf } from './settings.js';

export default class AgentConfig extends SeccamCommand {
  static override summary = 'The settings that an agent would have, or has, and where each came from.';
  static override examples = [
    'seccam agent config',
    'SECCAM_MODE=enforce seccam agent config --config agent.yaml',
    'seccam agent config --running',
  ];
  static override flags = {
    ...configurationFlags,
    running: Flags.boolean({ description: 'ask the running agent instead of reading the settings again' }),
    format: formatFlag(['pretty', 'json']),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentConfig);
    const configuration = await configurationOf(flags, flags.config);
    let shown: { readonly file: string | undefined; readonly entries: readonly Entry[] } = configuration;
    if (flags.running) {
      const { ask } = await import('../../agent/control.js');
      shown = (await ask(configuration.settings.control, { verb: 'config' })) as unknown as typeof shown;
    }
    const { file, entries } = shown;
    answer(flags.format, 'agent-config', { file, entries }, (width) =>
      columns(
        entries.map(({ name, value, origin }) => [
          name,
          typeof value === 'string' && value !== '' ? value : JSON.stringify(value),
          origin,
        ]),
        { width },
      ),
    );
  }
}

interface Entry {
  readonly name: string;
  readonly value: unknown;
  readonly origin: string;
}
