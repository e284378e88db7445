/**
 * Takes what differs from run to run out of values, for snapshots and differences. A view: recordings stay raw.
 *
 * Numbers that the kernel hands out are numbered by first appearance per kind, times are dropped, known
 * folders are named, the user's masks come last. Every rule that changed something is counted.
 */
import { lookup } from '../support/lookup.js';
import { fits } from './glob.js';

export interface Mask {
  /** Pattern of field names; default all. */
  readonly in?: string | undefined;
  readonly match: string;
  readonly as: string;
}

export interface NormaliserOptions {
  /** Folder → name, longest first wins: `/home/me/project` → `<work>`. */
  readonly folders?: Readonly<Record<string, string>>;
  readonly masks?: readonly Mask[];
}

const numbered: readonly { readonly kind: string; readonly field: RegExp }[] = [
  { kind: 'inode', field: /(^|\.)inode$/ },
  { kind: 'mount', field: /(^|\.)mount_id$/ },
  { kind: 'device', field: /(^|\.)dev(ice)?$/ },
  { kind: 'pid', field: /(^|\.)(pid|tid|ppid|sid|pgid)$/ },
  { kind: 'namespace', field: /(^|\.)(netns|mntns)$/ },
  { kind: 'fd', field: /(^|\.)fd$/ },
  { kind: 'address', field: /(^|\.)(vm_start|vm_end|address)$/ },
];
const time = /(^|\.)(created_at|change_time|modification_time|timestamp)$/;
/** Results and arguments that may be addresses in memory; numbers below 4 GiB are not. */
const pointer = /(^|\.)(retval|addr|address|start|end)$/;
const port = /(^|\.)port$/;
/** Ports from here on are given out by the kernel (net.ipv4.ip_local_port_range). */
const firstEphemeralPort = 32768;
const temporary = /(\/(?:var\/)?tmp|\/dev\/shm)\/([^/\s"']+)/g;

export class Normaliser {
  readonly #numbers = new Map<string, Map<string, number>>();
  readonly #folders: readonly (readonly [string, string])[];
  readonly #masks: readonly { readonly in: string; readonly match: RegExp; readonly as: string }[];
  /** Rule → how often it changed something. */
  readonly counts = new Map<string, number>();

  constructor(options: NormaliserOptions = {}) {
    this.#folders = Object.entries(options.folders ?? {})
      .filter(([folder]) => folder.length > 1)
      .sort((a, b) => b[0].length - a[0].length);
    this.#masks = (options.masks ?? []).map((mask) => ({
      in: mask.in ?? '*',
      match: new RegExp(mask.match, 'g'),
      as: mask.as,
    }));
  }

  /** The value of a field as it may stand in a snapshot; undefined when nothing of it may. */
  value(field: string, value: unknown): unknown {
    if (time.test(field)) {
      this.#count('time');
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item) => this.value(field, item));
    if (typeof value === 'number' || typeof value === 'bigint') {
      for (const { kind, field: pattern } of numbered)
        if (pattern.test(field)) return this.#number(kind, String(value));
      if (pointer.test(field) && Number(value) >= 2 ** 32) return this.#number('address', String(value));
      if (port.test(field) && Number(value) >= firstEphemeralPort) return this.#number('port', String(value));
      return value;
    }
    return typeof value === 'string' ? this.text(field, value) : value;
  }

  text(field: string, text: string): string {
    let out = text;
    for (const [folder, name] of this.#folders) {
      const parts = out.split(folder);
      if (parts.length === 1) continue;
      out = parts.reduce(
        (sofar, part) => sofar + (part === '' || /^[/\s"':;,]/.test(part) ? name : folder) + part,
      );
      this.#count(name);
    }
    out = out.replace(/\/proc\/(\d+)(?=\/|$)/g, (_, pid: string) => `/proc/${this.#number('pid', pid)}`);
    out = out.replace(temporary, (whole, folder: string, name: string) =>
      isRandom(name) ? `${folder}/${this.#number('temporary', name)}` : whole,
    );
    out = out.replace(
      /\b(pipe|socket|anon_inode):\[(\d+)\]/g,
      (_, kind: string, inode: string) => `${kind}:[${this.#number('inode', inode)}]`,
    );
    for (const mask of this.#masks) {
      if (!fits(mask.in, field)) continue;
      const masked = out.replace(mask.match, mask.as);
      if (masked !== out) this.#count(`mask ${mask.match.source}`);
      out = masked;
    }
    return out;
  }

  #number(kind: string, value: string): string {
    const known = lookup(this.#numbers, kind, () => new Map());
    const number = lookup(known, value, () => known.size + 1);
    this.#count(kind);
    return `<${kind} ${number}>`;
  }

  #count(rule: string): void {
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
  }
}

/** Whether a name looks made up by mkstemp and the like: a tail of six or more letters and digits that is no word. */
export function isRandom(name: string): boolean {
  // Files of gcc, whose six letters may look like any word.
  if (/^cc[A-Za-z0-9]{6}\.(?:s|o|c|i|ii|ld|le|res|cdtor\.[co]|lto\w*)$/.test(name)) return true;
  const tail = /[A-Za-z0-9_]{6,}$/
    .exec(name.split('.').find((part) => /[A-Za-z0-9]{6,}/.test(part)) ?? name)?.[0]
    .slice(-6);
  if (tail === undefined) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/].filter((kind) => kind.test(tail)).length;
  return kinds >= 2 && !/^[A-Z]?[a-z]+$/.test(tail) && !/^[a-z]+[0-9]{1,2}$/.test(tail);
}
