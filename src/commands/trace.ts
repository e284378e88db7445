import * as Flags from '@oclif/core/flags';
import { SeccamCommand } from './base.js';
import { badUsage, privacyFlags, privacyWords } from './flags.js';

export default class Trace extends SeccamCommand {
  static override summary = 'Run a program, or attach to running ones, for an agent that listens.';
  static override description =
    'The static executable seccam-trace takes the same flags and needs no Node. The program starts once the agent has the stream, or after --wait, unobserved at first, which one line on standard error tells, unless --on-no-agent refuse. Exits as the program did (125 when seccam failed).';
  static override usage = 'trace [FLAGS] -- PROGRAM [ARGUMENT...]';
  static override examples = [
    'seccam trace --socket /run/seccam/agent.sock -- ./server',
    'seccam trace --probe-addr 127.0.0.1:5678 --token-file /etc/seccam/token --uid 33 --gid 33 -- ./server',
    'seccam trace --socket /run/seccam/agent.sock --pid 812',
  ];
  static override failure = 125;
  static override passThrough = true;
  static override flags = {
    socket: Flags.string({
      helpValue: 'PATH',
      description: 'Unix socket of the agent; default: /run/seccam/agent.sock',
    }),
    'probe-addr': Flags.string({
      helpValue: 'HOST:PORT',
      description:
        'TCP address of the agent; wants --token-file, with which links to other machines are encrypted',
    }),
    'token-file': Flags.string({
      helpValue: 'FILE',
      description: 'the secret that the agent knows; mode 0600',
    }),
    wait: Flags.integer({
      min: 0,
      helpValue: 'MS',
      description: 'how long to wait for the agent; default 5000',
    }),
    async: Flags.boolean({
      description:
        'start the program at once, without waiting for the agent; that none ever answered is told at the end',
    }),
    'on-no-agent': Flags.string({
      options: ['run', 'refuse'],
      description: 'what to do when no agent answers in time; default: run, and say so',
    }),
    buffer: Flags.integer({
      min: 65536,
      helpValue: 'BYTES',
      description: 'what may wait for the agent before events are dropped (counted)',
    }),
    trace: Flags.string({
      helpValue: 'SET',
      description: 'lean, default, all, or names of events with commas',
    }),
    pid: Flags.integer({
      multiple: true,
      multipleNonGreedy: true,
      min: 1,
      description: 'attach to a running process',
    }),
    ...privacyFlags,
    uid: Flags.integer({ min: 0, description: 'run the program as this user' }),
    gid: Flags.integer({ min: 0, description: 'run the program as this group' }),
    'disable-seccomp': Flags.boolean({ description: 'stop the program at every system call' }),
    'on-tracer-death': Flags.string({
      options: ['guardian', 'kill', 'accept-enosys'],
      description: 'what becomes of the program when the tracer is killed; default: guardian',
    }),
    'disable-stats': Flags.boolean({
      description: 'read nothing of programs and accounts: no ELF facts, no names of users',
    }),
    'proc-scan-rate': Flags.string({
      helpValue: 'TIME',
      description: 'look for processes that are not traced so often, such as 500ms or 2s; default: never',
    }),
    'disable-proc-scan': Flags.boolean({ description: 'do not look for processes that are not traced' }),
    verbose: Flags.boolean({ description: 'say what goes on' }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(Trace);
    if (this.program.length === 0 && (flags.pid ?? []).length === 0)
      throw badUsage('neither a program nor a process to attach to', 'seccam trace --socket PATH -- ls -l');
    if (flags.socket !== undefined && flags['probe-addr'] !== undefined)
      throw badUsage('"--socket" and "--probe-addr" both name the agent: give one');
    if (flags['probe-addr'] !== undefined && flags['token-file'] === undefined)
      throw badUsage('"--probe-addr" wants the agent\'s secret', '--token-file FILE');
    const words = ['--channel', flags['probe-addr'] ?? `unix:${flags.socket ?? '/run/seccam/agent.sock'}`];
    if (flags.async) words.push('--wait', '0');
    for (const name of [
      'token-file',
      'wait',
      'on-no-agent',
      'buffer',
      'trace',
      'uid',
      'gid',
      'on-tracer-death',
      'proc-scan-rate',
    ] as const) {
      const value = flags[name];
      if (value !== undefined && !(name === 'wait' && flags.async)) words.push(`--${name}`, String(value));
    }
    words.push(...privacyWords(flags));
    for (const pid of flags.pid ?? []) words.push('--pid', String(pid));
    for (const name of ['disable-seccomp', 'disable-stats', 'disable-proc-scan', 'verbose'] as const)
      if (flags[name]) words.push(`--${name}`);
    const { runTracer } = await import('../agent/trace.js');
    return runTracer(words, this.program);
  }
}
