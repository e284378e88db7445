/**
 * Boot time of the stream to wall time. Elapsed times are exact differences from the start of the
 * recording; wall times as doubles have a granularity of 256 ns, `exact` gives them to the ns.
 */
const high = 4294967296;

export class Clock {
  #startLow = 0;
  #startHigh = 0;
  /** Wall ns at elapsed 0. */
  #wallAtStart = 0;
  /** Exact bases of the last `clock` record. */
  #boottime = 0n;
  #realtime = 0n;
  #known = false;

  /** Boot time in ns at which the recording began, from the header. */
  start(boottime: bigint, realtime: bigint): void {
    this.#startLow = Number(boottime & 0xffffffffn);
    this.#startHigh = Number(boottime >> 32n);
    this.tie(boottime, realtime);
  }

  /** From here on, boot time `boottime` is wall time `realtime`. */
  tie(boottime: bigint, realtime: bigint): void {
    if (!this.#known) {
      this.#known = true;
      if (this.#startLow === 0 && this.#startHigh === 0) {
        this.#startLow = Number(boottime & 0xffffffffn);
        this.#startHigh = Number(boottime >> 32n);
      }
    }
    this.#boottime = boottime;
    this.#realtime = realtime;
    const start = (BigInt(this.#startHigh) << 32n) + BigInt(this.#startLow);
    this.#wallAtStart = Number(realtime - (boottime - start));
  }

  /** ns since the start of the recording. */
  elapsed(timeLow: number, timeHigh: number): number {
    return (timeHigh - this.#startHigh) * high + (timeLow - this.#startLow);
  }

  /** Wall ns of an elapsed time. */
  wall(elapsed: number): number {
    return this.#wallAtStart + elapsed;
  }

  /** Wall ns of a boot time that is held as a double. */
  wallOf(boottime: number): number {
    return boottime === 0 ? 0 : this.#wallAtStart + (boottime - (this.#startHigh * high + this.#startLow));
  }

  exact(timeLow: number, timeHigh: number): bigint {
    return this.#realtime + ((BigInt(timeHigh) << 32n) + BigInt(timeLow)) - this.#boottime;
  }
}
