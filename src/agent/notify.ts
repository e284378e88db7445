/**
 * Tells systemd how the agent does (sd_notify): it is ready when its sockets are open and not before, and it is
 * alive as long as its loop goes round. Node has no datagram sockets of the Unix kind, so the C library is asked.
 */

/** Sends lines such as `READY=1`. A service manager that does not listen is no trouble of ours. */
export type Notify = (lines: readonly string[]) => void;

export interface ServiceManager {
  readonly notify: Notify;
  /** ms within which it wants to hear `WATCHDOG=1`; undefined: it does not. */
  readonly watchdog: number | undefined;
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** Bytes of `sun_path`. */
const PATH_MAX = 108;

/**
 * The manager that the environment names (NOTIFY_SOCKET, WATCHDOG_USEC), which is taken out of it: what we start
 * speaks for itself. Undefined: none, or none that can be reached.
 */
export async function serviceManager(
  environment: Record<string, string | undefined> = process.env,
): Promise<ServiceManager | undefined> {
  const { NOTIFY_SOCKET: path = '', WATCHDOG_USEC: period, WATCHDOG_PID: pid } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  const address = addressOf(path);
  if (address === undefined) return undefined;
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const socket = library.func('int socket(int domain, int type, int protocol)') as (
    domain: number,
    type: number,
    protocol: number,
  ) => number;
  const sendto = library.func(
    'int64_t sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t size)',
  ) as (fd: number, bytes: Buffer, length: number, flags: number, address: Buffer, size: number) => number;
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const microseconds = pid === undefined || pid === String(process.pid) ? Number(period) : 0;
  return {
    notify: (lines) => {
      const bytes = Buffer.from(lines.join('\n'));
      sendto(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL, address, address.length);
    },
    watchdog: microseconds > 0 ? microseconds / 1000 : undefined,
  };
}

/** struct sockaddr_un; `@` begins an abstract name. */
function addressOf(path: string): Buffer | undefined {
  const name = Buffer.from(path);
  if (!/^[/@]./.test(path) || name.length > PATH_MAX) return undefined;
  if (path.startsWith('@')) name[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
