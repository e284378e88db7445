/**
 * What recording hands to probe: events and records as they stand in the stream, with columns decoded
 * in the order of this catalogue. Both objects are reused for the next item.
 */
import type { ColumnValue } from './event.js';
import type { SchemaRow } from './header.js';
import type { RecordName } from './records.js';
import type { EventRow } from './row.js';

export interface RawEvent {
  /** As stored; an id that this catalogue does not know has no `row`. */
  id: number;
  row: EventRow | undefined;
  /** The row as the header of the recording tells it. Without `row`, `columns` are in its order. */
  schema: SchemaRow;
  seq: number;
  pid: number;
  tid: number;
  /** System call number; 0xffffffff: none. */
  syscall: number;
  arch: number;
  flags: number;
  /** Bit n: column n (of this catalogue) could not be read. */
  missing: number;
  /** Bit n: the string or list of column n was cut, or a member of the list was. */
  cut: number;
  /** CLOCK_BOOTTIME in ns at completion, as its two words: exact, and cheap. */
  timeLow: number;
  timeHigh: number;
  retval: number;
  /** ns from entry to completion. */
  duration: number;
  /** In the order of `row.columns`; absent is 0 or the zero object of the tuple's kind. The array is reused. */
  columns: ColumnValue[];
}

export interface RawRecord {
  /** Undefined: a record of a newer writer. */
  name: RecordName | undefined;
  id: number;
  schema: SchemaRow;
  /** In the order of the row's columns. */
  columns: ColumnValue[];
  /** A u64 or i64 column exactly: doubles hold wall times to 256 ns only. */
  exact(column: number): bigint;
}
