/** One shared object for each kind of tuple that is absent: all zero, so that reading it needs no test. */
import type { Address, Context, Credentials, FileFacts, Namespaces, StringList } from './event.js';

export const noFile: FileFacts = {
  path: 0,
  ownPath: 0,
  name: 0,
  extension: 0,
  inode: 0,
  dev: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  nlink: 0,
  changeTime: 0,
  modificationTime: 0,
  filesystem: 0,
  mountId: 0,
  flags: 0,
  extra: null,
};

/** The login uid of nobody is "unset", as in /proc/PID/loginuid. */
export const noCredentials: Credentials = {
  uid: 0,
  euid: 0,
  suid: 0,
  fsuid: 0,
  gid: 0,
  egid: 0,
  sgid: 0,
  fsgid: 0,
  auid: 0xffffffff,
  groups: [],
  capEffective: 0,
  capPermitted: 0,
  capInheritable: 0,
  capAmbient: 0,
  capBounding: 0,
  noNewPrivileges: false,
};

export const noNamespaces: Namespaces = {
  mnt: 0,
  net: 0,
  pid: 0,
  user: 0,
  uts: 0,
  ipc: 0,
  cgroup: 0,
  time: 0,
};

export const noContext: Context = {
  cgroupId: 0,
  cgroupVersion: 0,
  cgroupInode: 0,
  cgroupMountId: 0,
  cgroupCreatedAt: 0,
  containerId: 0,
  runtime: 0,
  containerCreatedAt: 0,
  containerTags: [],
  containerImage: 0,
  unit: 0,
  session: null,
};

export const noAddress: Address = { family: 0, ip: 0, port: 0, path: 0 };

export const noList: StringList = { items: [], total: 0, truncated: false };
