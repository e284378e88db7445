/** What rules read that no event carries: names of users and groups, the host. Set per recording or stream. */
import type { StringId } from '../support/strings.js';

export interface World {
  /** Name of a uid or gid at this moment, 0 when unknown. */
  user(uid: number): StringId;
  group(gid: number): StringId;
  readonly hostname: string;
  /** `event.origin`; the reference says `ebpfless` for ptrace. */
  readonly origin: string;
}

/** Nothing is known. */
export const emptyWorld: World = { user: () => 0, group: () => 0, hostname: '', origin: 'ebpfless' };
