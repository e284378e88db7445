import * as Flags from '@oclif/core/flags';
import { counted, printable } from '../outputs/text.js';
import { SeccamCommand } from './base.js';
import { badUsage, given, privacyFlags } from './flags.js';

export default class RecordCommand extends SeccamCommand {
  static override summary = 'Run a program and write down what it does.';
  static override description =
    'The program keeps its standard streams, its terminal and its exit status; seccam speaks on standard error only, after it. Exits as the program did (128+n by signal); 125 when seccam failed, 126 when the program cannot be executed, 127 when it is not found.';
  static override usage = 'record [-o FILE] [FLAGS] -- PROGRAM [ARGUMENT...]';
  static override examples = [
    'seccam record -o build.seccam -- make -j2',
    'seccam record --trace lean -- ./server',
  ];
  static override failure = 125;
  static override passThrough = true;
  static override flags = {
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      description: 'the recording; default: named after the program',
    }),
    force: Flags.boolean({ description: 'replace a recording of that name' }),
    trace: Flags.string({
      helpValue: 'SET',
      description: 'lean, default, all, or names of events with commas',
    }),
    'trace-for': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'PATH',
      description: 'trace what these rules need',
    }),
    scratch: Flags.boolean({
      description: 'run it in a throw-away world: nothing that it writes survives, loopback only',
    }),
    'no-ancestors': Flags.boolean({
      description: 'do not tell of the processes above the program: they belong to this machine',
    }),
    content: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      options: ['metadata', 'hashes', 'packages', 'none'],
      helpValue: 'NAMES',
      description: 'what is read of the files of programs: metadata (default), hashes, packages, none',
    }),
    ...privacyFlags,
    uid: Flags.integer({ min: 0, description: 'run it as this user' }),
    gid: Flags.integer({ min: 0, description: 'run it as this group' }),
    'disable-seccomp': Flags.boolean({
      description: 'stop at every system call: slow, for programs that a filter would change',
    }),
    quiet: Flags.boolean({ char: 'q', description: 'no summary at the end' }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(RecordCommand);
    if (this.program.length === 0)
      throw badUsage('no program to record', 'seccam record -o out.seccam -- ls -l');
    const { record } = await import('../workbench/record.js');
    // On a terminal that the program also writes to, a progress line would spoil what it shows.
    const progress = process.stderr.isTTY && !process.stdout.isTTY && !flags.quiet;
    const result = await record({
      command: this.program,
      ...given('output', flags.output),
      ...given('trace', flags.trace),
      ...given('traceFor', flags['trace-for']),
      ...given('content', flags.content as ('metadata' | 'hashes' | 'packages' | 'none')[] | undefined),
      ...given('keepEnvironment', flags['keep-env']),
      ...given('redactEnvironment', flags['redact-env']),
      ...given('redactArguments', flags.redact),
      ...given('redactPaths', flags['redact-path']),
      ...given('uid', flags.uid),
      ...given('gid', flags.gid),
      ...(flags.scratch ? { scratch: {} } : {}),
      force: flags.force,
      disableSeccomp: flags['disable-seccomp'],
      ancestors: !flags['no-ancestors'],
      ...(progress
        ? {
            onProgress: ({ events, processes }) =>
              void process.stderr.write(`\r${counted(events, 'event')}, ${counted(processes)} processes `),
          }
        : {}),
    });
    if (progress) process.stderr.write('\r\x1b[K');
    this.report(result.diagnostics);
    if (!flags.quiet && result.recording !== '') {
      const { events, processes, bytes } = result.counters;
      const name = printable(result.recording);
      if (result.diagnostics.some((item) => item.code === 'disk-full'))
        this.remark(`${name}: unfinished, ${counted(bytes)} bytes`);
      else
        this.remark(
          `${name}: ${counted(events, 'event')} of ${counted(processes)} ${processes === 1 ? 'process' : 'processes'} in ${(result.durationMs / 1000).toFixed(1)} s, ${counted(bytes)} bytes`,
        );
      if (!result.recording.endsWith('.partial')) this.remark(`next: ${result.next}`);
    }
    return result.status;
  }
}
