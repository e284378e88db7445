/** What can be said about tracing. Native code names these codes: native/*.c. */
import type { CodeTable } from '../support/diagnostic.js';

export const tracerCodes = {
  'bad-option': {
    severity: 'error',
    doc: 'An option of the tracer has a value that it cannot take. The message says what it wants.',
  },
  'bad-output': {
    severity: 'error',
    doc: 'The file to record to cannot be made or written. Choose another place with `-o`.',
  },
  'output-exists': {
    severity: 'error',
    doc: 'The file to record to, or its `.partial`, is there already. Recordings are never overwritten unasked: choose another name, or use `--force`.',
  },
  'output-replaced': {
    severity: 'error',
    doc: 'While the recording was written somebody removed or replaced its file. The recorded program may have done it: look for its unlink and rename events.',
  },
  'program-not-found': {
    severity: 'error',
    doc: 'The program to run does not exist, nor is it in PATH. Exit status 127.',
  },
  'program-not-executable': {
    severity: 'error',
    doc: 'The program to run exists but cannot be executed. Exit status 126.',
  },
  'no-ptrace-permission': {
    severity: 'error',
    doc: 'The kernel does not let us trace. `seccam doctor` names the setting: kernel.yama.ptrace_scope, a container without SYS_PTRACE, a seccomp profile, or another tracer that is attached already.',
  },
  'no-seccomp': {
    severity: 'error',
    doc: 'The kernel takes no seccomp filter. `--disable-seccomp` traces without one, slower.',
  },
  'no-guardian': {
    severity: 'error',
    doc: 'Live, a second process stands by to take over the traced programs when the tracer is killed, since without a tracer every traced call would fail with ENOSYS for ever. It was tried whether it could, and it could not: without CAP_SYS_PTRACE a program that changes its user cannot be seized, and kernel.yama.ptrace_scope may forbid it too. Give the tracer the capability (Docker: `--cap-add SYS_PTRACE`), or choose: `--on-tracer-death kill` ends the program with the tracer, `accept-enosys` lets it go on with failing calls.',
  },
  'no-process': { severity: 'error', doc: 'There is no process with this number to attach to.' },
  'no-native-library': {
    severity: 'error',
    doc: 'The native part of seccam is not there, so nothing can be recorded on this machine; everything offline works. In a source checkout, `npm run build:native` makes it (it needs a C compiler and make).',
  },
  'unsupported-platform': {
    severity: 'error',
    doc: 'Recording needs Linux on x86_64 or arm64. Replay, test, explain and all else work here.',
  },
  'unknown-event': {
    severity: 'error',
    doc: 'A name given to `--trace` is neither an event nor a category nor a preset. `seccam list events` shows them.',
  },
  'disk-full': {
    severity: 'error',
    doc: 'The recording could not grow: the disk, a quota or the limit on file sizes is full. What was recorded is closed in good order and ends with a gap; the program went on unrecorded.',
  },
  'sink-failed': {
    severity: 'error',
    doc: 'The reader of the stream went away, or writing failed. The program went on unrecorded.',
  },
  'no-agent': {
    severity: 'error',
    doc: 'No agent answers at the address, and it was demanded with `--on-no-agent refuse`.',
  },
  'not-observed': {
    severity: 'warning',
    doc: 'The program runs, but no agent has its stream: none answered within `--wait`, or with `--async` none ever did. The tracer goes on trying, keeps a bounded amount, and tells the agent that answers what is lost. `--on-no-agent refuse` does not run the program then.',
  },
  'no-new-privileges': {
    severity: 'warning',
    doc: 'Without CAP_SYS_ADMIN a seccomp filter takes the vow that nothing gains privileges: sudo, ping and other set-user-ID programs do not work below the recorder. Run it as root with `--uid`, or use `--disable-seccomp`.',
  },
  'internal-error': {
    severity: 'error',
    doc: 'The tracer met something that it did not expect. Please report it with the message.',
  },
} as const satisfies CodeTable;

export type TracerCode = keyof typeof tracerCodes;
