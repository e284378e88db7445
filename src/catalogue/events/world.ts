/** What a process sees as its world: mounts, roots, namespaces, host names; and the generic call. */
import { type Capture, event, type FieldRow, PathMode } from '../row.js';
import { bool, descriptor, file, follow, i32, int, named, path, refused, retval, str, string, syscallPath, task, text, u32, u64, word } from './shape.js';

const NO_FD_PATH = PathMode.follow | PathMode.emptyFlag;

export const mount = event({
  name: 'mount',
  id: 16,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A file system was mounted, moved, bound or mounted anew with other options.',
  result: 'exit',
  shown: refused,
  columns: {
    mountpoint: file('The mount point.'),
    source: file('The source, when it is a path.'),
    named_source: string('The source as the program named it.'),
    named,
    fs_type: string('Type of the file system.'),
    flags: u64('MS_* flags.'),
    options: string('Options.'),
    root: string('The part of the file system that is mounted, from mountinfo after the call.'),
  },
  fields: {
    retval,
    fs_type: str('fs_type', 'Type of the file system.'),
    detached: { type: 'bool', doc: 'The mount has no place in the mount tree: never so for mount().', from: 'derived', needs: [] },
    visible: { type: 'bool', doc: 'The mount can be seen in the mount tree.', from: 'derived', needs: [] },
    'mountpoint.path': { type: 'string', doc: 'The mount point.', from: 'mountpoint.path', path: true },
    'source.path': { type: 'string', doc: 'The source of a bind mount, resolved.', from: 'source.path', path: true },
    'root.path': { type: 'string', doc: 'The part of the file system that is mounted.', from: 'root', path: true },
    flags: int('flags', 'Flags of the call.', 'mount-flags'),
    'syscall.source.path': { type: 'string', doc: 'The source as the program named it.', from: 'named_source', path: true },
    'syscall.mountpoint.path': { type: 'string', doc: 'The mount point as the program named it.', from: 'named', path: true },
    'syscall.fs_type': str('fs_type', 'Type of the file system of the call.'),
  },
  calls: [
    {
      name: 'mount',
      captures: {
        mountpoint: follow(1),
        source: follow(0),
        named_source: text(0),
        named: text(1),
        fs_type: text(2),
        flags: word(3),
        options: { kind: 'string', args: [4], at: 'entry' },
        root: { kind: 'native', args: [], at: 'exit' },
      },
    },
  ],
});

export const umount = event({
  name: 'umount',
  id: 201,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A file system was unmounted.',
  result: 'exit',
  shown: refused,
  columns: { mountpoint: file('The mount point.'), named, flags: u32('Flags of the call.') },
  fields: {
    retval,
    'mountpoint.path': { type: 'string', doc: 'The mount point.', from: 'mountpoint.path', path: true },
    flags: int('flags', 'Flags of the call.', 'umount-flags'),
    'syscall.path': syscallPath,
  },
  calls: [
    { name: 'umount2', captures: { mountpoint: follow(0), named: text(0), flags: word(1) } },
    { name: 'umount', captures: { mountpoint: follow(0), named: text(0) } },
  ],
});

export const chroot = event({
  name: 'chroot',
  id: 202,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'The root directory of a process was changed.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The new root.'), named, root: string('The root directory after the call.') },
  files: { file: 'file' },
  fields: { retval, 'syscall.path': syscallPath },
  calls: [{ name: 'chroot', captures: { file: follow(0), named: text(0), root: { kind: 'directory', args: [], at: 'exit', param: 1 } } }],
});

export const pivot_root = event({
  name: 'pivot_root',
  id: 203,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'The root mount of a mount namespace was changed.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('The new root.'),
    old: file('Where the old root was put.'),
    named,
    named_old: string('Where the old root was put, as named.'),
    root: string('The root directory after the call.'),
    cwd: string('The working directory after the call.'),
  },
  files: { file: 'file', 'file.destination': 'old' },
  fields: { retval, 'syscall.path': syscallPath },
  calls: [
    {
      name: 'pivot_root',
      captures: {
        file: follow(0),
        old: follow(1),
        named: text(0),
        named_old: text(1),
        root: { kind: 'directory', args: [], at: 'exit', param: 1 },
        cwd: { kind: 'directory', args: [], at: 'exit', param: 0 },
      },
    },
  ],
});

const after = {
  namespaces: { type: 'namespaces', doc: 'Namespaces after the call.' },
  credentials: { type: 'credentials', doc: 'Credentials after the call: a new user namespace gives all capabilities in it.' },
} as const;

export const unshare = event({
  name: 'unshare',
  id: 36,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'A process left namespaces or other things that it shared.',
  result: 'exit',
  shown: refused,
  columns: { flags: u64('CLONE_* flags.'), ...after },
  fields: { retval, flags: int('flags', 'CLONE_* flags.', 'clone-flags') },
  calls: [{ name: 'unshare', captures: { flags: word(0), namespaces: task, credentials: task } }],
});

const directoryAfter = (which: 0 | 1): Capture => ({ kind: 'directory', args: [], at: 'exit', param: which });

export const setns = event({
  name: 'setns',
  id: 205,
  since: '0.1',
  category: 'process',
  preset: 'lean',
  doc: 'A process entered namespaces of others.',
  result: 'exit',
  shown: refused,
  columns: {
    file: file('What the descriptor leads to: a namespace or a pidfd.'),
    type: u32('CLONE_NEW* flags of the call.'),
    ...after,
    cwd: string('The working directory after the call.'),
    root: string('The root directory after the call.'),
  },
  files: { file: 'file' },
  fields: { retval, type: int('type', 'CLONE_NEW* flags of the call.', 'clone-flags') },
  calls: [
    {
      name: 'setns',
      captures: { file: descriptor(0), type: word(1), namespaces: task, credentials: task, cwd: directoryAfter(0), root: directoryAfter(1) },
    },
  ],
});

export const fsopen = event({
  name: 'fsopen',
  id: 219,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'The mounting of a file system was begun.',
  result: 'exit',
  shown: refused,
  columns: { fs_type: string('Type of the file system.'), flags: u32('Flags of the call.') },
  fields: { retval, fs_type: str('fs_type', 'Type of the file system.'), flags: int('flags', 'Flags of the call.') },
  calls: [{ name: 'fsopen', captures: { fs_type: text(0), flags: word(1) } }],
});

export const fsmount = event({
  name: 'fsmount',
  id: 220,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A file system was mounted without a place in the mount tree.',
  result: 'exit',
  shown: refused,
  columns: { descriptor: i32('Descriptor of fsopen.'), flags: u32('Flags of the call.'), attributes: u32('Attributes of the mount.') },
  fields: { retval, flags: int('flags', 'Flags of the call.'), attributes: int('attributes', 'Attributes of the mount.') },
  calls: [{ name: 'fsmount', captures: { descriptor: word(0), flags: word(1), attributes: word(2) } }],
});

export const move_mount = event({
  name: 'move_mount',
  id: 221,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A mount was put in its place, or moved.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The mount.'), destination: file('Its place.'), named, named_destination: string('Its place as named.'), flags: u32('Flags of the call.') },
  files: { file: 'file', 'file.destination': 'destination' },
  fields: { retval, flags: int('flags', 'Flags of the call.'), 'syscall.path': syscallPath },
  calls: [
    {
      name: 'move_mount',
      captures: {
        file: path(0, 1, PathMode.follow | PathMode.nullIsDescriptor),
        destination: path(2, 3, PathMode.follow | PathMode.nullIsDescriptor),
        named: text(1),
        named_destination: text(3),
        flags: word(4),
      },
    },
  ],
});

export const open_tree = event({
  name: 'open_tree',
  id: 222,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'A mount was taken up, or copied, as a descriptor.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The mount.'), named, flags: u32('Flags of the call.') },
  files: { file: 'file' },
  fields: { retval, flags: int('flags', 'Flags of the call.'), 'syscall.path': syscallPath },
  calls: ['open_tree', 'open_tree_attr'].map((name) => ({ name, captures: { file: path(0, 1, NO_FD_PATH, 2), named: text(1), flags: word(2) } })),
});

export const mount_setattr = event({
  name: 'mount_setattr',
  id: 229,
  since: '0.1',
  category: 'file',
  preset: 'default',
  doc: 'Attributes of mounts were changed.',
  result: 'exit',
  shown: refused,
  columns: { file: file('The mount.'), named, flags: u32('Flags of the call.'), set: u64('Attributes to set.'), clear: u64('Attributes to clear.') },
  files: { file: 'file' },
  fields: { retval, flags: int('flags', 'Flags of the call.'), set: int('set', 'Attributes to set.'), clear: int('clear', 'Attributes to clear.'), 'syscall.path': syscallPath },
  calls: [
    {
      name: 'mount_setattr',
      captures: {
        file: path(0, 1, NO_FD_PATH, 2),
        named: text(1),
        flags: word(2),
        set: { kind: 'memory', args: [3], at: 'entry', param: 0 },
        clear: { kind: 'memory', args: [3], at: 'entry', param: 8 },
      },
    },
  ],
});

export const hostname = event({
  name: 'hostname',
  id: 234,
  since: '0.1',
  category: 'kernel',
  preset: 'default',
  doc: 'The host or domain name was set.',
  result: 'exit',
  shown: refused,
  columns: { name: string('The name.'), domain: u32('1: the domain name.') },
  fields: { retval, name: str('name', 'The name.'), domain: bool('domain', 'The domain name, not the host name.') },
  calls: [
    { name: 'sethostname', captures: { name: { kind: 'bytes', args: [0, 1], at: 'entry', param: 64 } } },
    { name: 'setdomainname', captures: { name: { kind: 'bytes', args: [0, 1], at: 'entry', param: 64 }, domain: { kind: 'constant', args: [], at: 'entry', param: 1 } } },
  ],
});

const written = (type: FieldRow['type'], doc: string): FieldRow => ({ type, doc, from: 'derived', needs: ['file', 'bytes'] });
const writeColumns = { file: file('The file that was written.'), bytes: string('First bytes that were written.') } as const;

export const sysctl = event({
  name: 'sysctl',
  id: 38,
  since: '0.1',
  category: 'kernel',
  preset: 'all',
  doc: 'A kernel parameter below /proc/sys was written.',
  result: 'derived',
  derivedFrom: 'write',
  shown: refused,
  columns: { ...writeColumns, before: string('The value before.') },
  fields: {
    action: { ...written('int', 'Always SYSCTL_WRITE.'), constants: 'sysctl-actions' },
    file_position: written('int', 'Always 0: writes at other places are not recorded.'),
    name: written('string', 'Path of the parameter below /proc/sys.'),
    name_truncated: written('bool', 'The name was cut: never.'),
    value: written('string', 'The new value.'),
    value_truncated: { type: 'bool', doc: 'The value was cut.', from: 'bytes', as: 'truncated' },
    old_value: { type: 'string', doc: 'The value before; empty when it cannot be read.', from: 'derived', needs: ['before'] },
    old_value_truncated: { type: 'bool', doc: 'The value before was cut.', from: 'before', as: 'truncated' },
  },
  calls: [],
});

export const cgroup_write = event({
  name: 'cgroup_write',
  id: 39,
  since: '0.1',
  category: 'kernel',
  preset: 'all',
  doc: 'A process was moved to a cgroup.',
  result: 'derived',
  derivedFrom: 'write',
  shown: refused,
  columns: writeColumns,
  files: { file: 'file' },
  fields: { pid: written('int', 'The process, as written; 0: the writer.') },
  calls: [],
});

export const selinux = event({
  name: 'selinux',
  id: 41,
  since: '0.1',
  category: 'kernel',
  preset: 'all',
  doc: 'The SELinux policy was steered through its file system.',
  result: 'derived',
  derivedFrom: 'write',
  shown: refused,
  columns: writeColumns,
  fields: {
    'bool.name': written('string', 'Name of the boolean.'),
    'bool.state': written('string', '`on` or `off`.'),
    'bool_commit.state': written('bool', 'Pending booleans were put in force.'),
    'enforce.status': written('string', '`enforcing`, `permissive` or `disabled`.'),
  },
  calls: [],
});

export const syscall = event({
  name: 'syscall',
  id: 200,
  since: '0.1',
  category: 'other',
  preset: 'lean',
  doc: 'A system call without a row of its own that could not be left alone: of a foreign ABI or with an unknown number.',
  result: 'exit',
  shown: 'all',
  columns: {
    a: u64('First argument word.'),
    b: u64('Second argument word.'),
    c: u64('Third argument word.'),
    d: u64('Fourth argument word.'),
    e: u64('Fifth argument word.'),
    f: u64('Sixth argument word.'),
  },
  fields: {
    retval,
    number: int('nr', 'Number of the call.'),
    arch: int('arch', 'Architecture of the call.', 'architectures'),
    name: { type: 'string', doc: 'Name of the call; empty when unknown.', from: 'derived', needs: [] },
  },
  calls: [],
});

export const worldEvents = [
  mount,
  umount,
  chroot,
  pivot_root,
  unshare,
  setns,
  fsopen,
  fsmount,
  move_mount,
  open_tree,
  mount_setattr,
  hostname,
  sysctl,
  cgroup_write,
  selinux,
  syscall,
] as const;
