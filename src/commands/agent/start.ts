import * as Flags from '@oclif/core/flags';
import { type DetectionFormatName, detectionFormatNames } from '../../outputs/detections/index.js';
import { counted } from '../../outputs/text.js';
import { printDiagnostics, SeccamCommand } from '../base.js';
import { badUsage, given, privacyFlags, privacyWords } from '../flags.js';
import { formatFlag, targets } from '../format.js';
import { configurationFlags, configurationOf } from './settings.js';

export default class AgentStart extends SeccamCommand {
  static override summary = 'Detect live: for tracers that connect, or for one program.';
  static override description =
    'With a program it runs it, prints detections as they happen, and exits as the program did (125 when seccam failed). Without one it listens until it is stopped. With a program nothing but what flags and --config name is opened.';
  static override usage = 'agent start [FLAGS] [-- PROGRAM [ARGUMENT...]]';
  static override examples = [
    'seccam agent start -r rules -- ./server',
    'seccam agent start -r rules --format json=found.json --save saved -- ./server',
    'seccam agent start --socket /run/seccam/agent.sock',
  ];
  static override failure = 125;
  static override passThrough = true;
  static override flags = {
    ...configurationFlags,
    rules: Flags.string({
      char: 'r',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'PATH',
      description: 'a policy, or a folder of policies; default: the settings, else the shipped starter rules',
    }),
    listen: Flags.string({
      helpValue: 'HOST:PORT',
      description: 'loopback address for tracers; wants --token-file',
    }),
    socket: Flags.string({ helpValue: 'PATH', description: 'Unix socket for tracers' }),
    'token-file': Flags.string({
      helpValue: 'FILE',
      description: 'the secret that tracers over TCP must hold',
    }),
    save: Flags.string({
      helpValue: 'DIR',
      description: 'keep every stream as a recording, with their order',
    }),
    'flight-recorder': Flags.string({
      helpValue: 'DIR',
      description: 'detections save there what their stream did before',
    }),
    mode: Flags.string({
      options: ['monitor', 'enforce'],
      description: 'only report what rules would do, or do it',
    }),
    metrics: Flags.string({ helpValue: 'HOST:PORT', description: 'serve figures for Prometheus' }),
    format: formatFlag(detectionFormatNames),
    limits: Flags.boolean({
      allowNo: true,
      default: true,
      description: 'show also what rate limits keep back',
    }),
    'all-results': Flags.boolean({ description: 'show rules every event, also calls that failed' }),
    ...privacyFlags,
    uid: Flags.integer({ min: 0, description: 'run the program as this user' }),
    gid: Flags.integer({ min: 0, description: 'run the program as this group' }),
    'disable-seccomp': Flags.boolean({ description: 'stop the program at every system call' }),
    'on-tracer-death': Flags.option({
      options: ['guardian', 'kill', 'accept-enosys'] as const,
      description: 'what becomes of the program when the tracer is killed; default: guardian',
    })(),
    quiet: Flags.boolean({ char: 'q', description: 'no remarks on standard error' }),
  };

  override async run(): Promise<number> {
    const { flags, raw } = await this.parse(AgentStart);
    const wraps = this.program.length > 0;
    // A reload that is asked for while the rules are still read must not be the end.
    let hangups = 0;
    const hangup = (): void => {
      hangups += 1;
    };
    if (!wraps) process.on('SIGHUP', hangup);
    const privacy = privacyWords(flags);
    // Whoever wants something hidden must not believe that it is.
    if (!wraps && privacy.length > 0)
      throw badUsage(
        `"${privacy[0]}" is about the program that the agent runs: tracers that connect have flags of their own`,
        `seccam trace ${privacy[0]} NAMES -- PROGRAM`,
      );
    const configuration = await configurationOf(flags, wraps ? (flags.config ?? '') : flags.config);
    const { settings, entries } = configuration;
    const byDefault = (name: string): boolean =>
      entries.find((entry) => entry.name === name)?.origin === 'default';
    if (wraps) {
      if (byDefault('socket')) settings.socket = '';
      if (byDefault('control')) settings.control = '';
    }
    const formatGiven = raw.some((token) => token.type === 'flag' && token.flag === 'format');
    const wanted = formatGiven ? flags.format : [settings.format];
    const { Daemon } = await import('../../agent/daemon.js');
    const onProblem = (item: Parameters<typeof printDiagnostics>[0][number]): void =>
      printDiagnostics([item], this.sources);
    const remark = (line: string): void => {
      if (!flags.quiet) this.remark(line);
    };
    const daemon = new Daemon({
      configuration,
      targets: targets(wanted).map(({ name, file }) => ({ name: name as DetectionFormatName, file })),
      onProblem,
      onRemark: remark,
      limits: flags.limits,
      truncate: wraps,
    });
    if (!wraps && settings.socket === '' && settings.listen === '') {
      const { agentCodes } = await import('../../agent/codes.js');
      const { DiagnosticError, diagnostic } = await import('../../support/diagnostic.js');
      throw new DiagnosticError([
        diagnostic(
          agentCodes,
          'nothing-to-do',
          'the agent has neither a program to run nor an address to listen at',
          { suggestions: ['--socket PATH', '-- PROGRAM'] },
        ),
      ]);
    }
    let status = 0;
    try {
      await daemon.listen();
      await daemon.serve(!wraps);
      if (wraps) {
        const { runProgram } = await import('../../agent/program.js');
        status = await runProgram(daemon, {
          command: this.program,
          ...(flags['on-tracer-death'] === undefined ? {} : { onTracerDeath: flags['on-tracer-death'] }),
          ...given('uid', flags.uid),
          ...given('gid', flags.gid),
          disableSeccomp: flags['disable-seccomp'],
          privacy,
          onNotice: remark,
        });
      } else {
        const places = [settings.socket, settings.listen].filter((place) => place !== '').join(' and ');
        process.off('SIGHUP', hangup);
        if (hangups > 0) process.emit('SIGHUP', 'SIGHUP');
        remark(
          `${counted(daemon.agent.rules.rules.length, 'rule')} loaded, mode ${settings.mode}, listening at ${places}`,
        );
        await daemon.stopped();
      }
    } finally {
      await daemon.stop();
    }
    const { events, detections, suppressed, silent = 0, explained = 0, lost, rules } = daemon.agent.status();
    if (silent > 0) remark(`${counted(silent)} more of silent rules, which are never shown`);
    if (explained > 0) remark(`${counted(explained, 'detection')} explained by the security profile`);
    if (suppressed > 0)
      remark(`${counted(suppressed)} more suppressed by rate limits (--no-limits shows them)`);
    remark(
      `${counted(events, 'event')}, ${counted(rules, 'rule')} loaded${lost > 0 ? `, ${counted(lost)} events lost` : ''}, ${counted(detections, 'detection')}`,
    );
    return status;
  }
}
