/**
 * Fields with no system call behind them: of the process, its parent and ancestors, of files, of the
 * event as such, of the network. Names are without the prefix under which they stand.
 */
import type { Conversion, FieldType } from './row.js';
import { FileFlag } from './tuples.js';

/** A field of a file: read from a member of the tuple `file`. */
export interface FileFieldRow {
  readonly name: string;
  readonly type: FieldType;
  readonly doc: string;
  /** Member of the tuple, with a member of its content after a dot. */
  readonly member: string;
  readonly as?: Conversion;
  readonly mask?: number;
  readonly path?: true;
  readonly ignoreCase?: true;
  readonly constants?: string;
}

const onRequest = 'Known when the recorder was asked for it.';

export const fileFields = [
  { name: 'path', type: 'string', doc: "Path in the root of the process's mount namespace.", member: 'path', path: true },
  { name: 'name', type: 'string', doc: 'Last component of the path.', member: 'path', as: 'basename' },
  { name: 'extension', type: 'string', doc: 'Extension with its dot; empty without one.', member: 'path', as: 'extension', ignoreCase: true },
  { name: 'inode', type: 'int', doc: 'Inode number.', member: 'inode' },
  { name: 'mode', type: 'int', doc: 'Type and rights.', member: 'mode', constants: 'file-mode' },
  { name: 'rights', type: 'int', doc: 'Rights: mode & 07777.', member: 'mode', as: 'rights', constants: 'file-mode' },
  { name: 'uid', type: 'int', doc: 'Owner.', member: 'uid' },
  { name: 'user', type: 'string', doc: 'Name of the owner.', member: 'uid', as: 'user' },
  { name: 'gid', type: 'int', doc: 'Group.', member: 'gid' },
  { name: 'group', type: 'string', doc: 'Name of the group.', member: 'gid', as: 'group' },
  { name: 'change_time', type: 'int', doc: 'Time of the last change of its attributes, ns of wall time.', member: 'change_time' },
  { name: 'modification_time', type: 'int', doc: 'Time of the last change of its content, ns of wall time.', member: 'modification_time' },
  { name: 'filesystem', type: 'string', doc: 'Type of the file system.', member: 'filesystem' },
  { name: 'in_upper_layer', type: 'bool', doc: 'On an overlay: it lies in the upper layer.', member: 'flags', as: 'bit', mask: FileFlag.upperLayer },
  { name: 'mount_id', type: 'int', doc: 'Id of the mount.', member: 'mount_id' },
  { name: 'mount_visible', type: 'bool', doc: 'The mount can be seen in the mount tree.', member: 'flags', as: 'bit', mask: FileFlag.mountVisible },
  { name: 'mount_detached', type: 'bool', doc: 'The mount has no place in the mount tree.', member: 'flags', as: 'bit', mask: FileFlag.mountDetached },
  { name: 'hashes', type: 'string[]', doc: `Hashes of the content. ${onRequest}`, member: 'content.hashes' },
  { name: 'package.name', type: 'string', doc: `Package that it belongs to. ${onRequest}`, member: 'content.package_name' },
  { name: 'package.version', type: 'string', doc: `Version of the package. ${onRequest}`, member: 'content.package_version' },
  { name: 'package.epoch', type: 'int', doc: `Epoch of the package. ${onRequest}`, member: 'content.package_epoch' },
  { name: 'package.release', type: 'string', doc: `Release of the package. ${onRequest}`, member: 'content.package_release' },
  { name: 'package.source_version', type: 'string', doc: `Version of the source package. ${onRequest}`, member: 'content.package_source_version' },
  { name: 'package.source_epoch', type: 'int', doc: `Epoch of the source package. ${onRequest}`, member: 'content.package_source_epoch' },
  { name: 'package.source_release', type: 'string', doc: `Release of the source package. ${onRequest}`, member: 'content.package_source_release' },
] as const satisfies readonly FileFieldRow[];

export interface ContextFieldRow {
  readonly name: string;
  readonly type: FieldType;
  readonly doc: string;
  readonly constants?: string;
  readonly unavailable?: string;
}

const capabilityUse = 'The use of capabilities is decided inside the kernel; no system call tells it.';
const kubernetes = 'Only a Kubernetes API server knows who began an exec session.';
const cgroupAge = 'Filled when the file system of the cgroup tells a birth time.';

/** Fields of a process beside those of `file` and `interpreter.file`. */
export const processFields = [
  { name: 'pid', type: 'int', doc: 'Pid in the pid namespace of the recorder.' },
  { name: 'tid', type: 'int', doc: 'Thread that acted; of other processes the leader.' },
  { name: 'ppid', type: 'int', doc: 'Pid of the parent.' },
  { name: 'sid', type: 'int', doc: 'Session.' },
  { name: 'netns', type: 'int', doc: 'Inode of the network namespace.' },
  { name: 'mntns', type: 'int', doc: 'Inode of the mount namespace.' },
  { name: 'is_kworker', type: 'bool', doc: 'A thread of the kernel.' },
  { name: 'is_thread', type: 'bool', doc: 'It was forked and has not called exec.' },
  { name: 'is_exec', type: 'bool', doc: 'It has called exec.' },
  { name: 'comm', type: 'string', doc: 'Command name.' },
  { name: 'tty_name', type: 'string', doc: 'Terminal, such as `pts3`.' },
  { name: 'created_at', type: 'int', doc: 'Time of its exec, or of its fork when it has not called exec; ns of wall time.' },
  { name: 'uid', type: 'int', doc: 'Real user id.' },
  { name: 'user', type: 'string', doc: 'Its name.' },
  { name: 'gid', type: 'int', doc: 'Real group id.' },
  { name: 'group', type: 'string', doc: 'Its name.' },
  { name: 'euid', type: 'int', doc: 'Effective user id.' },
  { name: 'euser', type: 'string', doc: 'Its name.' },
  { name: 'egid', type: 'int', doc: 'Effective group id.' },
  { name: 'egroup', type: 'string', doc: 'Its name.' },
  { name: 'fsuid', type: 'int', doc: 'File system user id.' },
  { name: 'fsuser', type: 'string', doc: 'Its name.' },
  { name: 'fsgid', type: 'int', doc: 'File system group id.' },
  { name: 'fsgroup', type: 'string', doc: 'Its name.' },
  { name: 'auid', type: 'int', doc: 'Login user id; AUDIT_AUID_UNSET when unset.' },
  { name: 'cap_effective', type: 'int', doc: 'Effective capabilities.', constants: 'capabilities' },
  { name: 'cap_permitted', type: 'int', doc: 'Permitted capabilities.', constants: 'capabilities' },
  { name: 'caps_attempted', type: 'int', doc: 'Capabilities that were asked for.', unavailable: capabilityUse },
  { name: 'caps_used', type: 'int', doc: 'Capabilities that were used.', unavailable: capabilityUse },
  { name: 'argv0', type: 'string', doc: 'First argument.' },
  { name: 'args', type: 'string', doc: 'Arguments without the first, joined by blanks.' },
  { name: 'argv', type: 'string[]', doc: 'Arguments without the first.' },
  { name: 'args_flags', type: 'string[]', doc: 'Flags: each letter of `-abc`, and the name of `--name`.' },
  { name: 'args_options', type: 'string[]', doc: 'Options: `name=value` of `--name=value` and of `-n value`.' },
  { name: 'args_truncated', type: 'bool', doc: 'The arguments were cut.' },
  { name: 'envs', type: 'string[]', doc: 'Names of the environment.' },
  { name: 'envp', type: 'string[]', doc: 'The environment: `NAME=value` where the value was recorded, else the name.' },
  { name: 'envs_truncated', type: 'bool', doc: 'The environment was cut.' },
  { name: 'cgroup.id', type: 'string', doc: 'Path of the cgroup.' },
  { name: 'cgroup.version', type: 'int', doc: '1 or 2.' },
  { name: 'cgroup.created_at', type: 'int', doc: `Birth of the cgroup, ns of wall time. ${cgroupAge}` },
  { name: 'cgroup.file.inode', type: 'int', doc: 'Inode of its directory.' },
  { name: 'cgroup.file.mount_id', type: 'int', doc: 'Mount id of its file system.' },
  { name: 'container.id', type: 'string', doc: 'Id of the container.' },
  { name: 'container.created_at', type: 'int', doc: 'Birth of the container, ns of wall time.' },
  { name: 'container.tags', type: 'string[]', doc: 'Tags of the container: `container_id`, `runtime`, and as far as files of the runtime on the machine of the recorder tell, `container_name`, `image_name`, `short_image`, `image_tag`, `kube_container_name`, `pod_name`, `kube_namespace`.' },
  { name: 'user_session.k8s_username', type: 'string', doc: 'Kubernetes user.', unavailable: kubernetes },
  { name: 'user_session.k8s_uid', type: 'string', doc: 'Kubernetes uid.', unavailable: kubernetes },
  { name: 'user_session.k8s_groups', type: 'string[]', doc: 'Kubernetes groups.', unavailable: kubernetes },
  { name: 'user_session.ssh_username', type: 'string', doc: 'User of the ssh session.' },
  { name: 'user_session.ssh_port', type: 'int', doc: 'Port of the ssh client.' },
  { name: 'user_session.ssh_client_ip', type: 'string', doc: 'Address of the ssh client.' },
  { name: 'user_session.ssh_auth_method', type: 'int', doc: '0 unknown, 1 password, 2 public key.' },
  { name: 'user_session.ssh_public_key', type: 'string', doc: 'Fingerprint of the key.' },
] as const satisfies readonly ContextFieldRow[];

export type ProcessFieldName = (typeof processFields)[number]['name'];

/** Fields that every event has, with their full names. */
export const commonFields = [
  { name: 'event.async', type: 'bool', doc: 'The event was told late: it comes from the scanner of /proc.' },
  { name: 'event.hostname', type: 'string', doc: 'Host name of the machine that was recorded.' },
  { name: 'event.origin', type: 'string', doc: 'Always `ebpfless`, the name that the reference gives to tracing without eBPF.' },
  { name: 'event.os', type: 'string', doc: 'Always `linux`.' },
  { name: 'event.rule.tags', type: 'string[]', doc: 'Tags of the rule, as `name:value`.', unavailable: 'A detection carries the tags of its rule; while the expression is decided there is no detection.' },
  { name: 'event.service', type: 'string', doc: 'DD_SERVICE of the environment of the process, or of its nearest ancestor that has one.' },
  { name: 'event.signature', type: 'string', doc: 'Signature of the event.', unavailable: 'Signatures are made by the agent of the reference for its own back end.' },
  { name: 'event.source', type: 'string', doc: 'Always `ptrace`.' },
  { name: 'event.timestamp', type: 'int', doc: 'Time of completion, ns of wall time.' },
  { name: 'container.id', type: 'string', doc: 'Id of the container of the process.' },
  { name: 'container.created_at', type: 'int', doc: 'Birth of the container, ns of wall time.' },
  { name: 'container.tags', type: 'string[]', doc: 'Tags of the container: `container_id`, `runtime`, and as far as files of the runtime on the machine of the recorder tell, `container_name`, `image_name`, `short_image`, `image_tag`, `kube_container_name`, `pod_name`, `kube_namespace`.' },
] as const satisfies readonly ContextFieldRow[];

export type CommonFieldName = (typeof commonFields)[number]['name'];

const frameType = 'Kinds of frames on the wire are not seen by system calls.';

/** Fields of events that carry a message, under `network.` or `packet.`. */
export const networkFields = [
  { name: 'device.netns', type: 'int', doc: 'Inode of the network namespace.' },
  { name: 'device.ifname', type: 'string', doc: 'Name of the interface, as the socket, its address or the main routing table tell; empty: none of them does.' },
  { name: 'l3_protocol', type: 'int', doc: 'ETH_P_IP or ETH_P_IPV6.', constants: 'l3-protocols' },
  { name: 'l4_protocol', type: 'int', doc: 'IPPROTO_*.', constants: 'protocols' },
  { name: 'source.ip', type: 'cidr', doc: 'Address of the sender.' },
  { name: 'source.port', type: 'int', doc: 'Port of the sender.' },
  { name: 'source.is_public', type: 'bool', doc: 'The address of the sender is public.' },
  { name: 'destination.ip', type: 'cidr', doc: 'Address of the receiver.' },
  { name: 'destination.port', type: 'int', doc: 'Port of the receiver.' },
  { name: 'destination.is_public', type: 'bool', doc: 'The address of the receiver is public.' },
  { name: 'network_direction', type: 'int', doc: '1 outgoing, 2 incoming.', constants: 'network-directions' },
  { name: 'size', type: 'int', doc: 'Bytes of the message.' },
  { name: 'type', type: 'int', doc: 'Type of the packet.', unavailable: frameType },
] as const satisfies readonly ContextFieldRow[];

export type NetworkFieldName = (typeof networkFields)[number]['name'];

