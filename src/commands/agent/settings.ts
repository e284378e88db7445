/** Flags of the agent that stand for settings, and the configuration that comes of them. */
import * as Flags from '@oclif/core/flags';
import { printDiagnostics } from '../base.js';

export const configurationFlags = {
  config: Flags.string({
    helpValue: 'FILE',
    description: 'settings; default: /etc/seccam/agent.yaml when it exists',
  }),
  control: Flags.string({
    helpValue: 'PATH',
    description: 'control socket of the agent; default: /run/seccam/control.sock',
  }),
};

/** Flag → setting. */
const settingsOfFlags = {
  rules: 'rules',
  listen: 'listen',
  socket: 'socket',
  control: 'control',
  'token-file': 'token_file',
  save: 'save',
  mode: 'mode',
  metrics: 'metrics',
  'flight-recorder': 'flight.folder',
  'all-results': 'all_results',
} as const;

/** Reads the configuration with the flags that were given on top; `file` `''` reads no file at all. */
export async function configurationOf(flags: Readonly<Record<string, unknown>>, file: string | undefined) {
  const { readConfiguration } = await import('../../agent/configuration.js');
  const given: Record<string, { value: unknown; flag: string }> = {};
  for (const [flag, setting] of Object.entries(settingsOfFlags)) {
    const value = flags[flag];
    if (value !== undefined && value !== false) given[setting] = { value, flag: `--${flag}` };
  }
  const configuration = readConfiguration({ file, flags: given });
  if (configuration.warnings.length > 0) printDiagnostics(configuration.warnings);
  return configuration;
}

/** The control socket to ask: the flag, else what the configuration says. */
export async function controlPath(flags: {
  readonly config?: string | undefined;
  readonly control?: string | undefined;
}): Promise<string> {
  if (flags.control !== undefined) return flags.control;
  return (await configurationOf({}, flags.config)).settings.control;
}
