/** What happens to files: Datadog's events. */
import { CWD, event, NONE, PathMode } from '../row.js';
import { constant, descriptor, file, follow, i64, int, memory, named, noFollow, path, pathAfter, refused, retval, string, syscallPath, text, u32, word } from './shape.js';

const opened = (dirfd: number, pointer: number, how: number = NONE) =>
  ({
    kind: 'opened',
    args: [dirfd, pointer, how],
    at: 'exit',
    param: PathMode.follow | (how === NONE ? 0 : PathMode.openHow),
  }) as const;
/** O_CREAT | O_WRONLY | O_TRUNC: what creat() means. */
const CREAT_FLAGS = 0o1101;
const AT_REMOVEDIR = 0x200;

export const open = event({
  name: 'open',
  id: 4,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A file was opened, or an attempt to open it was made.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('What was opened: by the descriptor that the call returned, else by resolving the name.'),
    named,
    flags: u32('Flags of the call.'),
    mode: u32('Mode for a file that is made.'),
    resolve: u32('RESOLVE_* flags of openat2.'),
  },
  files: { file: 'file' },
  fields: {
    retval,
    flags: int('flags', 'Flags of the call.', 'open-flags'),
    'file.destination.mode': int('mode', 'Mode for a file that is made.', 'file-mode'),
    'syscall.path': syscallPath,
    'syscall.flags': int('flags', 'Flags of the call.', 'open-flags'),
    'syscall.mode': int('mode', 'Mode of the call.', 'file-mode'),
  },
  calls: [
    { name: 'openat', captures: { file: opened(0, 1), named: text(1), flags: word(2), mode: word(3) } },
    { name: 'open', captures: { file: opened(CWD, 0), named: text(0), flags: word(1), mode: word(2) } },
    { name: 'openat2', captures: { file: opened(0, 1, 2), named: text(1), flags: memory(2, 0), mode: memory(2, 8), resolve: memory(2, 16) } },
    { name: 'creat', captures: { file: opened(CWD, 0), named: text(0), flags: constant(CREAT_FLAGS), mode: word(1) } },
    { name: 'open_by_handle_at', captures: { file: { kind: 'result-file', args: [], at: 'exit' }, flags: word(2) } },
    { name: 'memfd_create', captures: { file: { kind: 'result-file', args: [], at: 'exit' }, named: text(0), flags: word(1) } },
  ],
});

export const unlink = event({
  name: 'unlink',
  id: 5,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A name of a file was removed.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file, as it was before.'), named, flags: u32('Flags of the call.'), dirfd: { type: 'i32', doc: 'The directory descriptor.' } },
  files: { file: 'file' },
  fields: {
    retval,
    flags: int('flags', 'Flags of the call.', 'unlink-flags'),
    'syscall.dirfd': int('dirfd', 'Directory descriptor of the call.'),
    'syscall.path': syscallPath,
    'syscall.flags': int('flags', 'Flags of the call.', 'unlink-flags'),
  },
  calls: [
    { name: 'unlink', captures: { file: noFollow(0), named: text(0), dirfd: constant(-100) } },
    {
      name: 'unlinkat',
      when: [{ arg: 2, test: 'no-bit', values: [AT_REMOVEDIR] }],
      captures: { file: path(0, 1, 0), named: text(1), flags: word(2), dirfd: word(0) },
    },
  ],
});

export const rmdir = event({
  name: 'rmdir',
  id: 6,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A directory was removed.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The directory, as it was before.'), named },
  files: { file: 'file' },
  fields: { retval, 'syscall.path': syscallPath },
  calls: [
    { name: 'rmdir', captures: { file: noFollow(0), named: text(0) } },
    { name: 'unlinkat', when: [{ arg: 2, test: 'any-bit', values: [AT_REMOVEDIR] }], captures: { file: path(0, 1, 0), named: text(1) } },
  ],
});

export const rename = event({
  name: 'rename',
  id: 7,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A file was renamed.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('The file under its old name, before.'),
    destination: file('The file under its new name, after.'),
    named,
    named_destination: string('The new path as the program named it.'),
    flags: u32('Flags of renameat2.'),
  },
  files: { file: 'file', 'file.destination': 'destination' },
  fields: {
    retval,
    'syscall.path': syscallPath,
    'syscall.destination.path': { type: 'string', doc: 'The new path as the program named it.', from: 'named_destination', path: true },
  },
  calls: [
    { name: 'rename', captures: { file: noFollow(0), destination: pathAfter(CWD, 1), named: text(0), named_destination: text(1) } },
    { name: 'renameat', captures: { file: path(0, 1, 0), destination: pathAfter(2, 3), named: text(1), named_destination: text(3) } },
    {
      name: 'renameat2',
      captures: { file: path(0, 1, 0), destination: pathAfter(2, 3), named: text(1), named_destination: text(3), flags: word(4) },
    },
  ],
});

export const mkdir = event({
  name: 'mkdir',
  id: 8,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A directory was made.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The directory, after.'), named, mode: u32('Mode of the call.') },
  files: { file: 'file' },
  fields: {
    retval,
    'file.destination.mode': int('mode', 'Mode of the call.', 'file-mode'),
    'file.destination.rights': { ...int('mode', 'Rights of the call.', 'file-mode'), as: 'rights' },
    'syscall.path': syscallPath,
    'syscall.mode': int('mode', 'Mode of the call.', 'file-mode'),
  },
  calls: [
    { name: 'mkdir', captures: { file: pathAfter(CWD, 0), named: text(0), mode: word(1) } },
    { name: 'mkdirat', captures: { file: pathAfter(0, 1), named: text(1), mode: word(2) } },
  ],
});

export const link = event({
  name: 'link',
  id: 9,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A hard or symbolic link was made.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('What the link leads to, before; a symbolic target is resolved from the directory of the link.'),
    destination: file('The link, after.'),
    named,
    named_destination: string('The path of the link as the program named it.'),
    symbolic: u32('1: a symbolic link.'),
  },
  files: { file: 'file', 'file.destination': 'destination' },
  fields: {
    retval,
    symbolic: { type: 'bool', doc: 'A symbolic link, not a hard one.', from: 'symbolic', as: 'bool' },
    'syscall.path': syscallPath,
    'syscall.destination.path': { type: 'string', doc: 'The path of the link as the program named it.', from: 'named_destination', path: true },
  },
  calls: [
    { name: 'link', captures: { file: noFollow(0), destination: pathAfter(CWD, 1), named: text(0), named_destination: text(1) } },
    {
      name: 'linkat',
      captures: {
        file: path(0, 1, PathMode.followFlag | PathMode.emptyFlag, 4),
        destination: pathAfter(2, 3),
        named: text(1),
        named_destination: text(3),
      },
    },
    {
      name: 'symlink',
      captures: {
        file: { kind: 'link-target', args: [0, CWD, 1], at: 'entry' },
        destination: pathAfter(CWD, 1),
        named: text(0),
        named_destination: text(1),
        symbolic: constant(1),
      },
    },
    {
      name: 'symlinkat',
      captures: {
        file: { kind: 'link-target', args: [0, 1, 2], at: 'entry' },
        destination: pathAfter(1, 2),
        named: text(0),
        named_destination: text(2),
        symbolic: constant(1),
      },
    },
  ],
});

export const chmod = event({
  name: 'chmod',
  id: 10,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'The mode of a file was set.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file, as it was before.'), named, mode: u32('Mode of the call.') },
  files: { file: 'file' },
  fields: {
    retval,
    'file.destination.mode': int('mode', 'The new mode.', 'file-mode'),
    'file.destination.rights': { ...int('mode', 'The new rights.', 'file-mode'), as: 'rights' },
    'syscall.path': syscallPath,
    'syscall.mode': int('mode', 'Mode of the call.', 'file-mode'),
  },
  calls: [
    { name: 'chmod', captures: { file: follow(0), named: text(0), mode: word(1) } },
    { name: 'fchmod', captures: { file: descriptor(0), mode: word(1) } },
    { name: 'fchmodat', captures: { file: path(0, 1, PathMode.follow), named: text(1), mode: word(2) } },
    {
      name: 'fchmodat2',
      captures: { file: path(0, 1, PathMode.follow | PathMode.nofollowFlag | PathMode.emptyFlag, 3), named: text(1), mode: word(2) },
    },
  ],
});

const owners = { uid: u32('The new owner; 0xffffffff: unchanged.'), gid: u32('The new group; 0xffffffff: unchanged.') } as const;
const owned = (name: string, target: ReturnType<typeof follow>) => ({
  name,
  captures: { file: target, named: text(0), uid: word(1), gid: word(2) },
});

export const chown = event({
  name: 'chown',
  id: 11,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'The owner of a file was set.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file, as it was before.'), named, ...owners },
  files: { file: 'file' },
  fields: {
    retval,
    'file.destination.uid': int('uid', 'The new owner; −1: unchanged.'),
    'file.destination.user': { type: 'string', doc: 'Name of the new owner.', from: 'uid', as: 'user' },
    'file.destination.gid': int('gid', 'The new group; −1: unchanged.'),
    'file.destination.group': { type: 'string', doc: 'Name of the new group.', from: 'gid', as: 'group' },
    'syscall.path': syscallPath,
    'syscall.uid': int('uid', 'Owner of the call.'),
    'syscall.gid': int('gid', 'Group of the call.'),
  },
  calls: [
    owned('chown', follow(0)),
    owned('chown32', follow(0)),
    owned('lchown', noFollow(0)),
    owned('lchown32', noFollow(0)),
    { name: 'fchown', captures: { file: descriptor(0), uid: word(1), gid: word(2) } },
    { name: 'fchown32', captures: { file: descriptor(0), uid: word(1), gid: word(2) } },
    {
      name: 'fchownat',
      captures: {
        file: path(0, 1, PathMode.follow | PathMode.nofollowFlag | PathMode.emptyFlag, 4),
        named: text(1),
        uid: word(2),
        gid: word(3),
      },
    },
  ],
});

const times = { access_time: i64('The new access time, ns of wall time.'), modification_time: i64('The new modification time, ns of wall time.') } as const;
/** Formats of capture kind `time`. */
const TIMESPEC = 0;
const TIMEVAL = 1;
const UTIMBUF = 2;
const timesOf = (arg: number, format: number) =>
  ({
    access_time: { kind: 'time', args: [arg], at: 'entry', param: format },
    modification_time: { kind: 'time', args: [arg], at: 'entry', param: format | (1 << 4) },
  }) as const;

export const utimes = event({
  name: 'utimes',
  id: 12,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'The times of a file were set.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file, as it was before.'), named, ...times },
  files: { file: 'file' },
  fields: { retval, 'syscall.path': syscallPath },
  calls: [
    { name: 'utime', captures: { file: follow(0), named: text(0), ...timesOf(1, UTIMBUF) } },
    { name: 'utimes', captures: { file: follow(0), named: text(0), ...timesOf(1, TIMEVAL) } },
    { name: 'futimesat', captures: { file: path(0, 1, PathMode.follow | PathMode.nullIsDescriptor), named: text(1), ...timesOf(2, TIMEVAL) } },
    ...['utimensat', 'utimensat_time64'].map((name) => ({
      name,
      captures: {
        file: path(0, 1, PathMode.follow | PathMode.nofollowFlag | PathMode.emptyFlag | PathMode.nullIsDescriptor, 3),
        named: text(1),
        ...timesOf(2, TIMESPEC),
      },
    })),
  ],
});

const attribute = {
  'file.destination.name': { type: 'string', doc: 'Name of the attribute.', from: 'attribute' },
  'file.destination.namespace': { type: 'string', doc: 'Its name up to the first dot.', from: 'derived', needs: ['attribute'] },
} as const;

export const setxattr = event({
  name: 'setxattr',
  id: 13,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'An extended attribute of a file was set.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('The file.'),
    named,
    attribute: string('Name of the attribute.'),
    value: string('First bytes of its value.'),
    flags: u32('Flags of the call.'),
  },
  files: { file: 'file' },
  fields: { retval, ...attribute },
  calls: [
    ...(['setxattr', 'lsetxattr'] as const).map((name) => ({
      name,
      captures: {
        file: name === 'setxattr' ? follow(0) : noFollow(0),
        named: text(0),
        attribute: text(1),
        value: { kind: 'bytes', args: [2, 3], at: 'entry', param: 256 } as const,
        flags: word(4),
      },
    })),
    {
      name: 'fsetxattr',
      captures: { file: descriptor(0), attribute: text(1), value: { kind: 'bytes', args: [2, 3], at: 'entry', param: 256 }, flags: word(4) },
    },
    {
      name: 'setxattrat',
      captures: { file: path(0, 1, PathMode.follow | PathMode.nofollowFlag | PathMode.emptyFlag, 2), named: text(1), attribute: text(3) },
    },
  ],
});

export const removexattr = event({
  name: 'removexattr',
  id: 14,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'An extended attribute of a file was removed.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The file.'), named, attribute: string('Name of the attribute.') },
  files: { file: 'file' },
  fields: { retval, ...attribute },
  calls: [
    { name: 'removexattr', captures: { file: follow(0), named: text(0), attribute: text(1) } },
    { name: 'lremovexattr', captures: { file: noFollow(0), named: text(0), attribute: text(1) } },
    { name: 'fremovexattr', captures: { file: descriptor(0), attribute: text(1) } },
    {
      name: 'removexattrat',
      captures: { file: path(0, 1, PathMode.follow | PathMode.nofollowFlag | PathMode.emptyFlag, 2), named: text(1), attribute: text(3) },
    },
  ],
});

export const fileEvents = [open, unlink, rmdir, rename, mkdir, link, chmod, chown, utimes, setxattr, removexattr] as const;
