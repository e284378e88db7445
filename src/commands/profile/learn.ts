import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { counted } from '../../outputs/text.js';
import { Exit, SeccamCommand } from '../base.js';
import { badUsage, given } from '../flags.js';

export default class ProfileLearn extends SeccamCommand {
  static override summary = 'Make a profile of normal behaviour from recordings.';
  static override description =
    'For each executable: the programs it starts, the files it uses and how, its sockets, its other calls. What changes from run to run is widened to patterns; the YAML is meant to be read and edited. "replay --security-profile" and the agent hold events against it.';
  static override examples = [
    'seccam profile learn run-1.seccam run-2.seccam -o redis.profile',
    'seccam replay --security-profile redis.profile today.seccam',
  ];
  static override strict = false;
  static override args = { recording: Args.string({ description: 'one or more recordings of normal runs' }) };
  static override flags = {
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      description: 'the profile that is written; default: standard output',
    }),
    force: Flags.boolean({ description: 'replace FILE' }),
    name: Flags.string({ helpValue: 'NAME', description: 'its name; default: that of the first recording' }),
    'accept-damage': Flags.boolean({ description: 'a damaged or unfinished recording is a warning' }),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(ProfileLearn);
    const recordings = argv.map(String);
    if (recordings.length === 0)
      throw badUsage('no recording to learn from', 'seccam profile learn run-1.seccam run-2.seccam');
    const { learnProfile } = await import('../../workbench/profile.js');
    const result = await learnProfile({
      recordings,
      ...given('name', flags.name),
      ...given('output', flags.output),
      force: flags.force,
      acceptDamage: flags['accept-damage'],
    });
    this.report(result.diagnostics);
    if (result.damaged) return Exit.couldNotAnswer;
    if (flags.output === undefined) process.stdout.write(result.text);
    else
      this.remark(
        `${flags.output}: ${counted(result.executables, 'executable')}, learnt from ${counted(result.events, 'event')} of ${counted(recordings.length, 'recording')}`,
      );
    return Exit.asHoped;
  }
}
