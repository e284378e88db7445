/** `seccam help`, `seccam VERB --help`: oclif's help over the manifest. */
import { Config } from '@oclif/core/config';
import { Help } from '@oclif/core/help';
import { packageRoot } from '../support/package.js';

/** Prints the help of a verb, of a family of verbs, or of everything. */
export async function showHelp(words: readonly string[]): Promise<void> {
  const config = await Config.load({ root: packageRoot() });
  const known = config.findCommand(words.join(':')) ?? config.findTopic(words.join(':'));
  await new Help(config, { hideAliasesFromRoot: true }).showHelp(
    known === undefined ? [] : [words.join(':')],
  );
}
