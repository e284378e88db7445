/**
 * How each field of files, processes and of the event itself is read: an expression for each row of
 * catalogue/context.ts, closed by the compiler. `$` stands for the process or the file; it may be undefined
 * where it stands behind `?.`.
 */
import type { CommonFieldName, ProcessFieldName } from '../catalogue/context.js';

/** How one field is read. */
export interface FieldSource {
  readonly source: string;
  /** Gives a number of the string table (or a list of them); else the value. */
  readonly ids?: true;
  /** It never changes for the life of the process image: results may be kept. */
  readonly fixed?: true;
}

const plain = (source: string): FieldSource => ({ source });
const ids = (source: string): FieldSource => ({ source, ids: true });
const lasting = (source: string): FieldSource => ({ source, fixed: true });
const lastingIds = (source: string): FieldSource => ({ source, ids: true, fixed: true });
const user = (id: string): FieldSource => ids(`event.world.user($.credentials.${id}, $.namespaces.mnt)`);
const group = (id: string): FieldSource => ids(`event.world.group($.credentials.${id}, $.namespaces.mnt)`);

/** Relative to a process; `$` is a `Process`. */
export const processSources = {
  pid: lasting('$.pid'),
  tid: plain('$.tid'),
  ppid: plain('$.ppid'),
  sid: plain('$.sid'),
  netns: plain('$.namespaces.net'),
  mntns: plain('$.namespaces.mnt'),
  is_kworker: lasting('$.isKworker'),
  is_thread: plain('$.isThread'),
  is_exec: lasting('$.isExec'),
  comm: ids('$.comm'),
  tty_name: ids('$.tty'),
  created_at: lasting('$.createdAt'),
  uid: plain('$.credentials.uid'),
  user: user('uid'),
  gid: plain('$.credentials.gid'),
  group: group('gid'),
  euid: plain('$.credentials.euid'),
  euser: user('euid'),
  egid: plain('$.credentials.egid'),
  egroup: group('egid'),
  fsuid: plain('$.credentials.fsuid'),
  fsuser: user('fsuid'),
  fsgid: plain('$.credentials.fsgid'),
  fsgroup: group('fsgid'),
  auid: plain('$.credentials.auid'),
  cap_effective: plain('$.credentials.capEffective'),
  cap_permitted: plain('$.credentials.capPermitted'),
  caps_attempted: plain('$.capsAttempted'),
  caps_used: plain('$.capsUsed'),
  argv0: lastingIds('$.derived.argv0'),
  args: lastingIds('$.derived.args'),
  argv: lastingIds('$.derived.argv'),
  args_flags: lastingIds('$.derived.flags'),
  args_options: lastingIds('$.derived.options'),
  args_truncated: lasting('$.argv.truncated'),
  envs: lastingIds('$.derived.envs'),
  envp: lastingIds('$.envp.items'),
  envs_truncated: lasting('$.envp.truncated'),
  'cgroup.id': ids('$.context.cgroupId'),
  'cgroup.version': plain('$.context.cgroupVersion'),
  'cgroup.created_at': plain('$.context.cgroupCreatedAt'),
  'cgroup.file.inode': plain('$.context.cgroupInode'),
  'cgroup.file.mount_id': plain('$.context.cgroupMountId'),
  'container.id': ids('$.context.containerId'),
  'container.created_at': plain('$.context.containerCreatedAt'),
  'container.tags': ids('$.context.containerTags'),
  'user_session.k8s_username': ids('undefined'),
  'user_session.k8s_uid': ids('undefined'),
  'user_session.k8s_groups': ids('undefined'),
  'user_session.ssh_username': ids('$.session?.sshUsername'),
  'user_session.ssh_port': plain('$.session?.sshPort'),
  'user_session.ssh_client_ip': ids('$.session?.sshClientIp'),
  'user_session.ssh_auth_method': plain('$.session?.sshAuthMethod'),
  'user_session.ssh_public_key': ids('$.session?.sshPublicKey'),
} as const satisfies Record<ProcessFieldName, FieldSource>;

/** Fields that belong to no event type. `event.service` is a function: see scope.ts. */
export const commonSources = {
  'event.async': plain('(event.flags & 8) !== 0'),
  'event.hostname': ids('event.world.hostname'),
  'event.origin': ids('event.world.origin'),
  'event.os': ids('event.world.os'),
  'event.rule.tags': ids('undefined'),
  'event.service': ids('undefined'),
  'event.signature': ids('undefined'),
  'event.source': plain('"ptrace"'),
  'event.timestamp': plain('event.wall'),
  'container.id': ids('event.process.context.containerId'),
  'container.created_at': plain('event.process.context.containerCreatedAt'),
  'container.tags': ids('event.process.context.containerTags'),
} as const satisfies Record<CommonFieldName, FieldSource>;

/** Members of the tuple `file`, as the catalogue names them → as events hold them. */
export const fileMembers: Readonly<Record<string, string>> = {
  own_path: 'ownPath',
  links: 'nlink',
  device: 'dev',
  modification_time: 'modificationTime',
  change_time: 'changeTime',
  mount_id: 'mountId',
  'content.hashes': 'extra?.hashes',
  'content.package_name': 'extra?.package?.name',
  'content.package_version': 'extra?.package?.version',
  'content.package_epoch': 'extra?.package?.epoch',
  'content.package_release': 'extra?.package?.release',
  'content.package_source_version': 'extra?.package?.sourceVersion',
  'content.package_source_epoch': 'extra?.package?.sourceEpoch',
  'content.package_source_release': 'extra?.package?.sourceRelease',
  'content.size': 'extra?.metadata?.size',
  'content.type': 'extra?.metadata?.type',
  'content.architecture': 'extra?.metadata?.architecture',
  'content.abi': 'extra?.metadata?.abi',
  'content.compression': 'extra?.metadata?.compression',
};

/** Bits of `content.flags` → members. */
export const contentFlags: Readonly<Record<number, string>> = {
  1: 'extra?.metadata?.isExecutable',
  2: 'extra?.metadata?.isUpxPacked',
  4: 'extra?.metadata?.isGarbleObfuscated',
};
