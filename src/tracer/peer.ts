/** Who is at the other end of a Unix socket, by the kernel's word (SO_PEERCRED, as it was at connect). */
import type { Socket } from 'node:net';

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

let load: Promise<(socket: Socket) => PeerCredentials | undefined> | undefined;

/** Loads what asks the kernel. The function gives undefined for sockets that have no such peer. */
export function loadPeerCredentials(): Promise<(socket: Socket) => PeerCredentials | undefined> {
  load ??= (async () => {
    const { default: koffi } = await import('koffi');
    const getsockopt = koffi
      .load(null)
      .func(
        'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
      ) as (fd: number, level: number, name: number, value: Buffer, length: [number]) => number;
    return (socket) => {
      const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
      if (fd === undefined || fd < 0) return undefined;
      const value = Buffer.alloc(12);
      const length: [number] = [value.length];
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0 || length[0] !== value.length)
        return undefined;
      return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4) };
    };
  })();
  return load;
}
