/**
 * The fields of the reference (Datadog Workload Protection, agent 7.83, `pkg/security/secl/model`), by event:
 * what policies written for it may name. The test of the catalogue holds every one of them against our rows.
 */

/**
 * event: name:type …; `*` are the fields of every event; `prefix.@file` and `prefix.@process` stand for a
 * group under a prefix. Types: i int, s string, b bool, c cidr; `[]` many. A line that begins with a blank
 * goes on with the event before.
 */
const table = `
@file: path:s path.length:i name:s name.length:i extension:s inode:i mode:i rights:i uid:i user:s gid:i group:s change_time:i
  modification_time:i filesystem:s in_upper_layer:b mount_id:i mount_visible:b mount_detached:b hashes:s[] package.name:s package.version:s
  package.epoch:i package.release:s package.source_version:s package.source_epoch:i package.source_release:s
@process: pid:i tid:i ppid:i netns:i mntns:i sid:i is_kworker:b is_thread:b is_exec:b comm:s tty_name:s created_at:i uid:i user:s gid:i
  group:s euid:i euser:s egid:i egroup:s fsuid:i fsuser:s fsgid:i fsgroup:s auid:i cap_effective:i cap_permitted:i caps_attempted:i
  caps_used:i argv0:s args:s argv:s[] args_flags:s[] args_options:s[] args_truncated:b envs:s[] envp:s[] envs_truncated:b cgroup.id:s
  cgroup.version:i cgroup.created_at:i cgroup.file.inode:i cgroup.file.mount_id:i container.id:s container.created_at:i container.tags:s[]
  user_session.k8s_username:s user_session.k8s_uid:s user_session.k8s_groups:s[] user_session.ssh_username:s user_session.ssh_port:i
  user_session.ssh_client_ip:s user_session.ssh_auth_method:i user_session.ssh_public_key:s file.@file interpreter.file.@file
*: event.async:b event.hostname:s event.origin:s event.os:s event.rule.tags:s[] event.service:s event.signature:s event.source:s
  event.timestamp:i container.id:s container.created_at:i container.tags:s[] process.ancestors.length:i process.@process
  process.parent.@process process.ancestors.@process
exec: exec.file.metadata.size:i exec.file.metadata.type:i exec.file.metadata.is_executable:b exec.file.metadata.architecture:i
  exec.file.metadata.abi:i exec.file.metadata.is_upx_packed:b exec.file.metadata.compression:i exec.file.metadata.is_garble_obfuscated:b
  exec.syscall.path:s exec.@process
exit: exit.cause:i exit.code:i exit.@process
open: open.retval:i open.flags:i open.file.destination.mode:i open.syscall.path:s open.syscall.flags:i open.syscall.mode:i open.file.@file
unlink: unlink.retval:i unlink.flags:i unlink.syscall.dirfd:i unlink.syscall.path:s unlink.syscall.flags:i unlink.file.@file
rename: rename.retval:i rename.syscall.path:s rename.syscall.destination.path:s rename.file.@file rename.file.destination.@file
mkdir: mkdir.retval:i mkdir.file.destination.mode:i mkdir.file.destination.rights:i mkdir.syscall.path:s mkdir.syscall.mode:i
  mkdir.file.@file
rmdir: rmdir.retval:i rmdir.syscall.path:s rmdir.file.@file
link: link.retval:i link.syscall.path:s link.syscall.destination.path:s link.file.@file link.file.destination.@file
chmod: chmod.retval:i chmod.file.destination.mode:i chmod.file.destination.rights:i chmod.syscall.path:s chmod.syscall.mode:i
  chmod.file.@file
chown: chown.retval:i chown.file.destination.uid:i chown.file.destination.user:s chown.file.destination.gid:i chown.file.destination.group:s
  chown.syscall.path:s chown.syscall.uid:i chown.syscall.gid:i chown.file.@file
utimes: utimes.retval:i utimes.syscall.path:s utimes.file.@file
setxattr: setxattr.retval:i setxattr.file.destination.namespace:s setxattr.file.destination.name:s setxattr.file.@file
removexattr: removexattr.retval:i removexattr.file.destination.namespace:s removexattr.file.destination.name:s removexattr.file.@file
splice: splice.retval:i splice.pipe_entry_flag:i splice.pipe_exit_flag:i splice.file.@file
mount: mount.retval:i mount.fs_type:s mount.detached:b mount.visible:b mount.mountpoint.path:s mount.source.path:s mount.root.path:s
  mount.syscall.source.path:s mount.syscall.mountpoint.path:s mount.syscall.fs_type:s
chdir: chdir.retval:i chdir.syscall.path:s chdir.file.@file
setuid: setuid.uid:i setuid.user:s setuid.euid:i setuid.euser:s setuid.fsuid:i setuid.fsuser:s
setgid: setgid.gid:i setgid.group:s setgid.egid:i setgid.egroup:s setgid.fsgid:i setgid.fsgroup:s
capset: capset.cap_effective:i capset.cap_permitted:i
signal: signal.retval:i signal.type:i signal.pid:i signal.target.ancestors.length:i signal.target.@process signal.target.parent.@process
  signal.target.ancestors.@process
ptrace: ptrace.retval:i ptrace.request:i ptrace.tracee.ancestors.length:i ptrace.tracee.@process ptrace.tracee.parent.@process
  ptrace.tracee.ancestors.@process
setrlimit: setrlimit.retval:i setrlimit.resource:i setrlimit.rlim_cur:i setrlimit.rlim_max:i setrlimit.target.ancestors.length:i
  setrlimit.target.@process setrlimit.target.parent.@process setrlimit.target.ancestors.@process
capabilities: capabilities.attempted:i capabilities.used:i
prctl: prctl.retval:i prctl.option:i prctl.new_name:s prctl.is_name_truncated:b
mmap: mmap.retval:i mmap.protection:i mmap.flags:i mmap.file.@file
mprotect: mprotect.retval:i mprotect.vm_protection:i mprotect.req_protection:i
load_module: load_module.retval:i load_module.loaded_from_memory:b load_module.name:s load_module.args:s load_module.argv:s[]
  load_module.args_truncated:b load_module.file.@file
unload_module: unload_module.retval:i unload_module.name:s
bpf: bpf.retval:i bpf.cmd:i bpf.map.type:i bpf.map.name:s bpf.prog.type:i bpf.prog.attach_type:i bpf.prog.helpers:i[] bpf.prog.name:s
  bpf.prog.tag:s
selinux: selinux.bool.name:s selinux.bool.state:s selinux.bool_commit.state:b selinux.enforce.status:s
bind: bind.retval:i bind.addr.ip:c bind.addr.port:i bind.addr.is_public:b bind.addr.family:i bind.protocol:i
connect: connect.retval:i connect.addr.ip:c connect.addr.port:i connect.addr.is_public:b connect.addr.family:i connect.addr.hostname:s[]
  connect.addr.hostname.length:i connect.addr.hostname.root_domain:s[] connect.protocol:i
accept: accept.retval:i accept.addr.ip:c accept.addr.port:i accept.addr.is_public:b accept.addr.family:i accept.addr.hostname:s[]
  accept.addr.hostname.length:i accept.addr.hostname.root_domain:s[]
socket: socket.retval:i socket.domain:i socket.type:i socket.protocol:i
setsockopt: setsockopt.retval:i setsockopt.socket_type:i setsockopt.socket_family:i setsockopt.socket_protocol:i setsockopt.level:i
  setsockopt.optname:i setsockopt.filter_len:i setsockopt.is_filter_truncated:b setsockopt.filter_instructions:s setsockopt.filter_hash:s
  setsockopt.used_immediates:i[]
sysctl: sysctl.action:i sysctl.file_position:i sysctl.name:s sysctl.name_truncated:b sysctl.old_value:s sysctl.old_value_truncated:b
  sysctl.value:s sysctl.value_truncated:b
cgroup_write: cgroup_write.pid:i cgroup_write.file.@file
unshare: unshare.retval:i unshare.flags:i
dns: dns.id:i dns.question.name:s dns.question.name.length:i dns.question.type:i dns.question.class:i dns.question.length:i
  dns.question.count:i dns.response.code:i network.device.netns:i network.device.ifname:s network.l3_protocol:i network.l4_protocol:i
  network.source.ip:c network.source.port:i network.source.is_public:b network.destination.ip:c network.destination.port:i
  network.destination.is_public:b network.network_direction:i network.size:i network.type:i
imds: imds.type:s imds.cloud_provider:s imds.url:s imds.host:s imds.user_agent:s imds.server:s imds.aws.is_imds_v2:b
  imds.aws.security_credentials.type:s network.device.netns:i network.device.ifname:s network.l3_protocol:i network.l4_protocol:i
  network.source.ip:c network.source.port:i network.source.is_public:b network.destination.ip:c network.destination.port:i
  network.destination.is_public:b network.network_direction:i network.size:i network.type:i
packet: packet.device.netns:i packet.device.ifname:s packet.l3_protocol:i packet.l4_protocol:i packet.source.ip:c packet.source.port:i
  packet.source.is_public:b packet.destination.ip:c packet.destination.port:i packet.destination.is_public:b packet.network_direction:i
  packet.size:i packet.type:i packet.filter:s packet.tls.version:i
`;

/** The agent version that brought an event. */
export const referenceSince: Readonly<Record<string, string>> = {
  exec: '7.27',
  exit: '7.38',
  open: '7.27',
  unlink: '7.27',
  rename: '7.27',
  mkdir: '7.27',
  rmdir: '7.27',
  link: '7.27',
  chmod: '7.27',
  chown: '7.27',
  utimes: '7.27',
  setxattr: '7.27',
  splice: '7.36',
  mount: '7.42',
  chdir: '7.52',
  setuid: '7.27',
  setgid: '7.27',
  capset: '7.27',
  signal: '7.35',
  ptrace: '7.35',
  setrlimit: '7.68',
  capabilities: '7.70',
  prctl: '7.71',
  mmap: '7.35',
  mprotect: '7.35',
  load_module: '7.35',
  unload_module: '7.35',
  bpf: '7.33',
  selinux: '7.30',
  bind: '7.37',
  connect: '7.60',
  accept: '7.63',
  socket: '7.81',
  setsockopt: '7.68',
  sysctl: '7.65',
  cgroup_write: '7.68',
  unshare: '7.83',
  dns: '7.36',
  imds: '7.55',
  packet: '7.60',
};

export interface ReferenceField {
  readonly name: string;
  readonly type: string;
}

const types: Readonly<Record<string, string>> = { i: 'int', s: 'string', b: 'bool', c: 'cidr' };

/** Event (`*`: every event) → its fields. */
export function referenceFields(): Map<string, ReferenceField[]> {
  const lines = table.trim().replaceAll(/\n +/g, ' ').split('\n');
  const items = new Map(lines.map((line): [string, string[]] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2).split(' ')]));
  const expand = (item: string): ReferenceField[] => {
    const group = /^(.*\.)(@file|@process)$/.exec(item);
    if (group !== null) return items.get(group[2]!)!.flatMap(expand).map((field) => ({ ...field, name: group[1]! + field.name }));
    const [name = '', type = ''] = item.split(':');
    return [{ name, type: type.replace(/^[isbc]/, (letter) => types[letter]!) }];
  };
  return new Map([...items].filter(([event]) => !event.startsWith('@')).map(([event, given]) => [event, given.flatMap(expand)]));
}
