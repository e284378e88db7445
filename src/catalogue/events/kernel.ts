/** Memory, modules, programs in the kernel, and other ways to its inside. */
import { type Call, event } from '../row.js';
import { absent, bool, descriptor, file, follow, i32, int, memory, named, refused, retval, str, string, syscallPath, text, u32, u64, word } from './shape.js';

const PROT_EXEC = 4;

export const mmap = event({
  name: 'mmap',
  id: 26,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'Memory was mapped with the right to execute.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file that is mapped.'), protection: u32('PROT_*.'), flags: u32('MAP_*.'), length: u64('Length.'), offset: u64('Offset in the file.') },
  files: { file: 'file' },
  fields: { retval, protection: int('protection', 'Protection.', 'protections'), flags: int('flags', 'Flags.', 'map-flags') },
  calls: [
    {
      name: 'mmap',
      arches: ['x86_64', 'aarch64'],
      when: [{ arg: 2, test: 'any-bit', values: [PROT_EXEC] }],
      captures: { file: descriptor(4), length: word(1), protection: word(2), flags: word(3), offset: word(5) },
    },
    {
      name: 'mmap2',
      when: [{ arg: 2, test: 'any-bit', values: [PROT_EXEC] }],
      captures: { file: descriptor(4), length: word(1), protection: word(2), flags: word(3), offset: word(5) },
    },
    {
      name: 'mmap',
      arches: ['i386'],
      captures: { length: memory(0, 4), protection: memory(0, 8), flags: memory(0, 12) },
    },
  ],
});

export const mprotect = event({
  name: 'mprotect',
  id: 27,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'Memory was given the right to execute.',
  result: 'exit',
  shown: refused,
  columns: {
    protection: u32('PROT_* of the call.'),
    before: u32('PROT_* before the call, from /proc/PID/maps; 0xffffffff unknown.'),
    address: u64('Address.'),
    length: u64('Length.'),
  },
  fields: {
    retval,
    req_protection: int('protection', 'Protection of the call.', 'protections'),
    vm_protection: int('before', 'Protection before the call.', 'protections'),
  },
  calls: ['mprotect', 'pkey_mprotect'].map((name) => ({
    name,
    when: [{ arg: 2, test: 'any-bit' as const, values: [PROT_EXEC] }],
    captures: { address: word(0), length: word(1), protection: word(2), before: { kind: 'native' as const, args: [], at: 'entry' as const } },
  })),
});

export const load_module = event({
  name: 'load_module',
  id: 28,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A kernel module was loaded.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('The file of the module; absent when it came from memory.'),
    from_memory: u32('1: from memory.'),
    arguments: string('Arguments.'),
    image: string('First bytes of the module, when it came from memory.'),
    name: string('Name of the module, found in its image.'),
    flags: u32('Flags of finit_module.'),
  },
  files: { file: 'file' },
  fields: {
    retval,
    loaded_from_memory: bool('from_memory', 'It came from memory, not from a file.'),
    name: str('name', 'Name of the module.'),
    args: str('arguments', 'Arguments.'),
    argv: { type: 'string[]', doc: 'Arguments, split at blanks.', from: 'derived', needs: ['arguments'] },
    args_truncated: { type: 'bool', doc: 'The arguments were cut.', from: 'arguments', as: 'truncated' },
  },
  calls: [
    {
      name: 'init_module',
      captures: {
        from_memory: { kind: 'constant', args: [], at: 'entry', param: 1 },
        arguments: text(2),
        image: { kind: 'bytes', args: [0, 1], at: 'entry', param: 64 },
        name: { kind: 'native', args: [], at: 'entry' },
      },
    },
    { name: 'finit_module', captures: { file: descriptor(0), arguments: text(1), flags: word(2), name: { kind: 'native', args: [], at: 'entry' } } },
  ],
});

export const unload_module = event({
  name: 'unload_module',
  id: 29,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A kernel module was removed.',
  result: 'exit',
  shown: refused,
  columns: { name: string('Name of the module.'), flags: u32('Flags of the call.') },
  fields: { retval, name: str('name', 'Name of the module.') },
  calls: [{ name: 'delete_module', captures: { name: text(0), flags: word(1) } }],
});

/** The attributes of bpf(): offsets in `union bpf_attr`. */
const bpfCall = (cmd: readonly number[] | 'other', captures: Call['captures']): Call => ({
  name: 'bpf',
  when: [{ arg: 0, test: cmd === 'other' ? 'is-not' : 'is', values: cmd === 'other' ? [0, 5] : cmd }],
  captures: { cmd: word(0), fdinfo: { kind: 'fdinfo', args: [], at: 'exit' }, ...captures },
});
const memoryString = (arg: number, offset: number, limit: number) =>
  ({ kind: 'memory-string', args: [arg], at: 'entry', param: offset | (limit << 16) }) as const;

export const bpf = event({
  name: 'bpf',
  id: 30,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A command for the BPF machine of the kernel.',
  result: 'exit',
  shown: refused,
  columns: {
    cmd: u32('Command.'),
    map_type: u32('BPF_MAP_CREATE: type of the map.'),
    map_name: string('BPF_MAP_CREATE: its name.'),
    prog_type: u32('BPF_PROG_LOAD: type of the program.'),
    attach_type: u32('BPF_PROG_LOAD: expected attach type.'),
    prog_name: string('BPF_PROG_LOAD: its name.'),
    instructions: string('BPF_PROG_LOAD: the instructions, 8 bytes each.'),
    fdinfo: string('What the kernel says of the descriptor that the call returned.'),
  },
  fields: {
    retval,
    cmd: int('cmd', 'Command.', 'bpf-commands'),
    'map.type': int('map_type', 'Type of the map.', 'bpf-map-types'),
    'map.name': str('map_name', 'Name of the map.'),
    'prog.type': int('prog_type', 'Type of the program.', 'bpf-program-types'),
    'prog.attach_type': int('attach_type', 'Attach type of the program.', 'bpf-attach-types'),
    'prog.helpers': { type: 'int[]', doc: 'Helpers that the program calls.', from: 'derived', needs: ['instructions'], constants: 'bpf-helpers' },
    'prog.name': str('prog_name', 'Name of the program.'),
    'prog.tag': { type: 'string', doc: 'Tag of the program.', from: 'derived', needs: ['fdinfo'] },
  },
  calls: [
    bpfCall([0], { map_type: memory(1, 0), map_name: memoryString(1, 28, 16) }),
    bpfCall([5], {
      prog_type: memory(1, 0),
      prog_name: memoryString(1, 48, 16),
      attach_type: memory(1, 68),
      instructions: { kind: 'indirect-bytes', args: [1], at: 'entry', param: 8 | (4 << 8) | (8 << 16) | (4 << 24) },
    }),
    bpfCall('other', {}),
  ],
});

export const memfd_create = event({
  name: 'memfd_create',
  id: 208,
  since: '0.1',
  category: 'kernel',
  preset: 'lean',
  doc: 'A file that lives in memory only was made.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file.'), name: string('Its name.'), flags: u32('Flags of the call.') },
  files: { file: 'file' },
  fields: { retval, name: str('name', 'Its name.'), flags: int('flags', 'Flags of the call.', 'memfd-flags') },
  calls: [{ name: 'memfd_create', captures: { file: { kind: 'result-file', args: [], at: 'exit' }, name: text(0), flags: word(1) } }],
});

export const io_uring_setup = event({
  name: 'io_uring_setup',
  id: 209,
  since: '0.1',
  category: 'kernel',
  preset: 'lean',
  doc: 'A queue was made through which the kernel acts without system calls: what goes through it is a blind spot.',
  result: 'exit',
  shown: 'all',
  columns: { entries: u32('Length of the queue.'), flags: u32('Flags of the parameters.') },
  fields: { retval, entries: int('entries', 'Length of the queue.'), flags: int('flags', 'Flags of the parameters.') },
  calls: [{ name: 'io_uring_setup', captures: { entries: word(0), flags: memory(1, 8) } }],
});

const pidTarget = i32('Pid of the target in the pid namespace of the recorder.');

export const process_vm_writev = event({
  name: 'process_vm_writev',
  id: 214,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'The memory of another process was written.',
  result: 'exit',
  shown: refused,
  columns: { target: pidTarget, bytes: string('First bytes that were written.') },
  processes: { target: 'target' },
  fields: { retval, bytes: str('bytes', 'First bytes that were written.') },
  calls: [
    {
      name: 'process_vm_writev',
      captures: { target: { kind: 'pid', args: [0], at: 'entry' }, bytes: { kind: 'vector-bytes', args: [1, 2], at: 'entry', param: 256 } },
    },
  ],
});

export const process_vm_readv = event({
  name: 'process_vm_readv',
  id: 215,
  since: '0.1',
  category: 'kernel',
  preset: 'all',
  doc: 'The memory of another process was read.',
  result: 'exit',
  shown: refused,
  columns: { target: pidTarget },
  processes: { target: 'target' },
  fields: { retval },
  calls: [{ name: 'process_vm_readv', captures: { target: { kind: 'pid', args: [0], at: 'entry' } } }],
});

export const keyctl = event({
  name: 'keyctl',
  id: 216,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A keyring of the kernel was used.',
  result: 'exit',
  shown: refused,
  columns: { operation: u32('Operation of keyctl; 0xffffffff: add_key, 0xfffffffe: request_key.'), type: string('Type of the key.'), description: string('Its description.') },
  fields: {
    retval,
    operation: int('operation', 'Operation of keyctl; 4294967295: add_key, 4294967294: request_key.', 'keyctl-operations'),
    key_type: str('type', 'Type of the key.'),
    description: str('description', 'Its description.'),
  },
  calls: [
    { name: 'keyctl', captures: { operation: word(0) } },
    { name: 'add_key', captures: { operation: { kind: 'constant', args: [], at: 'entry', param: 0xffffffff }, type: text(0), description: text(1) } },
    { name: 'request_key', captures: { operation: { kind: 'constant', args: [], at: 'entry', param: 0xfffffffe }, type: text(0), description: text(1) } },
  ],
});

export const userfaultfd = event({
  name: 'userfaultfd',
  id: 217,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A descriptor was made through which a program answers its own page faults.',
  result: 'exit',
  shown: refused,
  columns: { flags: u32('Flags of the call.') },
  fields: { retval, flags: int('flags', 'Flags of the call.') },
  calls: [{ name: 'userfaultfd', captures: { flags: word(0) } }],
});

export const perf_event_open = event({
  name: 'perf_event_open',
  id: 218,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A performance counter or trace point was opened.',
  result: 'exit',
  shown: refused,
  columns: { type: u32('Type of the event.'), config: u64('Its configuration.'), target: i32('Pid of the target; 0 self, −1 all.'), cpu: i32('CPU; −1 all.') },
  fields: {
    retval,
    type: int('type', 'Type of the event.'),
    config: int('config', 'Its configuration.'),
    pid: int('target', 'Pid of the target; 0 self, −1 all.'),
    cpu: int('cpu', 'CPU; −1 all.'),
  },
  calls: [
    {
      name: 'perf_event_open',
      captures: { type: memory(0, 0), config: memory(0, 8), target: { kind: 'pid', args: [1], at: 'entry' }, cpu: word(2) },
    },
  ],
});

export const kexec = event({
  name: 'kexec',
  id: 227,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'Another kernel was loaded.',
  result: 'exit',
  shown: 'all',
  columns: { file: file('The kernel; absent when it came from memory.'), command_line: string('Its command line.'), flags: u64('Flags of the call.') },
  files: { file: 'file' },
  fields: { retval, command_line: str('command_line', 'Its command line.'), flags: int('flags', 'Flags of the call.') },
  calls: [
    { name: 'kexec_load', captures: { flags: word(3) } },
    { name: 'kexec_file_load', captures: { file: descriptor(0), command_line: text(3), flags: word(4) } },
  ],
});

export const seccomp = event({
  name: 'seccomp',
  id: 228,
  since: '0.1',
  category: 'kernel',
  preset: 'lean',
  doc: 'A process put itself under a system call filter: such a filter can hide calls from the recorder.',
  result: 'exit',
  shown: refused,
  columns: {
    operation: u32('Operation of seccomp(); for prctl its mode less 1.'),
    flags: u32('Flags of the call.'),
    program: string('The filter, 8 bytes an instruction.'),
  },
  fields: {
    retval,
    operation: int('operation', '0 strict, 1 filter, 2 ask for an action, 3 ask for sizes.'),
    flags: int('flags', 'Flags of the call.'),
    filter_len: { type: 'int', doc: 'Number of instructions.', from: 'derived', needs: ['program'] },
  },
  calls: [
    {
      name: 'seccomp',
      when: [{ arg: 0, test: 'is', values: [1] }],
      captures: { operation: word(0), flags: word(1), program: { kind: 'indirect-bytes', args: [2], at: 'entry', param: 8 | (0 << 8) | (8 << 16) | (2 << 24) } },
    },
    { name: 'seccomp', when: [{ arg: 0, test: 'is-not', values: [1] }], captures: { operation: word(0), flags: word(1) } },
    {
      name: 'prctl',
      when: [
        { arg: 0, test: 'is', values: [22] },
        { arg: 1, test: 'is', values: [2] },
      ],
      captures: {
        operation: { kind: 'constant', args: [], at: 'entry', param: 1 },
        program: { kind: 'indirect-bytes', args: [2], at: 'entry', param: 8 | (0 << 8) | (8 << 16) | (2 << 24) },
      },
    },
    {
      name: 'prctl',
      when: [
        { arg: 0, test: 'is', values: [22] },
        { arg: 1, test: 'is', values: [1] },
      ],
      captures: { operation: { kind: 'constant', args: [], at: 'entry', param: 0 } },
    },
  ],
});

export const clock_set = event({
  name: 'clock_set',
  id: 233,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A clock of the machine was set or steered.',
  result: 'exit',
  shown: refused,
  columns: { clock: u32('Clock id.'), seconds: u64('New time in seconds; 0 when it is steered.') },
  fields: { retval, clock: int('clock', 'Clock id.'), seconds: int('seconds', 'New time in seconds.') },
  calls: [
    { name: 'clock_settime', captures: { clock: word(0), seconds: memory(1, 0) } },
    { name: 'clock_settime64', captures: { clock: word(0), seconds: memory(1, 0) } },
    { name: 'settimeofday', captures: { seconds: memory(0, 0) } },
  ],
});

export const reboot = event({
  name: 'reboot',
  id: 235,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'The machine was told to stop, to restart, or to change what Ctrl-Alt-Del does.',
  result: 'entry',
  shown: 'all',
  columns: { command: u32('Command.') },
  fields: { command: int('command', 'Command.', 'reboot-commands') },
  calls: [{ name: 'reboot', captures: { command: word(2) } }],
});

export const acct = event({
  name: 'acct',
  id: 237,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'Process accounting was switched on or off.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The accounting file; absent: off.'), named },
  files: { file: 'file' },
  fields: { retval, 'syscall.path': syscallPath },
  calls: [{ name: 'acct', captures: { file: follow(0), named: text(0) } }],
});

export const swap = event({
  name: 'swap',
  id: 236,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A swap area was switched on or off.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The area.'), named, on: u32('1 on, 0 off.') },
  files: { file: 'file' },
  fields: { retval, on: bool('on', 'Switched on.'), 'syscall.path': syscallPath },
  calls: [
    { name: 'swapon', captures: { file: follow(0), named: text(0), on: { kind: 'constant', args: [], at: 'entry', param: 1 } } },
    { name: 'swapoff', captures: { file: follow(0), named: text(0) } },
  ],
});

export const ports = event({
  name: 'ports',
  id: 238,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'A process asked for the input and output ports of the machine.',
  result: 'exit',
  shown: refused,
  columns: { level: u32('Level of iopl.'), from: u64('First port of ioperm.'), count: u64('Number of ports of ioperm.') },
  fields: { retval, level: int('level', 'Level of iopl.'), from: int('from', 'First port of ioperm.'), count: int('count', 'Number of ports of ioperm.') },
  calls: [
    { name: 'iopl', captures: { level: word(0) } },
    { name: 'ioperm', captures: { from: word(0), count: word(1) } },
  ],
});

const kernelOnly = (doc: string) => `${doc} is decided inside the kernel; no system call tells it.`;

export const capabilities = event({
  name: 'capabilities',
  id: 40,
  since: '0.1',
  category: 'kernel',
  preset: 'all',
  doc: 'Capabilities that a process tried and used, summed over time.',
  result: 'derived',
  unavailable: kernelOnly('The use of capabilities'),
  shown: [],
  columns: {},
  fields: {
    attempted: absent('int', 'Capabilities that were asked for.', kernelOnly('The use of capabilities')),
    used: absent('int', 'Capabilities that were used.', kernelOnly('The use of capabilities')),
  },
  calls: [],
});

export const kernelEvents = [
  mmap,
  mprotect,
  load_module,
  unload_module,
  bpf,
  memfd_create,
  io_uring_setup,
  process_vm_writev,
  process_vm_readv,
  keyctl,
  userfaultfd,
  perf_event_open,
  kexec,
  seccomp,
  clock_set,
  reboot,
  acct,
  swap,
  ports,
  capabilities,
] as const;
