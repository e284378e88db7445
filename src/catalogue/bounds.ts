/**
 * What the recorder stores at most. A longer string or list is cut and says so: its stored length is
 * less than its original length.
 */
export const bounds = {
  /** Bytes of a path or another string; the kernel's PATH_MAX. */
  string: 4096,
  /** Members of argv. */
  argv_members: 4096,
  /** Bytes of one member of argv. */
  argv_member: 4096,
  /** Bytes of all members of argv together. */
  argv_bytes: 131072,
  /** Members of envp. */
  envp_members: 1024,
  /** Bytes of one member of envp. */
  envp_member: 1024,
  /** Bytes of buffers: messages, first bytes of writes. */
  bytes: 1024,
  /** Bytes of a program (BPF, socket filter). */
  program: 32768,
  /** Bytes of /proc/PID/fdinfo/N. */
  fdinfo: 1024,
} as const;
