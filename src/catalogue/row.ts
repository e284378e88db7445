/**
 * The types of the rows from which everything about events follows: the C tables and the BPF filter,
 * the decoder, the scope of rules, documentation and JSON schemas.
 *
 * A new system call on an event is one entry in `calls`; a new event is one row; a new argument kind
 * is one C function, one line in `captureKinds` and, when it stores a new type, one decoder.
 */

export type Category = 'process' | 'file' | 'network' | 'kernel' | 'other';

/** `lean` ⊂ `default` ⊂ `all`: the smallest preset of `--trace` that an event belongs to. */
export type Preset = 'lean' | 'default' | 'all';

/**
 * What a column stores. Words are 32 bits, little-endian; see docs/recording-format.md.
 * `string`, `list`, `file`, `credentials`, `namespaces`, `context`, `address` and `content` are
 * numbers of interned strings or tuples, 0 for absent.
 */
export const columnWords = {
  u32: 1,
  i32: 1,
  u64: 2,
  i64: 2,
  string: 1,
  list: 1,
  file: 1,
  credentials: 1,
  namespaces: 1,
  context: 1,
  address: 1,
  content: 1,
} as const;
export type ColumnType = keyof typeof columnWords;

export interface Column {
  readonly type: ColumnType;
  readonly doc: string;
}

/**
 * How the tracer fills a column from a system call. Numbers are argument positions (0–5).
 * Each kind is one function of native/capture*.c.
 */
export const captureKinds = {
  /** The argument's register as it is (u64, i64), or its low half (u32, i32). args: [n] */
  word: 1,
  /** A NUL-terminated string. args: [pointer] → string */
  string: 2,
  /** A path resolved in the tracee's root and mount namespace, with the facts of the file. args: [dirfd or CWD, pointer, flags or NONE] → file */
  path: 3,
  /** The file behind a descriptor. args: [n] → file */
  descriptor: 4,
  /** The file behind the descriptor that the call returned. args: [] → file; exit only */
  'result-file': 5,
  /** A NULL-terminated array of strings. args: [pointer] → list */
  strings: 6,
  /** A socket address. args: [pointer, length] → address */
  address: 7,
  /** The peer's address that the call wrote. args: [pointer, pointer to length] → address; exit only */
  'result-address': 8,
  /** `length` bytes, capped. args: [pointer, length] → string */
  bytes: 9,
  /** A number in the tracee's memory. args: [pointer]; param: byte offset → u32, i32, u64, i64 */
  memory: 10,
  /** Facts of the task as they are at that moment. args: [] → credentials, namespaces, context */
  task: 11,
  /** The domain, type and protocol of the socket behind a descriptor, packed. args: [n] → u32 (family | type << 8 | protocol << 16) */
  socket: 12,
  /** The working directory, or the root, as a path. args: []; param 0 cwd, 1 root → string */
  directory: 13,
  /** A constant. param: the value → u32, i32 */
  constant: 14,
  /** Written by hand in C for this event (exec, fork, exit and the like); the row only declares the column. */
  native: 15,
  /** The destination of sendmsg/sendmmsg. args: [pointer to msghdr] → address */
  'message-address': 16,
  /** The first bytes of the iovec of a msghdr. args: [pointer to msghdr] → string */
  'message-bytes': 17,
  /** A process number of the tracee's pid namespace, told in the tracer's. Zero and negative numbers are kept. args: [n] → i32 */
  pid: 18,
  /** The process behind a pidfd, in the tracer's pid namespace. args: [n] → i32 */
  pidfd: 19,
  /** The text of /proc/PID/fdinfo/N, at most 1 KiB. args: [n], or [] for the descriptor that the call returned → string */
  fdinfo: 20,
  /** A time in ns. args: [pointer]; param: format (0 timespec, 1 timeval, 2 utimbuf) | index << 4. NULL: the time of the call → i64 */
  time: 21,
  /** At most `limit` bytes up to a NUL, inside a structure. args: [pointer]; param: byte offset | limit << 16 → string */
  'memory-string': 22,
  /** Bytes behind a pointer inside a structure. args: [pointer]; param: offset of the pointer | offset of the count << 8 | bytes per item << 16 | width of the count in bytes << 24 → string */
  'indirect-bytes': 23,
  /** The first bytes of an iovec array. args: [pointer, count] → string */
  'vector-bytes': 24,
  /** The local address of the socket behind a descriptor. args: [n] → address */
  'local-address': 25,
  /** The peer's address of the socket behind a descriptor. args: [n] → address */
  'peer-address': 26,
  /** An array of numbers as decimal strings. args: [pointer, count]; param: bytes per number (2 or 4) → list */
  numbers: 27,
  /** The bytes that the call wrote: as many as it returned, capped. args: [pointer]; exit only → string */
  'result-bytes': 28,
  /** The same for recvmsg and recvmmsg. args: [pointer to msghdr]; exit only → string */
  'result-message-bytes': 29,
  /** The file that a new symbolic link leads to: its text is relative to the directory of the link. args: [pointer to text, dirfd or CWD, pointer to link path] → file */
  'link-target': 30,
  /** The file behind the descriptor that the call returned; when it failed, the path resolved. args and param as `path`; exit only → file */
  opened: 31,
  /** The packed socket word of the descriptor that the call returned. args: []; exit only → u32 */
  'result-socket': 32,
  /** The local address of a connected or accepted socket that the call returned. args: []; exit only → address */
  'result-local-address': 33,
} as const;
export type CaptureKind = keyof typeof captureKinds;

/** Stands for AT_FDCWD where a call has no directory argument, and for "no such argument". */
export const CWD = 14;
export const NONE = 15;

export interface Capture {
  readonly kind: CaptureKind;
  readonly args: readonly number[];
  /** `entry` before the call acts, `exit` after it, `both`: at entry, and read again at exit to set `argument_changed`. */
  readonly at: 'entry' | 'exit' | 'both';
  /** Meaning depends on the kind: see `captureKinds`. For `path`: a set of `PathMode` bits. */
  readonly param?: number;
}

/** How `path` treats the last link, and which flag of the call changes that. */
export const PathMode = {
  /** Follow the last symbolic link. */
  follow: 1,
  /** The flags argument has AT_SYMLINK_NOFOLLOW (0x100) semantics. */
  nofollowFlag: 2,
  /** The flags argument has AT_SYMLINK_FOLLOW (0x400) semantics. */
  followFlag: 4,
  /** An empty path with AT_EMPTY_PATH (0x1000) means the descriptor itself. */
  emptyFlag: 8,
  /** The last component need not exist (create, rename target, link target). */
  parent: 16,
  /** A NULL pointer means the descriptor itself (utimensat). */
  nullIsDescriptor: 32,
  /** The flags argument points to a struct open_how (openat2): RESOLVE_IN_ROOT makes the directory the root. */
  openHow: 64,
} as const;

/** A test of one argument, done in the BPF filter so that other calls do not stop. */
export interface ArgumentTest {
  readonly arg: number;
  /**
   * `any-bit`: (value & values[0]) ≠ 0; `no-bit`: = 0; `is`: value is one of `values`; `is-not`: none of:
   * these look at the low 32 bits. `null` and `not-null` look at all bits that the ABI passes; `values` is [].
   */
  readonly test: 'any-bit' | 'no-bit' | 'is' | 'is-not' | 'null' | 'not-null';
  readonly values: readonly number[];
}

/**
 * A condition that the filter cannot decide, since it lies in memory or in the kernel. The call stops;
 * the tracer writes the event only when the condition holds.
 */
export const gates = {
  none: 0,
  /** The socket behind argument 0, or the destination that the call names, has port 53. */
  'port-53': 1,
  /** Argument 0 is a regular file, and what is written begins at offset 0. */
  'offset-zero': 2,
  /** The socket behind argument 0 is connected to 169.254.169.254 or fd00:ec2::254. */
  imds: 3,
} as const;
export type Gate = keyof typeof gates;

export type Arch = 'x86_64' | 'aarch64' | 'i386';

export interface Call {
  /** The name as in the kernel's tables; numbers per architecture are in calls.ts. */
  readonly name: string;
  /** Only on these architectures; absent: on all that have the call. */
  readonly arches?: readonly Arch[];
  /** All must hold for the call to stop. */
  readonly when?: readonly ArgumentTest[];
  readonly gate?: Gate;
  /** Overrides the row's `result` for this call. */
  readonly result?: 'exit' | 'entry' | 'ptrace';
  /** Column → how it is filled. Columns not named are absent (0) for this call. */
  readonly captures: Readonly<Record<string, Capture>>;
}

export type FieldType = 'bool' | 'int' | 'string' | 'cidr' | 'bool[]' | 'int[]' | 'string[]' | 'cidr[]';

/**
 * How the value of a column becomes the value of a field.
 * `rights` mode & 07777 · `user`, `group` the name of the id at the time of the event · `basename`,
 * `extension` of a path · `bool` not zero · `bit` the bit `mask` is set · `socket-*` a part of the packed
 * word of capture kind `socket` · `ip`, `public`, `hostnames` of an address · `joined` a list joined by
 * blanks · `truncated` the string or list was cut · `octets` the number of bytes
 */
export type Conversion =
  | 'rights'
  | 'user'
  | 'group'
  | 'basename'
  | 'extension'
  | 'bool'
  | 'bit'
  | 'socket-family'
  | 'socket-type'
  | 'socket-protocol'
  | 'ip'
  | 'public'
  | 'hostnames'
  | 'joined'
  | 'truncated'
  | 'octets';

/** A field that rules see, read from a column. */
export interface FieldRow {
  readonly type: FieldType;
  readonly doc: string;
  /**
   * The column, with members of its tuple after dots (`file.mode`, `file.content.type`), or a word of the
   * head: `retval`, `nr`, `arch`, `duration`.
   * `derived`: computed by a function of the probe with the name of the field, from the columns `needs`.
   */
  readonly from: string;
  readonly needs?: readonly string[];
  readonly as?: Conversion;
  /** For `as: 'bit'`. */
  readonly mask?: number;
  /** Names of constants that make the value readable: `open-flags`, `file-mode`, … */
  readonly constants?: string;
  /** A pattern on this field is a path glob. */
  readonly path?: true;
  readonly ignoreCase?: true;
  /** Why rules can never see a value; the field loads, and `check` says this. */
  readonly unavailable?: string;
}

export interface EventRow {
  readonly name: string;
  /** Explicit, never reused. Events that Datadog does not know begin at 200. */
  readonly id: number;
  /** The version of seccam that brought it. */
  readonly since: string;
  readonly category: Category;
  readonly preset: Preset;
  readonly doc: string;
  /**
   * `exit`: the call stops again when it returns, since the result or a fact after it matters.
   * `ptrace`: comes from a ptrace event or the wait status. `derived`: the probe makes it from another
   * event, `derivedFrom`; it is never in a recording.
   */
  readonly result: 'exit' | 'entry' | 'ptrace' | 'derived';
  readonly derivedFrom?: string;
  /** Why it can never be seen here; its fields load, and `check` says this. */
  readonly unavailable?: string;
  /** Negative results that are shown to rules beside ≥ 0, as errno names; `all` shows every result. */
  readonly shown: readonly string[] | 'all';
  readonly columns: Readonly<Record<string, Column>>;
  /** Names without the event's own prefix: `flags` in `open` is the field `open.flags`. */
  readonly fields: Readonly<Record<string, FieldRow>>;
  /** field prefix → column of type file: every file field (path, name, inode, …) is read from it. */
  readonly files?: Readonly<Record<string, string>>;
  /** field prefix → column of type address: ip, port, is_public, family, hostname. */
  readonly addresses?: Readonly<Record<string, string>>;
  /**
   * field prefix → whose process fields stand under it: `self`, or the column with the pid of another
   * process. The empty prefix puts them at the event itself (`exec.comm`).
   */
  readonly processes?: Readonly<Record<string, string>>;
  /** The `network.*` fields belong to this event, under this prefix. */
  readonly network?: string;
  readonly calls: readonly Call[];
}

/** Checks a row's shape at compile time while keeping its literal types. */
export function event<const T extends EventRow>(row: T): T {
  return row;
}
