/** Turns options into the argument vector that library and executable share (native/options.c). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { AttachOptions, TraceOptions, WrapOptions } from './options.js';

export function traceArguments(options: (WrapOptions | AttachOptions) & TraceOptions): string[] {
  const list: string[] = [];
  if (options.events !== undefined && options.events.length > 0)
    list.push('--trace', options.events.join(','));
  if (options.disableSeccomp === true) list.push('--disable-seccomp');
  if (options.ancestors === false) list.push('--no-ancestors');
  if (options.content !== undefined && options.content.length > 0)
    list.push('--content', options.content.join(','));
  if (options.keepEnvironment !== undefined && options.keepEnvironment.length > 0)
    list.push('--keep-env', options.keepEnvironment.join(','));
  if (options.redactArguments !== undefined && options.redactArguments.length > 0)
    list.push('--redact', options.redactArguments.join(','));
  for (const extra of options.extra ?? []) list.push(extra);
  if ('pids' in options) {
    for (const pid of options.pids) list.push('--pid', String(pid));
    if (options.duration !== undefined) list.push('--duration', String(options.duration));
    return list;
  }
  if (options.uid !== undefined) list.push('--uid', String(options.uid));
  if (options.gid !== undefined) list.push('--gid', String(options.gid));
  if (options.cwd !== undefined) list.push('--cwd', options.cwd);
  return list;
}

/**
 * What Node has changed in this process and the program must not notice: its soft limit of descriptors,
 * dispositions of signals, and close-on-exec on descriptors that were inherited.
 */
export function transparencyArguments(): string[] {
  const list = ['--reset-signals'];
  const limit = originalLimit();
  if (limit !== undefined) list.push('--rlimit-nofile', String(limit));
  for (const fd of inheritedDescriptors()) list.push('--inherit-fd', String(fd));
  return list;
}

/** Node raises the soft limit to the hard one before any script runs; our parent still has what we were given. */
function originalLimit(): number | undefined {
  try {
    const pattern = /^Max open files\s+(\d+)\s+(\S+)/m;
    const parent = pattern.exec(readFileSync(`/proc/${process.ppid}/limits`, 'utf8'));
    const own = pattern.exec(readFileSync('/proc/self/limits', 'utf8'));
    if (parent === null || own === null || parent[2] !== own[2]) return undefined;
    return Number(parent[1]);
  } catch {
    return undefined;
  }
}

/**
 * Descriptors above 2 that were handed to us: Node marks them close-on-exec at its start. Its own are
 * anonymous inodes, devices, and pipes of which it holds both ends.
 */
function inheritedDescriptors(): number[] {
  const links = new Map<number, string>();
  try {
    for (const name of readdirSync('/proc/self/fd')) {
      try {
        links.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
      } catch {
        // The one that listed the folder is gone.
      }
    }
  } catch {
    return [];
  }
  const ends = new Map<string, number>();
  for (const [fd, link] of links) if (fd > 2) ends.set(link, (ends.get(link) ?? 0) + 1);
  const ours = (link: string) =>
    link.startsWith('anon_inode:') ||
    link.startsWith('/proc/') ||
    (link.startsWith('/dev/') && !link.startsWith('/dev/pts/')) ||
    (link.startsWith('pipe:') && ends.get(link)! > 1);
  return [...links].filter(([fd, link]) => fd > 2 && !ours(link)).map(([fd]) => fd);
}
