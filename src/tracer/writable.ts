/** Whether a descriptor takes a few bytes right now, by poll(2): nobody has to make it non-blocking for all who share it. */

const POLLOUT = 4;

let load: Promise<(fd: number) => boolean> | undefined;

/** Loads what asks the kernel. The function is true also when writing will fail at once. */
export function loadWritable(): Promise<(fd: number) => boolean> {
  load ??= (async () => {
    const { default: koffi } = await import('koffi');
    const poll = koffi
      .load(null)
      .func('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)') as (
      fds: Buffer,
      count: number,
      timeout: number,
    ) => number;
    const asked = Buffer.alloc(8);
    return (fd) => {
      asked.writeInt32LE(fd, 0);
      asked.writeInt16LE(POLLOUT, 4);
      asked.writeInt16LE(0, 6);
      return poll(asked, 1, 0) !== 0;
    };
  })();
  return load;
}
