/**
 * The records: what a stream tells beside the events of the program. Ids are never reused; columns
 * are only added at the end. All are of frame kind 5; see docs/recording-format.md.
 */
import type { Column } from './row.js';

export interface RecordRow {
  readonly name: string;
  readonly id: number;
  readonly doc: string;
  readonly columns: Readonly<Record<string, Column>>;
}

/** Bits of `process.flags`. */
export const ProcessFlag = {
  /** It is recorded; else it is an ancestor or seen by the scanner. */
  traced: 1,
  /** A thread that is not the leader of its group. */
  thread: 2,
  /** A thread of the kernel. */
  kernel: 4,
  /** It has called exec since the recorder knew it, or its program is known. */
  execed: 8,
  /** The first process of the recording. */
  first: 16,
  /** Told by the scanner of /proc. */
  scanned: 32,
  /** An image of the past, told since others come from it: its process is gone or runs another program. */
  dead: 64,
} as const;

export const gapReasons = {
  unknown: 0,
  /** The sink or the socket was too slow, and the buffer is bounded. */
  'sink-full': 1,
  'disk-full': 2,
  disconnected: 3,
  'tracer-died': 4,
  /** A task could not be read when an event was complete. */
  'task-lost': 5,
  /** Cut by a tool. */
  trimmed: 6,
} as const;

export const blindSpotReasons = {
  unknown: 0,
  'io-uring': 1,
  /** A seccomp filter of the program with its own tracer rules, errors or notifications. */
  'foreign-filter': 2,
  'user-notification': 3,
  'foreign-abi': 4,
  'untraced-child': 5,
  'own-ptrace': 6,
  'no-trace-permission': 7,
  'set-user-id': 8,
  /** A file system that a program or another machine serves did not answer in time. */
  'slow-file-system': 9,
} as const;

export const endReasons = {
  unknown: 0,
  /** The traced tree is empty. */
  'tree-empty': 1,
  detached: 2,
  'duration-over': 3,
  'sink-failed': 4,
  'internal-error': 5,
  'disk-full': 6,
} as const;

export const updateKinds = {
  /** `content` of every file with the path, device and inode of `file` is known from here on. */
  content: 1,
  /** `context` of process `pid` is known or has changed. */
  context: 2,
  /** The command name of `pid` is `text`. */
  comm: 3,
  /** `number` processes were missed by the scanner. */
  missed: 4,
  /** The login user id of `pid` is `number`. */
  login: 5,
  /** The terminal of `pid` is `text`; absent: it has none. */
  terminal: 6,
} as const;

const u32 = (doc: string): Column => ({ type: 'u32', doc });
const i32 = (doc: string): Column => ({ type: 'i32', doc });
const u64 = (doc: string): Column => ({ type: 'u64', doc });
const i64 = (doc: string): Column => ({ type: 'i64', doc });
const string = (doc: string): Column => ({ type: 'string', doc });
const list = (doc: string): Column => ({ type: 'list', doc });
const file = (doc: string): Column => ({ type: 'file', doc });
const address = (doc: string): Column => ({ type: 'address', doc });

const words = (table: Readonly<Record<string, number>>): string =>
  Object.entries(table)
    .map(([name, value]) => `${value} ${name}`)
    .join(', ');

export const recordRows = [
  {
    name: 'clock',
    id: 1,
    doc: 'Ties boot time to wall time: wall = realtime + (time − boottime).',
    columns: {
      boottime: u64('CLOCK_BOOTTIME in ns.'),
      realtime: i64('CLOCK_REALTIME in ns at that moment.'),
      reason: u32('0 start of an epoch, 1 the wall clock was set.'),
    },
  },
  {
    name: 'process',
    id: 2,
    doc: 'A task as it is at a checkpoint: an ancestor of the first process, or a live task. Outermost first.',
    columns: {
      pid: u32('Thread group.'),
      tid: u32('Thread.'),
      ppid: u32('Parent.'),
      flags: u32(
        'Bits of ProcessFlag: traced 1, thread 2, kernel 4, execed 8, first 16, scanned 32, dead 64.',
      ),
      start_time: u64('Boot time in ns at which the task began.'),
      exec_time: u64('Boot time in ns of its last exec; 0 unknown.'),
      pgid: u32('Process group.'),
      sid: u32('Session.'),
      own_pid: u32('Its pid in its own pid namespace; 0 unknown.'),
      comm: string('Command name.'),
      tty: string('Terminal, such as `pts3`.'),
      cwd: string('Working directory.'),
      root: string('Root directory; 0 when `/`.'),
      named: string('The path by which its program was started; 0 unknown.'),
      file: file('Its program.'),
      interpreter: file('The program that interprets it.'),
      argv: list('Arguments.'),
      envp: list('Environment: names, and the values of names that are allow-listed.'),
      credentials: { type: 'credentials', doc: 'Credentials.' },
      namespaces: { type: 'namespaces', doc: 'Namespaces.' },
      context: { type: 'context', doc: 'Cgroup, container, session.' },
      image: u32(
        'Number of its image, unique in the recording: each fork and each exec makes one. 0 unknown.',
      ),
      parent_image: u32(
        'The image from which it was forked, or which it was before its last exec; told before. 0 none.',
      ),
      created_at: i64('Wall time in ns of that fork or exec; 0 unknown.'),
    },
  },
  {
    name: 'user',
    id: 3,
    doc: 'The name of a user id, written before the first event that refers to it.',
    columns: {
      id: u32('User id.'),
      name: string('Name.'),
      mount_namespace: u32('Where /etc/passwd was read; 0 for the namespace of the tracer.'),
    },
  },
  {
    name: 'group',
    id: 4,
    doc: 'The name of a group id, written before the first event that refers to it.',
    columns: {
      id: u32('Group id.'),
      name: string('Name.'),
      mount_namespace: u32('Where /etc/group was read; 0 for the namespace of the tracer.'),
    },
  },
  {
    name: 'mount',
    id: 5,
    doc: 'A mount that a file refers to, written before the first event that refers to it.',
    columns: {
      mount_id: u64('As in mountinfo.'),
      parent_id: u64('As in mountinfo.'),
      device: u64('major << 32 | minor.'),
      mount_namespace: u32('Inode of the mount namespace.'),
      root: string('The part of the file system that is mounted.'),
      mountpoint: string('Where.'),
      filesystem: string('Type.'),
      source: string('Source.'),
      options: string('Options.'),
    },
  },
  {
    name: 'descriptor',
    id: 6,
    doc: 'An open descriptor of a live process at a checkpoint.',
    columns: {
      pid: u32('Thread group.'),
      fd: i32('Number.'),
      flags: u32('Flags as in fdinfo (O_*, with O_CLOEXEC for close-on-exec).'),
      socket: u32('Packed as capture kind `socket`; 0 when it is no socket.'),
      file: file('What it leads to.'),
      local: address('Local address of a socket.'),
      peer: address('Peer of a socket.'),
    },
  },
  {
    name: 'gap',
    id: 7,
    doc: 'Events were lost between the event before and the event after.',
    columns: {
      reason: u32(`${words(gapReasons)}.`),
      pid: u32('The process it happened to; 0 all.'),
      lost: u64('Number of events; 0xffffffffffffffff unknown.'),
      begin: u64('Boot time in ns at which it began.'),
      end: u64('Boot time in ns at which it ended.'),
    },
  },
  {
    name: 'blind_spot',
    id: 8,
    doc: 'From here on some acts of a process cannot be seen.',
    columns: {
      reason: u32(`${words(blindSpotReasons)}.`),
      pid: u32('Thread group.'),
      tid: u32('Thread.'),
      time: u64('Boot time in ns.'),
      detail: string('In words.'),
    },
  },
  {
    name: 'update',
    id: 9,
    doc: 'A fact that came late; it holds from here on.',
    columns: {
      kind: u32(`${words(updateKinds)}.`),
      pid: u32('Thread group; 0 none.'),
      file: file('The file that it is about.'),
      content: { type: 'content', doc: 'What was found.' },
      context: { type: 'context', doc: 'What was found.' },
      text: string('What was found.'),
      number: i64('What was found.'),
    },
  },
  {
    name: 'counters',
    id: 10,
    doc: 'A counter of the recorder, as it is at this point of the stream. One record for each.',
    columns: {
      name: string('Such as `stops`, `truncated`, `missing`, `dropped`, `signals-skipped`.'),
      value: u64('Its value.'),
    },
  },
  {
    name: 'end',
    id: 11,
    doc: 'The recording ended as it should; nothing follows but the footer.',
    columns: {
      reason: u32(`${words(endReasons)}.`),
      status: u32('Wait status of the first process; 0xffffffff unknown.'),
      events: u64('Number of events written.'),
      boottime: u64('CLOCK_BOOTTIME in ns.'),
    },
  },
] as const satisfies readonly RecordRow[];

export type RecordName = (typeof recordRows)[number]['name'];
