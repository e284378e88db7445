/** What flows between files: truncation, first bytes, copies inside the kernel, handles, device nodes. */
import { CWD, event, PathMode } from '../row.js';
import { bool, descriptor, file, follow, i32, i64, int, named, path, pathAfter, refused, retval, str, string, syscallPath, text, u32, u64, word } from './shape.js';


export const splice = event({
  name: 'splice',
  id: 15,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'Data was moved between a pipe and a file inside the kernel.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('Where the data came from.'),
    destination: file('Where it went.'),
    length: u64('Bytes asked for.'),
    flags: u32('Flags of the call.'),
  },
  files: { file: 'file' },
  fields: {
    retval,
    pipe_entry_flag: {
      type: 'int',
      doc: 'Flags of the pipe buffer at entry.',
      from: 'derived',
      unavailable: 'Flags of pipe buffers are inside the kernel; no system call tells them.',
      constants: 'pipe-flags',
    },
    pipe_exit_flag: {
      type: 'int',
      doc: 'Flags of the pipe buffer at exit.',
      from: 'derived',
      unavailable: 'Flags of pipe buffers are inside the kernel; no system call tells them.',
      constants: 'pipe-flags',
    },
  },
  calls: [{ name: 'splice', captures: { file: descriptor(0), destination: descriptor(2), length: word(4), flags: word(5) } }],
});

const copied = {
  file: file('Where the data came from.'),
  destination: file('Where it went.'),
  length: u64('Bytes asked for.'),
} as const;

export const tee = event({
  name: 'tee',
  id: 240,
  since: '0.1',
  category: 'file',
  preset: 'all',
  doc: 'Data was copied from a pipe to a pipe inside the kernel.',
  result: 'exit',
  shown: refused,
  columns: copied,
  files: { file: 'file', 'file.destination': 'destination' },
  fields: { retval, length: int('length', 'Bytes asked for.') },
  calls: [{ name: 'tee', captures: { file: descriptor(0), destination: descriptor(1), length: word(2) } }],
});

export const sendfile = event({
  name: 'sendfile',
  id: 241,
  since: '0.1',
  category: 'file',
  preset: 'all',
  doc: 'A file was copied to a descriptor inside the kernel.',
  result: 'exit',
  shown: refused,
  columns: copied,
  files: { file: 'file', 'file.destination': 'destination' },
  fields: { retval, length: int('length', 'Bytes asked for.') },
  calls: ['sendfile', 'sendfile64'].map((name) => ({ name, captures: { file: descriptor(1), destination: descriptor(0), length: word(3) } })),
});

export const copy_file_range = event({
  name: 'copy_file_range',
  id: 242,
  since: '0.1',
  category: 'file',
  preset: 'all',
  doc: 'A range of a file was copied to another file inside the kernel.',
  result: 'exit',
  shown: refused,
  columns: copied,
  files: { file: 'file', 'file.destination': 'destination' },
  fields: { retval, length: int('length', 'Bytes asked for.') },
  calls: [{ name: 'copy_file_range', captures: { file: descriptor(0), destination: descriptor(2), length: word(4) } }],
});

export const truncate = event({
  name: 'truncate',
  id: 207,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A file was cut or extended to a length.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file, as it was before.'), named, length: i64('The new length.') },
  files: { file: 'file' },
  fields: { retval, length: int('length', 'The new length.'), 'syscall.path': syscallPath },
  calls: [
    ...['truncate', 'truncate64'].map((name) => ({ name, captures: { file: follow(0), named: text(0), length: word(1) } })),
    ...['ftruncate', 'ftruncate64'].map((name) => ({ name, captures: { file: descriptor(0), length: word(1) } })),
  ],
});

const before = { kind: 'native', args: [], at: 'entry' } as const;

export const write = event({
  name: 'write',
  id: 212,
  since: '0.1',
  category: 'file',
  preset: 'all',
  doc: 'The beginning of a regular file was written: its first bytes. Writes at other offsets are not recorded.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file.'), bytes: string('First bytes that were written.'), flags: u32('Flags of the descriptor (O_*).'), before: string('Of files below /proc/sys: the value before the call.') },
  files: { file: 'file' },
  fields: {
    retval,
    bytes: str('bytes', 'First bytes that were written; bytes that are not UTF-8 as \\xNN.'),
    size: int('retval', 'Number of bytes that were written.'),
  },
  calls: [
    ...['write', 'pwrite64'].map((name) => ({
      name,
      gate: 'offset-zero' as const,
      ...(name === 'pwrite64' ? { when: [{ arg: 3, test: 'is' as const, values: [0] }] } : {}),
      captures: { file: descriptor(0), bytes: { kind: 'bytes', args: [1, 2], at: 'entry', param: 256 } as const, before },
    })),
    ...['writev', 'pwritev', 'pwritev2'].map((name) => ({
      name,
      gate: 'offset-zero' as const,
      captures: { file: descriptor(0), bytes: { kind: 'vector-bytes', args: [1, 2], at: 'entry', param: 256 } as const, before },
    })),
  ],
});

export const dup = event({
  name: 'dup',
  id: 213,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A descriptor was copied onto standard input, output or error.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('What it leads to.'),
    from: i32('The descriptor that was copied.'),
    to: i32('0, 1 or 2.'),
    socket: u32('Packed as capture kind `socket`; 0 when it is no socket.'),
    peer: { type: 'address', doc: 'Peer of the socket, when it is one.' },
  },
  files: { file: 'file' },
  addresses: { peer: 'peer' },
  fields: {
    retval,
    from: int('from', 'The descriptor that was copied.'),
    to: int('to', '0, 1 or 2.'),
    is_socket: bool('socket', 'It leads to a socket.'),
    socket_family: { ...int('socket', 'Family of the socket.', 'address-family'), as: 'socket-family' },
  },
  calls: ['dup2', 'dup3'].map((name) => ({
    name,
    when: [{ arg: 1, test: 'is' as const, values: [0, 1, 2] }],
    captures: {
      file: descriptor(0),
      from: word(0),
      to: word(1),
      socket: { kind: 'socket', args: [0], at: 'entry' } as const,
      peer: { kind: 'peer-address', args: [0], at: 'entry' } as const,
    },
  })),
});

export const mknod = event({
  name: 'mknod',
  id: 206,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A device node, named pipe or socket was made.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The node, after.'), named, mode: u32('Type and rights of the call.'), device: u32('Device number as the program gave it.') },
  files: { file: 'file' },
  fields: {
    retval,
    'file.destination.mode': int('mode', 'Type and rights of the call.', 'file-mode'),
    device: int('device', 'Device number as the program gave it.'),
    'syscall.path': syscallPath,
  },
  calls: [
    { name: 'mknod', captures: { file: pathAfter(CWD, 0), named: text(0), mode: word(1), device: word(2) } },
    { name: 'mknodat', captures: { file: pathAfter(0, 1), named: text(1), mode: word(2), device: word(3) } },
  ],
});

export const name_to_handle_at = event({
  name: 'name_to_handle_at',
  id: 223,
  since: '0.1',
  category: 'file',
  preset: 'all',
  doc: 'A handle of a file was asked for.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file.'), named, flags: u32('Flags of the call.') },
  files: { file: 'file' },
  fields: { retval, flags: int('flags', 'Flags of the call.', 'at-flags'), 'syscall.path': syscallPath },
  calls: [
    {
      name: 'name_to_handle_at',
      captures: { file: path(0, 1, PathMode.followFlag | PathMode.emptyFlag, 4), named: text(1), flags: word(4) },
    },
  ],
});

export const open_by_handle_at = event({
  name: 'open_by_handle_at',
  id: 224,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A file was opened by its handle, past every directory on the way to it.',
  result: 'exit',
  shown: 'all',
  columns: { file: file('What was opened.'), flags: u32('Flags of the call.') },
  files: { file: 'file' },
  fields: { retval, flags: int('flags', 'Flags of the call.', 'open-flags') },
  calls: [{ name: 'open_by_handle_at', captures: { file: { kind: 'result-file', args: [], at: 'exit' }, flags: word(2) } }],
});

export const fanotify_init = event({
  name: 'fanotify_init',
  id: 225,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A group of file notifications was made.',
  result: 'exit',
  shown: refused,
  columns: { flags: u32('Flags of the call.'), event_flags: u32('Flags of the descriptors of events.') },
  fields: { retval, flags: int('flags', 'Flags of the call.') },
  calls: [{ name: 'fanotify_init', captures: { flags: word(0), event_flags: word(1) } }],
});

export const fanotify_mark = event({
  name: 'fanotify_mark',
  id: 226,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A file, mount or file system was put under notification.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The object.'), named, flags: u32('Flags of the call.'), mask: u64('Events asked for.') },
  files: { file: 'file' },
  fields: { retval, flags: int('flags', 'Flags of the call.'), mask: int('mask', 'Events asked for.'), 'syscall.path': syscallPath },
  calls: [
    {
      name: 'fanotify_mark',
      arches: ['x86_64', 'aarch64'],
      captures: { file: path(3, 4, PathMode.follow | PathMode.nullIsDescriptor), named: text(4), flags: word(1), mask: word(2) },
    },
    {
      name: 'fanotify_mark',
      arches: ['i386'],
      captures: { file: path(4, 5, PathMode.follow | PathMode.nullIsDescriptor), named: text(5), flags: word(1), mask: word(2) },
    },
  ],
});

/** FS_IOC_SETFLAGS (64 and 32 bit), FS_IOC_FSSETXATTR, TIOCSTI, TIOCSETD, TIOCLINUX, TIOCSCTTY, TIOCNOTTY. */
const watchedCommands = [0x40086602, 0x40046602, 0x401c5820, 0x5412, 0x5423, 0x541c, 0x540e, 0x5422];

export const ioctl = event({
  name: 'ioctl',
  id: 239,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A watched command on a descriptor: file attributes (immutable, append-only), input injected into a terminal, line discipline, the terminal of a session taken or given up.',
  result: 'exit',
  shown: refused,
  columns: { file: file('What the descriptor leads to.'), command: u32('Command.'), value: u32('The first word that the argument points to.') },
  files: { file: 'file' },
  fields: { retval, command: int('command', 'Command.', 'ioctl-commands'), value: int('value', 'The first word that the argument points to.') },
  calls: [
    {
      name: 'ioctl',
      when: [{ arg: 1, test: 'is', values: watchedCommands }],
      captures: { file: descriptor(0), command: word(1), value: { kind: 'memory', args: [2], at: 'entry', param: 0 } },
    },
  ],
});

export const dataEvents = [
  splice,
  tee,
  sendfile,
  copy_file_range,
  truncate,
  write,
  dup,
  mknod,
  name_to_handle_at,
  open_by_handle_at,
  fanotify_init,
  fanotify_mark,
  ioctl,
] as const;
