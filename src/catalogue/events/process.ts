/** Life, identity and place of processes. */
import { type Call, type Capture, CWD, event, type FieldRow, NONE, PathMode } from '../row.js';
import { file, follow, i32, int, list, named, refused, retval, str, string, syscallPath, task, text, u32, u64, word } from './shape.js';

const native = { kind: 'native', args: [], at: 'exit' } as const satisfies Capture;
const directory = (which: 0 | 1) => ({ kind: 'directory', args: [], at: 'exit', param: which }) as const;
const credentials = { type: 'credentials', doc: 'Credentials of the task after the call.' } as const;
const namespaces = { type: 'namespaces', doc: 'Namespaces of the task after the call.' } as const;

const execNative = {
  interpreter: native,
  credentials: native,
  namespaces: native,
  context: native,
  cwd: native,
  root: native,
  comm: native,
  tty: native,
  ppid: native,
  sid: native,
  pgid: native,
  own_pid: native,
  start_time: native,
  image: native,
} as const;

const onRequest = 'Known when the recorder was asked to look into files (`content` facts).';
const metadata = (member: string, doc: string): FieldRow => ({ type: 'int', doc: `${doc} ${onRequest}`, from: `file.content.${member}` });
const metadataBit = (mask: number, doc: string): FieldRow => ({
  type: 'bool',
  doc: `${doc} ${onRequest}`,
  from: 'file.content.flags',
  as: 'bit',
  mask,
});

export const exec = event({
  name: 'exec',
  id: 1,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'A program was started, or an attempt was made. Process fields are those of the new program; when the call failed, those that it would have had.',
  result: 'ptrace',
  shown: [],
  columns: {
    file: file('The program: by the link of the kernel after the call, else by resolving the name.'),
    named,
    argv: list('Arguments.'),
    envp: list('Environment: names, and `NAME=value` for names that are allow-listed.'),
    interpreter: file('The program that interprets a script; its dynamic linker is not one.'),
    credentials,
    namespaces,
    context: { type: 'context', doc: 'Cgroup, container and session.' },
    cwd: string('Working directory.'),
    root: string('Root directory; 0 when `/`.'),
    comm: string('Command name after the call.'),
    tty: string('Terminal.'),
    ppid: u32('Parent.'),
    sid: u32('Session.'),
    pgid: u32('Process group.'),
    own_pid: u32('Pid in its own pid namespace.'),
    start_time: u64('Boot time in ns at which the process began; 0 unknown.'),
    caller_tid: u32('The thread that called; it has the number of the leader afterwards.'),
    image: u32('Number of the new image, as in `process` records; 0 when the call failed.'),
  },
  processes: { '': 'self' },
  fields: {
    'file.metadata.size': metadata('size', 'Size of the program.'),
    'file.metadata.type': metadata('type', 'Kind of file.'),
    'file.metadata.is_executable': metadataBit(1, 'It can be executed.'),
    'file.metadata.architecture': metadata('architecture', 'Machine.'),
    'file.metadata.abi': metadata('abi', '32 or 64 bits.'),
    'file.metadata.is_upx_packed': metadataBit(2, 'Packed by UPX.'),
    'file.metadata.compression': metadata('compression', 'Compression.'),
    'file.metadata.is_garble_obfuscated': metadataBit(4, 'Obfuscated by garble.'),
    'syscall.path': syscallPath,
  },
  calls: [
    {
      name: 'execve',
      captures: {
        file: { kind: 'path', args: [CWD, 0, NONE], at: 'exit', param: PathMode.follow },
        named: { kind: 'string', args: [0], at: 'entry' },
        argv: { kind: 'strings', args: [1], at: 'entry' },
        envp: { kind: 'strings', args: [2], at: 'entry' },
        caller_tid: native,
        ...execNative,
      },
    },
    {
      name: 'execveat',
      captures: {
        file: { kind: 'path', args: [0, 1, 4], at: 'exit', param: PathMode.follow | PathMode.nofollowFlag | PathMode.emptyFlag },
        named: { kind: 'string', args: [1], at: 'entry' },
        argv: { kind: 'strings', args: [2], at: 'entry' },
        envp: { kind: 'strings', args: [3], at: 'entry' },
        caller_tid: native,
        ...execNative,
      },
    },
  ],
});

export const fork = event({
  name: 'fork',
  id: 2,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'A process or thread was made. It precedes every event of the child. Rules see new processes, not threads.',
  result: 'ptrace',
  shown: [],
  columns: {
    child: u32('Thread group of the child.'),
    child_tid: u32('Thread number of the child; the same as `child` for a process.'),
    flags: u64('CLONE_* flags, without the signal; 0x4100 for vfork, 0 for fork.'),
    exit_signal: u32('Signal sent to the parent at its end.'),
    ppid: u32("The child's parent: the caller, or the caller's parent with CLONE_PARENT."),
    own_pid: u32("The child's pid in its own pid namespace."),
    child_start: u64('Boot time in ns at which the child began.'),
    namespaces: { type: 'namespaces', doc: 'Namespaces of the child; 0: those of the caller.' },
    context: { type: 'context', doc: 'Context of the child; 0: that of the caller.' },
    image: u32('Number of the image of the child, as in `process` records; 0 for a thread.'),
  },
  fields: {
    'child.pid': int('child', 'Pid of the child.'),
    flags: int('flags', 'CLONE_* flags.', 'clone-flags'),
  },
  calls: [],
});

export const exit = event({
  name: 'exit',
  id: 3,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'A process or thread ended. Rules see the end of processes.',
  result: 'ptrace',
  shown: 'all',
  columns: {
    code: u32('Exit code; for an end by a signal 0.'),
    signal: u32('The signal that ended it; 0: none.'),
    cause: u32('0 exited, 1 coredumped, 2 signaled.'),
    group: u32('1: the last thread of the process.'),
    cpu_user: u64('ns of CPU time in user mode; 0 unknown.'),
    cpu_system: u64('ns of CPU time in the kernel; 0 unknown.'),
    max_memory: u64('Greatest resident size in bytes; 0 unknown.'),
  },
  processes: { '': 'self' },
  fields: {
    cause: int('cause', 'How it ended: 0 exited, 1 coredumped, 2 signaled.', 'exit-cause'),
    code: { type: 'int', doc: 'Exit code, or the number of the signal.', from: 'derived', needs: ['code', 'signal'] },
  },
  calls: [],
});

export const chdir = event({
  name: 'chdir',
  id: 18,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'The working directory was changed.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The directory.'), named, cwd: string('The working directory after the call.') },
  files: { file: 'file' },
  fields: { retval, 'syscall.path': syscallPath },
  calls: [
    { name: 'chdir', captures: { file: follow(0), named: text(0), cwd: directory(0) } },
    { name: 'fchdir', captures: { file: { kind: 'descriptor', args: [0], at: 'entry' }, cwd: directory(0) } },
  ],
});

const NO_ID = 0xffffffff;
const ids = (names: readonly string[], real: number, effective: number, saved: number, fs: number) =>
  names.map((name) => ({
    name,
    captures: {
      credentials: task,
      asked_real: real === NO_ID ? ({ kind: 'constant', args: [], at: 'entry', param: NO_ID } as const) : word(real),
      asked_effective: effective === NO_ID ? ({ kind: 'constant', args: [], at: 'entry', param: NO_ID } as const) : word(effective),
      asked_saved: saved === NO_ID ? ({ kind: 'constant', args: [], at: 'entry', param: NO_ID } as const) : word(saved),
      asked_fs: fs === NO_ID ? ({ kind: 'constant', args: [], at: 'entry', param: NO_ID } as const) : word(fs),
    },
  }));
const asked = {
  credentials,
  asked_real: u32('Real id of the call; 0xffffffff: not named.'),
  asked_effective: u32('Effective id of the call; 0xffffffff: not named.'),
  asked_saved: u32('Saved id of the call; 0xffffffff: not named.'),
  asked_fs: u32('File system id of the call; 0xffffffff: not named.'),
} as const;

export const setuid = event({
  name: 'setuid',
  id: 19,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'User ids of a process were set. Fields are the ids after the call.',
  result: 'exit',
  shown: refused,
  columns: asked,
  fields: {
    uid: int('credentials.uid', 'Real user id after the call.'),
    user: { type: 'string', doc: 'Its name.', from: 'credentials.uid', as: 'user' },
    euid: int('credentials.euid', 'Effective user id after the call.'),
    euser: { type: 'string', doc: 'Its name.', from: 'credentials.euid', as: 'user' },
    fsuid: int('credentials.fsuid', 'File system user id after the call.'),
    fsuser: { type: 'string', doc: 'Its name.', from: 'credentials.fsuid', as: 'user' },
  },
  calls: [
    ...ids(['setuid', 'setuid32'], 0, NO_ID, NO_ID, NO_ID),
    ...ids(['setreuid', 'setreuid32'], 0, 1, NO_ID, NO_ID),
    ...ids(['setresuid', 'setresuid32'], 0, 1, 2, NO_ID),
    ...ids(['setfsuid', 'setfsuid32'], NO_ID, NO_ID, NO_ID, 0),
  ],
});

export const setgid = event({
  name: 'setgid',
  id: 20,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'Group ids of a process were set. Fields are the ids after the call.',
  result: 'exit',
  shown: refused,
  columns: asked,
  fields: {
    gid: int('credentials.gid', 'Real group id after the call.'),
    group: { type: 'string', doc: 'Its name.', from: 'credentials.gid', as: 'group' },
    egid: int('credentials.egid', 'Effective group id after the call.'),
    egroup: { type: 'string', doc: 'Its name.', from: 'credentials.egid', as: 'group' },
    fsgid: int('credentials.fsgid', 'File system group id after the call.'),
    fsgroup: { type: 'string', doc: 'Its name.', from: 'credentials.fsgid', as: 'group' },
  },
  calls: [
    ...ids(['setgid', 'setgid32'], 0, NO_ID, NO_ID, NO_ID),
    ...ids(['setregid', 'setregid32'], 0, 1, NO_ID, NO_ID),
    ...ids(['setresgid', 'setresgid32'], 0, 1, 2, NO_ID),
    ...ids(['setfsgid', 'setfsgid32'], NO_ID, NO_ID, NO_ID, 0),
  ],
});

export const setgroups = event({
  name: 'setgroups',
  id: 204,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'The supplementary groups of a process were set.',
  result: 'exit',
  shown: refused,
  columns: { credentials, asked: list('The groups of the call, as decimal numbers.') },
  fields: {
    retval,
    groups: { type: 'string[]', doc: 'The groups of the call, as decimal numbers.', from: 'asked' },
  },
  calls: [
    { name: 'setgroups', arches: ['x86_64', 'aarch64'], captures: { credentials: task, asked: { kind: 'numbers', args: [1, 0], at: 'entry', param: 4 } } },
    { name: 'setgroups', arches: ['i386'], captures: { credentials: task, asked: { kind: 'numbers', args: [1, 0], at: 'entry', param: 2 } } },
    { name: 'setgroups32', captures: { credentials: task, asked: { kind: 'numbers', args: [1, 0], at: 'entry', param: 4 } } },
  ],
});

export const capset = event({
  name: 'capset',
  id: 21,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'Capabilities of a process were set. Fields are the sets after the call.',
  result: 'exit',
  shown: refused,
  columns: { credentials },
  fields: {
    cap_effective: int('credentials.cap_effective', 'Effective capabilities after the call.', 'capabilities'),
    cap_permitted: int('credentials.cap_permitted', 'Permitted capabilities after the call.', 'capabilities'),
  },
  calls: [{ name: 'capset', captures: { credentials: task } }],
});

const target = i32('Pid of the target in the pid namespace of the recorder; 0 and negative numbers as in kill().');

/** Signal 0 asks whether a process lives; SIGURG is what some programs use as a latch, thousands of times a second. */
const real = (arg: number) => [{ arg, test: 'is-not', values: [0, 23] }] as const;
const sent = (name: string, pid: number, tid: number, type: number): Call => ({
  name,
  when: real(type),
  captures: {
    type: word(type),
    target: { kind: 'pid', args: [pid], at: 'entry' },
    ...(tid === NONE ? {} : { target_tid: { kind: 'pid', args: [tid], at: 'entry' } }),
  },
});

export const signal = event({
  name: 'signal',
  id: 22,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'A signal was sent. Signal 0 and SIGURG are left out unless `--trace signal:all` or the preset `all` asks for them.',
  result: 'exit',
  shown: refused,
  columns: { type: u32('Signal number.'), target, target_tid: i32('Thread of the target; 0: the process.') },
  processes: { target: 'target' },
  fields: {
    retval,
    type: int('type', 'Signal number.', 'signals'),
    pid: int('target', 'Pid of the target.'),
  },
  calls: [
    sent('kill', 0, NONE, 1),
    sent('tkill', 0, 0, 1),
    sent('tgkill', 0, 1, 2),
    sent('rt_sigqueueinfo', 0, NONE, 1),
    sent('rt_tgsigqueueinfo', 0, 1, 2),
    { name: 'pidfd_send_signal', when: real(1), captures: { type: word(1), target: { kind: 'pidfd', args: [0], at: 'entry' } } },
  ],
});

export const ptrace = event({
  name: 'ptrace',
  id: 23,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'A process began to trace or steer another. Peeks, continues and single steps of a running session are not recorded.',
  result: 'exit',
  shown: refused,
  columns: { request: u32('Request.'), target, address: u64('Address.'), data: u64('Data.') },
  processes: { tracee: 'target' },
  fields: { retval, request: int('request', 'Request.', 'ptrace-requests') },
  calls: [
    {
      name: 'ptrace',
      when: [{ arg: 0, test: 'is-not', values: [1, 2, 3, 7, 9, 24, 0x4200, 0x4201] }],
      captures: { request: word(0), target: { kind: 'pid', args: [1], at: 'entry' }, address: word(2), data: word(3) },
    },
  ],
});

export const setrlimit = event({
  name: 'setrlimit',
  id: 24,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'A resource limit was set.',
  result: 'exit',
  shown: refused,
  columns: { resource: u32('Resource.'), current: u64('New soft limit.'), maximum: u64('New hard limit.'), target },
  processes: { target: 'target' },
  fields: {
    retval,
    resource: int('resource', 'Resource.', 'resources'),
    rlim_cur: int('current', 'New soft limit.'),
    rlim_max: int('maximum', 'New hard limit.'),
  },
  calls: [
    {
      name: 'prlimit64',
      when: [{ arg: 2, test: 'not-null', values: [] }],
      captures: {
        target: { kind: 'pid', args: [0], at: 'entry' },
        resource: word(1),
        current: { kind: 'memory', args: [2], at: 'entry', param: 0 },
        maximum: { kind: 'memory', args: [2], at: 'entry', param: 8 },
      },
    },
    {
      name: 'setrlimit',
      arches: ['x86_64', 'aarch64'],
      captures: {
        resource: word(0),
        current: { kind: 'memory', args: [1], at: 'entry', param: 0 },
        maximum: { kind: 'memory', args: [1], at: 'entry', param: 8 },
      },
    },
  ],
});

export const prctl = event({
  name: 'prctl',
  id: 25,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'An attribute of a process or thread was set or asked for.',
  result: 'exit',
  shown: refused,
  columns: {
    option: u32('Option.'),
    new_name: string('PR_SET_NAME: the name.'),
    value: u64('Second argument.'),
    comm: string('PR_SET_NAME: the command name of the thread after the call.'),
  },
  fields: {
    retval,
    option: int('option', 'Option.', 'prctl-options'),
    new_name: str('new_name', 'PR_SET_NAME: the name.'),
    is_name_truncated: { type: 'bool', doc: 'The name is longer than the kernel keeps (15 bytes).', from: 'derived', needs: ['new_name'] },
  },
  calls: [
    {
      name: 'prctl',
      when: [{ arg: 0, test: 'is', values: [15] }],
      captures: { option: word(0), new_name: { kind: 'string', args: [1], at: 'entry' }, value: word(1), comm: { kind: 'native', args: [], at: 'exit' } },
    },
    {
      name: 'prctl',
      when: [{ arg: 0, test: 'is-not', values: [15] }],
      captures: { option: word(0), value: word(1) },
    },
  ],
});

export const setsid = event({
  name: 'setsid',
  id: 243,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'A process made a session of its own.',
  result: 'exit',
  shown: [],
  columns: {},
  fields: { retval },
  calls: [{ name: 'setsid', captures: {} }],
});

export const personality = event({
  name: 'personality',
  id: 232,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'The execution domain of a process was set (address randomisation, other ABIs).',
  result: 'exit',
  shown: refused,
  columns: { persona: u32('Execution domain and its flags.') },
  fields: { retval, persona: int('persona', 'Execution domain and its flags.') },
  calls: [{ name: 'personality', when: [{ arg: 0, test: 'is-not', values: [0xffffffff] }], captures: { persona: word(0) } }],
});

export const pidfd_getfd = event({
  name: 'pidfd_getfd',
  id: 230,
  since: '0.1',
  category: 'process',
  preset: 'default',
  doc: 'A descriptor was taken out of another process.',
  result: 'exit',
  shown: refused,
  columns: { target, descriptor: i32('The descriptor in the target.'), file: file('What was taken.') },
  files: { file: 'file' },
  processes: { target: 'target' },
  fields: { retval, descriptor: int('descriptor', 'The descriptor in the target.') },
  calls: [
    {
      name: 'pidfd_getfd',
      captures: { target: { kind: 'pidfd', args: [0], at: 'entry' }, descriptor: word(1), file: { kind: 'result-file', args: [], at: 'exit' } },
    },
  ],
});

export const processEvents = [
  exec,
  fork,
  exit,
  chdir,
  setuid,
  setgid,
  setgroups,
  capset,
  signal,
  ptrace,
  setrlimit,
  prctl,
  setsid,
  personality,
  pidfd_getfd,
] as const;
