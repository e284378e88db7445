/** Unix datagrams, which Node has not: the C library is asked. */

/** Sends one datagram without waiting: undefined, or the name of the error (`EAGAIN`: its reader is slow). */
export type SendDatagram = (bytes: Uint8Array) => string | undefined;

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** Bytes of `sun_path`. */
const PATH_MAX = 108;

/** What sends to the socket at `path` (`@` begins an abstract name); undefined: that is no such name. */
export async function openDatagrams(path: string): Promise<SendDatagram | undefined> {
  const address = addressOf(path);
  if (address === undefined) return undefined;
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const socket = library.func('int socket(int domain, int type, int protocol)') as (
    ...numbers: number[]
  ) => number;
  const sendto = library.func(
    'int64_t sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t size)',
  ) as (
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Buffer,
    size: number,
  ) => number;
  const names = new Map(
    Object.entries(koffi.os.errno as Readonly<Record<string, number>>).map(([name, number]) => [
      number,
      name,
    ]),
  );
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return undefined;
  return (bytes) => {
    if (sendto(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL, address, address.length) >= 0)
      return undefined;
    const number = koffi.errno();
    return names.get(number) ?? `errno ${number}`;
  };
}

/** struct sockaddr_un. */
function addressOf(path: string): Buffer | undefined {
  const name = Buffer.from(path);
  if (!/^[/@]./.test(path) || name.length > PATH_MAX) return undefined;
  if (path.startsWith('@')) name[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
