/** IP addresses and networks as the language compares them: two networks are equal when they intersect. */

/** A parsed network; a single address has the full prefix. IPv4-mapped IPv6 is kept as IPv4. */
export interface Address {
  readonly kind: 4 | 6;
  /** 4 or 16 numbers of 0..255, host bits as written. */
  readonly bytes: readonly number[];
  readonly prefix: number;
  /** As written. */
  readonly text: string;
}
