/**
 * The shape of an event as rules, outputs and tests see it. It lives on the floor below recording,
 * probe and rules, which meet through it: recording decodes tuples into it, the probe completes it with
 * the state of the traced world, and the scope of rules reads it by generated code.
 *
 * Strings are numbers of the run's one `StringTable` (0: absent or empty). Times are ns as doubles: wall
 * times have a granularity of 256 ns there, so what is printed exactly comes from `bigint` accessors.
 * Objects have always the same members, so that reading them is cheap; `membersOf` lists them.
 */
import type { StringId } from '../support/strings.js';

/** One interned tuple `file`, decoded once. All zero: nothing is known of the file. */
export interface FileFacts {
  /** In the root of the tracee's mount namespace. `memfd:NAME` for memory files. */
  readonly path: StringId;
  /** As seen from the task's own root, when that differs; else equal to `path`. */
  readonly ownPath: StringId;
  readonly name: StringId;
  /** With its dot (`.so`), empty when there is none. */
  readonly extension: StringId;
  readonly inode: number;
  readonly dev: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  /** Wall ns. */
  readonly changeTime: number;
  readonly modificationTime: number;
  readonly filesystem: StringId;
  readonly mountId: number;
  /** Bits: see `FileFlag` in tuples.ts (facts missing, deleted, upper layer, detached, memory file, …). */
  readonly flags: number;
  /** Facts that come later or only on request (hashes, package, ELF): filled by `update` records. */
  extra: FileExtra | null;
}

export interface FileExtra {
  /** `sha256:…` and the like. */
  hashes: StringId[];
  package: { name: StringId; version: StringId; epoch: number; release: StringId; sourceVersion: StringId; sourceEpoch: number; sourceRelease: StringId } | null;
  /** ELF and packing facts of an executable, named as `exec.file.metadata.*`. */
  metadata: { size: number; type: number; isExecutable: boolean; architecture: number; abi: number; isUpxPacked: boolean; compression: number; isGarbleObfuscated: boolean } | null;
}

export interface Credentials {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly fsuid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly fsgid: number;
  /** Login uid; 0xffffffff when unset. */
  readonly auid: number;
  readonly groups: readonly number[];
  readonly capEffective: number;
  readonly capPermitted: number;
  readonly capInheritable: number;
  readonly capAmbient: number;
  readonly capBounding: number;
  readonly noNewPrivileges: boolean;
}

/** Inode numbers of the namespaces. */
export interface Namespaces {
  readonly mnt: number;
  readonly net: number;
  readonly pid: number;
  readonly user: number;
  readonly uts: number;
  readonly ipc: number;
  readonly cgroup: number;
  readonly time: number;
}

/** Control group and container of a process. */
export interface Context {
  readonly cgroupId: StringId;
  readonly cgroupVersion: number;
  readonly cgroupInode: number;
  readonly cgroupMountId: number;
  readonly cgroupCreatedAt: number;
  readonly containerId: StringId;
  readonly runtime: StringId;
  readonly containerCreatedAt: number;
  readonly containerTags: readonly StringId[];
  readonly containerImage: StringId;
  /** The systemd unit. */
  readonly unit: StringId;
  /** The login session, where the recorder found one. */
  readonly session: UserSession | null;
}

export interface Address {
  /** AF_*. */
  readonly family: number;
  /** In the text form that `ipaddr.js` reads; absent for other families. */
  readonly ip: StringId;
  readonly port: number;
  /** Path of a Unix socket; abstract ones begin with `@`. */
  readonly path: StringId;
}

export interface StringList {
  readonly items: readonly StringId[];
  /** How many there were; larger than `items.length` when cut, or when an item was cut. */
  readonly total: number;
  readonly truncated: boolean;
}

/**
 * One image of a process: from its fork or exec to its next exec or its end. `parent` is the image from
 * which it came: the forking process's image, or for an exec the image that called it. Images are
 * immutable where rules look at ancestors by file or arguments, so predicates on them may be kept per
 * `node`; credentials, comm and working directory change in place.
 */
export interface Process {
  /** Counts up over the run; never reused. */
  readonly node: number;
  readonly pid: number;
  tid: number;
  ppid: number;
  sid: number;
  readonly parent: Process | null;
  /** Number of images above this one. */
  readonly depth: number;
  /** Wall ns of the fork or exec that made the image. */
  readonly createdAt: number;
  readonly isExec: boolean;
  isThread: boolean;
  readonly isKworker: boolean;
  comm: StringId;
  tty: StringId;
  cwd: StringId;
  root: StringId;
  readonly file: FileFacts;
  readonly interpreter: FileFacts;
  /** Paths other than `file.path` by which the image was started (symlinks): OR-ed into equality. */
  readonly aliases: readonly StringId[];
  /** Their base names, OR-ed into equality of `file.name`. */
  readonly aliasNames: readonly StringId[];
  readonly argv: StringList;
  readonly envp: StringList;
  credentials: Credentials;
  namespaces: Namespaces;
  context: Context;
  /** Of the context, else from SSH_CONNECTION or SSH_CLIENT of the environment. */
  readonly session: UserSession | null;
  capsAttempted: number;
  capsUsed: number;
  /** Derived on first use, once for all images that share the arguments: see `arguments.ts`. */
  readonly derived: DerivedArguments;
  /** Owned by the generated code of rules (what holds for this image and its ancestors); undefined at first. */
  memo: unknown;
}

/** `argv`, `args`, `args_flags`, `args_options`, `envs` of an image, interned. */
export interface DerivedArguments {
  readonly argv0: StringId;
  /** Without argv0. */
  readonly argv: readonly StringId[];
  readonly args: StringId;
  readonly flags: readonly StringId[];
  readonly options: readonly StringId[];
  /** Names of the environment's variables, without values. */
  readonly envs: readonly StringId[];
}

export interface UserSession {
  readonly sshUsername: StringId;
  readonly sshPort: number;
  readonly sshClientIp: StringId;
  readonly sshAuthMethod: number;
  readonly sshPublicKey: StringId;
}

/** A column's value: a number (ints, string ids, 64-bit values as doubles) or the decoded tuple. */
export type ColumnValue = number | FileFacts | Credentials | Namespaces | Context | Address | StringList | FileExtra;

/**
 * An event, complete. The object is reused for the next event: keep nothing of it but what it refers to.
 */
export interface Event {
  /** The row's id and name. */
  readonly id: number;
  readonly type: string;
  readonly seq: number;
  readonly pid: number;
  readonly tid: number;
  readonly retval: number;
  /** Boot ns since the start of the recording: what limits and TTLs run on. */
  readonly elapsed: number;
  /** Wall ns, for ages. */
  readonly wall: number;
  /** ns that the call took. */
  readonly duration: number;
  /** Bits of docs/recording-format.md. */
  readonly flags: number;
  /** Bit n: column n could not be read. */
  readonly missing: number;
  /** Bit n: the string or list of column n was cut. */
  readonly cut: number;
  /** System call number and architecture as recorded. */
  readonly syscall: number;
  readonly arch: number;
  /** The image that acted, or the child (fork), or the new image (exec). */
  readonly process: Process;
  /** In the order of the row's columns of this catalogue; columns that the recording lacks are 0 or the zero object. */
  readonly columns: readonly ColumnValue[];
  /** A second process where the event has one: target of a signal, tracee of ptrace, of setrlimit. */
  readonly target: Process | null;
  /** Host names for which earlier DNS answers gave the event's address. */
  readonly hostnames: readonly StringId[];
  /** What is known of the machine and its users, as at this event. */
  readonly world: World;
  /** Wall ns, exact. */
  timestamp(): bigint;
  /** A field `from: 'derived'` by its full name: text, number, boolean or a list; see derived.ts. Undefined: no such field. */
  derived(name: string): boolean | number | string | readonly number[] | readonly string[] | undefined;
}

/** What rules read that belongs to the stream and not to an event or a process. */
export interface World {
  /** Name of a uid or gid at this moment, as seen in a mount namespace (0: the tracer's); 0 when it is not known. */
  user(uid: number, mountNamespace?: number): StringId;
  group(gid: number, mountNamespace?: number): StringId;
  readonly hostname: StringId;
  /** CLOCK_BOOTTIME ns at which the recording began: `boottime + elapsed` is one time for all streams of a machine. */
  readonly boottime?: number;
  /** Such as `linux`. */
  readonly os: StringId;
  /** What the reference calls `event.origin`: `ebpfless`. */
  readonly origin: StringId;
}

/** Variables, limits and detections identify processes by this key, which no pid reuse can confuse. */
export type ProcessKey = number;
