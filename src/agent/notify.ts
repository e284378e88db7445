/**
 * Tells systemd how the agent does (sd_notify): it is ready when its sockets are open and not before, and it is
 * alive as long as its loop goes round.
 */
import { openDatagrams } from './datagrams.js';

/** Sends lines such as `READY=1`. A service manager that does not listen is no trouble of ours. */
export type Notify = (lines: readonly string[]) => void;

export interface ServiceManager {
  readonly notify: Notify;
  /** ms within which it wants to hear `WATCHDOG=1`; undefined: it does not. */
  readonly watchdog: number | undefined;
}

/**
 * The manager that the environment names (NOTIFY_SOCKET, WATCHDOG_USEC), which is taken out of it: what we start
 * speaks for itself. Undefined: none, or none that can be reached.
 */
export async function serviceManager(
  environment: Record<string, string | undefined> = process.env,
): Promise<ServiceManager | undefined> {
  const { NOTIFY_SOCKET: path = '', WATCHDOG_USEC: period, WATCHDOG_PID: pid } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  const send = await openDatagrams(path);
  if (send === undefined) return undefined;
  const microseconds = pid === undefined || pid === String(process.pid) ? Number(period) : 0;
  return {
    notify: (lines) => void send(Buffer.from(lines.join('\n'))),
    watchdog: microseconds > 0 ? microseconds / 1000 : undefined,
  };
}
