/**
 * What rules see of a file, of a process and of the event itself: name → type and the expression that reads
 * it. `$` stands for the file or the process; it may be undefined where it stands behind `?.`.
 */
import type { BaseType } from '../language/index.js';

/** One field of a group, read by an expression over `$` (and `event`). */
export interface FieldSource {
  readonly type: BaseType;
  readonly multi?: true;
  /** Gives a number of the string table (or a list of them); else the value. */
  readonly ids?: true;
  readonly source: string;
  /** It never changes for the life of the process image: results may be kept. */
  readonly fixed?: true;
  /** A pattern on it is a path glob. */
  readonly path?: true;
  /** Further values for equality, as an expression that gives a list of string numbers. */
  readonly aliases?: string;
  readonly constants?: string;
  readonly unavailable?: string;
}

const int = (source: string, more: Partial<FieldSource> = {}): FieldSource => ({ type: 'int', source, ...more });
const text = (source: string, more: Partial<FieldSource> = {}): FieldSource => ({ type: 'string', ids: true, source, ...more });
const flag = (source: string, more: Partial<FieldSource> = {}): FieldSource => ({ type: 'bool', source, ...more });
const texts = (source: string, more: Partial<FieldSource> = {}): FieldSource => ({ type: 'string', multi: true, ids: true, source, ...more });

/** Bits of `FileFlag` in catalogue/tuples.ts. */
const UPPER_LAYER = 16;
const MOUNT_DETACHED = 32;
const MOUNT_VISIBLE = 64;

/** Relative to a file; `$` is a `FileFacts`. */
export const fileFields: Readonly<Record<string, FieldSource>> = {
  path: text('$.path', { path: true }),
  name: text('$.name'),
  extension: text('$.extension'),
  inode: int('$.inode'),
  mode: int('$.mode', { constants: 'file-mode' }),
  rights: int('$.mode & 4095', { constants: 'file-mode' }),
  uid: int('$.uid'),
  gid: int('$.gid'),
  user: text('event.world.user($.uid, event.process.namespaces.mnt)'),
  group: text('event.world.group($.gid, event.process.namespaces.mnt)'),
  change_time: int('$.changeTime'),
  modification_time: int('$.modificationTime'),
  filesystem: text('$.filesystem'),
  in_upper_layer: flag(`($.flags & ${UPPER_LAYER}) !== 0`),
  mount_id: int('$.mountId'),
  mount_visible: flag(`($.flags & ${MOUNT_VISIBLE}) !== 0`),
  mount_detached: flag(`($.flags & ${MOUNT_DETACHED}) !== 0`),
  hashes: texts('$.extra?.hashes'),
  'package.name': text('$.extra?.package?.name'),
  'package.version': text('$.extra?.package?.version'),
  'package.epoch': int('$.extra?.package?.epoch'),
  'package.release': text('$.extra?.package?.release'),
  'package.source_version': text('$.extra?.package?.sourceVersion'),
  'package.source_epoch': int('$.extra?.package?.sourceEpoch'),
  'package.source_release': text('$.extra?.package?.sourceRelease'),
};

const kubernetes = 'Kubernetes sessions are known to the cluster only.';
const fixed = { fixed: true } as const;

/** The file fields under `file` and `interpreter.file` of a process; facts of an image never change. */
function under(prefix: string, member: string): Record<string, FieldSource> {
  const found: Record<string, FieldSource> = {};
  for (const [name, field] of Object.entries(fileFields)) {
    // Names of users can change while the image lives.
    const lasting = !field.source.includes('event.') && !field.source.includes('extra');
    const aliases = member !== 'file' ? undefined : name === 'path' ? '$.aliases' : name === 'name' ? '$.aliasNames' : undefined;
    found[`${prefix}.${name}`] = {
      ...field,
      source: field.source.replaceAll('$.', `$.${member}.`),
      ...(lasting ? fixed : {}),
      ...(aliases === undefined ? {} : { aliases }),
    };
  }
  return found;
}

/** Relative to a process; `$` is a `Process`. */
export const processFields: Readonly<Record<string, FieldSource>> = {
  pid: int('$.pid', fixed),
  tid: int('$.tid'),
  ppid: int('$.ppid'),
  sid: int('$.sid'),
  netns: int('$.namespaces.net'),
  mntns: int('$.namespaces.mnt'),
  is_kworker: flag('$.isKworker', fixed),
  is_thread: flag('$.isThread'),
  is_exec: flag('$.isExec', fixed),
  comm: text('$.comm'),
  tty_name: text('$.tty'),
  created_at: int('$.createdAt', fixed),
  uid: int('$.credentials.uid'),
  user: text('event.world.user($.credentials.uid, $.namespaces.mnt)'),
  gid: int('$.credentials.gid'),
  group: text('event.world.group($.credentials.gid, $.namespaces.mnt)'),
  euid: int('$.credentials.euid'),
  euser: text('event.world.user($.credentials.euid, $.namespaces.mnt)'),
  egid: int('$.credentials.egid'),
  egroup: text('event.world.group($.credentials.egid, $.namespaces.mnt)'),
  fsuid: int('$.credentials.fsuid'),
  fsuser: text('event.world.user($.credentials.fsuid, $.namespaces.mnt)'),
  fsgid: int('$.credentials.fsgid'),
  fsgroup: text('event.world.group($.credentials.fsgid, $.namespaces.mnt)'),
  auid: int('$.credentials.auid'),
  cap_effective: int('$.credentials.capEffective', { constants: 'capabilities' }),
  cap_permitted: int('$.credentials.capPermitted', { constants: 'capabilities' }),
  caps_attempted: int('$.capsAttempted', { constants: 'capabilities' }),
  caps_used: int('$.capsUsed', { constants: 'capabilities' }),
  argv0: text('$.derived.argv0', fixed),
  args: text('$.derived.args', fixed),
  argv: texts('$.derived.argv', fixed),
  args_flags: texts('$.derived.flags', fixed),
  args_options: texts('$.derived.options', fixed),
  args_truncated: flag('$.argv.truncated', fixed),
  envs: texts('$.derived.envs', fixed),
  envp: texts('$.envp.items', fixed),
  envs_truncated: flag('$.envp.truncated', fixed),
  'cgroup.id': text('$.context.cgroupId'),
  'cgroup.version': int('$.context.cgroupVersion'),
  'cgroup.created_at': int('$.context.cgroupCreatedAt'),
  'cgroup.file.inode': int('$.context.cgroupInode'),
  'cgroup.file.mount_id': int('$.context.cgroupMountId'),
  'container.id': text('$.context.containerId'),
  'container.created_at': int('$.context.containerCreatedAt'),
  'container.tags': texts('$.context.containerTags'),
  'user_session.k8s_username': text('0', { unavailable: kubernetes }),
  'user_session.k8s_uid': text('0', { unavailable: kubernetes }),
  'user_session.k8s_groups': texts('undefined', { unavailable: kubernetes }),
  'user_session.ssh_username': text('$.session?.sshUsername'),
  'user_session.ssh_port': int('$.session?.sshPort'),
  'user_session.ssh_client_ip': text('$.session?.sshClientIp'),
  'user_session.ssh_auth_method': int('$.session?.sshAuthMethod'),
  'user_session.ssh_public_key': text('$.session?.sshPublicKey'),
  ...under('file', 'file'),
  ...under('interpreter.file', 'interpreter'),
};

/** Fields that belong to no event type; full names. */
export const commonFields: Readonly<Record<string, FieldSource>> = {
  'event.async': flag('false'),
  'event.hostname': text('event.world.hostname'),
  'event.origin': text('event.world.origin'),
  'event.os': text('event.world.os'),
  'event.rule.tags': texts('undefined', { unavailable: 'The tags of a rule are known after it matched, not before.' }),
  'event.service': text('0', { unavailable: 'Services are a notion of the Datadog back end.' }),
  'event.signature': text('0', { unavailable: 'Events are not signed here.' }),
  'event.source': { type: 'string', source: '"runtime"' },
  'event.timestamp': int('event.wall'),
  'container.id': text('event.process.context.containerId'),
  'container.created_at': int('event.process.context.containerCreatedAt'),
  'container.tags': texts('event.process.context.containerTags'),
};
