/**
 * The tuples: groups of facts that many events share. Equal content is stored once per epoch and
 * referred to by number; see docs/recording-format.md. Ids are never reused; columns are only added
 * at the end.
 */
import type { Column } from './row.js';

export interface TupleRow {
  readonly name: string;
  readonly id: number;
  readonly doc: string;
  readonly columns: Readonly<Record<string, Column>>;
}

/** Bits of `file.flags`. */
export const FileFlag = {
  /** The facts were read; without it only the path is known. */
  exists: 1,
  /** No name leads to it any more. */
  deleted: 2,
  /** Made by memfd_create: the path is `memfd:NAME`. */
  memfd: 4,
  /** Taken from a descriptor or link of the kernel, not resolved from a name. */
  fromDescriptor: 8,
  /** On an overlay: it lies in the upper layer. */
  upperLayer: 16,
  /** Its mount has no place in the mount tree. */
  mountDetached: 32,
  /** Its mount can be reached from the root of the mount namespace. */
  mountVisible: 64,
  /** Not a file: a pipe, socket or anonymous inode, whose path is such as `pipe:[123]`. */
  nameless: 128,
  /** The path is the name as given, joined to the directory: it could not be resolved. */
  unresolved: 256,
} as const;

/** Bits of `content.flags`. */
export const ContentFlag = {
  executable: 1,
  upxPacked: 2,
  garbleObfuscated: 4,
  /** The file was longer than the limit, or could not be read: there are no hashes. */
  hashSkipped: 8,
} as const;

const u32 = (doc: string): Column => ({ type: 'u32', doc });
const u64 = (doc: string): Column => ({ type: 'u64', doc });
const i64 = (doc: string): Column => ({ type: 'i64', doc });
const string = (doc: string): Column => ({ type: 'string', doc });
const list = (doc: string): Column => ({ type: 'list', doc });

export const tupleRows = [
  {
    name: 'list',
    id: 1,
    doc: 'A list of strings: original number of members, stored number, then string ids.',
    columns: {},
  },
  {
    name: 'file',
    id: 2,
    doc: 'A file as it was at the event.',
    columns: {
      path: string("The path in the root of the tracee's mount namespace."),
      own_path: string("The path as seen from the task's own root; 0 when it is the same."),
      flags: u32('Bits of FileFlag: exists 1, deleted 2, memfd 4, from descriptor 8, upper layer 16, mount detached 32, mount visible 64, nameless 128, unresolved 256.'),
      mode: u32('Type and rights, as in stat.'),
      uid: u32('Owner.'),
      gid: u32('Group.'),
      links: u32('Number of hard links.'),
      inode: u64('Inode number.'),
      device: u64('Device number, major << 32 | minor.'),
      size: u64('Size in bytes.'),
      modification_time: i64('ns of wall time.'),
      change_time: i64('ns of wall time.'),
      birth_time: i64('ns of wall time; 0 unknown.'),
      mount_id: u64('Mount id, as in mountinfo; 0 unknown.'),
      filesystem: string('Type of the file system, such as `ext4`.'),
      content: { type: 'content', doc: 'Facts of what is in it; 0 when they were not gathered.' },
    },
  },
  {
    name: 'credentials',
    id: 3,
    doc: 'The credentials of a task.',
    columns: {
      uid: u32('Real user id.'),
      euid: u32('Effective user id.'),
      suid: u32('Saved user id.'),
      fsuid: u32('File system user id.'),
      gid: u32('Real group id.'),
      egid: u32('Effective group id.'),
      sgid: u32('Saved group id.'),
      fsgid: u32('File system group id.'),
      auid: u32('Login user id (audit); 0xffffffff unset.'),
      no_new_privs: u32('1: exec gives no privileges.'),
      seccomp: u32('0 off, 1 strict, 2 filter, as /proc/PID/status says.'),
      securebits: u32('Secure bits; 0xffffffff unknown.'),
      cap_effective: u64('Effective capabilities.'),
      cap_permitted: u64('Permitted capabilities.'),
      cap_inheritable: u64('Inheritable capabilities.'),
      cap_bounding: u64('Bounding set.'),
      cap_ambient: u64('Ambient capabilities.'),
      groups: string('Supplementary groups: decimal numbers with blanks between them.'),
    },
  },
  {
    name: 'namespaces',
    id: 4,
    doc: 'The inode numbers of the namespaces of a task.',
    columns: {
      mnt: u32('Mount namespace.'),
      net: u32('Network namespace.'),
      pid: u32('Pid namespace.'),
      user: u32('User namespace.'),
      uts: u32('UTS namespace.'),
      ipc: u32('IPC namespace.'),
      cgroup: u32('Cgroup namespace.'),
      time: u32('Time namespace; 0 when the kernel has none.'),
      pid_for_children: u32('Pid namespace of children.'),
    },
  },
  {
    name: 'context',
    id: 5,
    doc: 'Where a process belongs: cgroup, container, login session.',
    columns: {
      cgroup: string('Path of the cgroup.'),
      cgroup_version: u32('1 or 2.'),
      cgroup_inode: u64('Inode of the directory of the cgroup; 0 unknown.'),
      cgroup_mount_id: u64('Mount id of the cgroup file system; 0 unknown.'),
      cgroup_created: i64('Birth of the cgroup, ns of wall time; 0 unknown.'),
      container_id: string('Id of the container.'),
      container_runtime: string('docker, containerd, crio, podman, ecs, systemd-nspawn, lxc or empty.'),
      container_created: i64('ns of wall time; 0 unknown.'),
      container_image: string('Image, where the runtime tells.'),
      container_tags: list('Tags.'),
      unit: string('The systemd unit.'),
      ssh_username: string('User of the ssh session.'),
      ssh_client_ip: string('Address of the ssh client.'),
      ssh_port: u32('Port of the ssh client.'),
      ssh_auth_method: u32('0 unknown, 1 password, 2 public key.'),
      ssh_public_key: string('Fingerprint of the key.'),
      k8s_username: string('Kubernetes user of an exec session.'),
      k8s_uid: string('Its uid.'),
      k8s_groups: list('Its groups.'),
    },
  },
  {
    name: 'address',
    id: 6,
    doc: 'A socket address.',
    columns: {
      family: u32('AF_* number.'),
      port: u32('Port in host byte order; 0 without.'),
      ip: string('The IP address as text, as inet_ntop writes it; 0 for other families.'),
      number: u32('IPv6: scope id; netlink: port id; vsock: context id; packet: interface index.'),
      path: string('AF_UNIX: the path; an abstract name begins with `@`.'),
      raw: string('Other families: the bytes as given.'),
    },
  },
  {
    name: 'content',
    id: 7,
    doc: 'Facts of the content of a file, gathered on request.',
    columns: {
      hashes: list('`sha256:HEX` and the like.'),
      package_name: string('Package that the file belongs to.'),
      package_version: string('Version.'),
      package_epoch: u32('Epoch.'),
      package_release: string('Release.'),
      package_source_version: string('Version of the source package.'),
      package_source_epoch: u32('Epoch of the source package.'),
      package_source_release: string('Release of the source package.'),
      size: u64('Size in bytes when read.'),
      type: u32('0 unknown, 1 ELF, 2 script, 3 archive, 4 other.'),
      architecture: u32('0 unknown, else the ELF machine number.'),
      abi: u32('Bits: 32 or 64; 0 unknown.'),
      flags: u32('Bits of ContentFlag: executable 1, UPX packed 2, garble obfuscated 4, hash skipped 8.'),
      compression: u32('0 none, 1 gzip, 2 zip, 3 xz, 4 zstd, 5 bzip2.'),
      linkage: u32('ELF: 0 unknown, 1 static, 2 dynamic.'),
      interpreter: string('ELF program interpreter, or the interpreter of a script.'),
    },
  },
] as const satisfies readonly TupleRow[];

export type TupleName = (typeof tupleRows)[number]['name'];
