/** How the value of a column becomes that of a field: one row for each `Conversion` of the catalogue. */
import ipaddr from 'ipaddr.js';
import type { Event, StringList } from '../catalogue/event.js';
import type { Conversion } from '../catalogue/row.js';
import type { Read } from '../language/index.js';
import type { StringId, StringTable } from '../support/strings.js';

/** `mask` is for bits. */
type Convert = (source: string, mask: number | undefined, strings: StringTable) => Read<Event>;

const value = (source: string): Read<Event> => ({ kind: 'value', source });
const ids = (source: string): Read<Event> => ({ kind: 'string-id', source });

/** A function of the value that `source` gives, kept per string number. */
function perString<T>(source: string, strings: StringTable, decide: (text: string) => T): Read<Event> {
  const known = {
    answers: [] as T[],
    forget() {
      this.answers.length = 0;
    },
  };
  strings.hold(known);
  const read = new Function('event', `'use strict'; return (${source});`) as (
    event: Event,
  ) => StringId | undefined;
  return {
    kind: 'call',
    read: (event) => {
      const id = read(event) ?? 0;
      let answer = known.answers[id];
      if (answer === undefined) {
        answer = decide(strings.text(id));
        known.answers[id] = answer;
      }
      return answer;
    },
  };
}

function perValue(source: string, decide: (given: unknown) => unknown): Read<Event> {
  const read = new Function('event', `'use strict'; return (${source});`) as (event: Event) => unknown;
  return { kind: 'call', read: (event) => decide(read(event)) };
}

export const conversions: Readonly<Record<Conversion, Convert>> = {
  rights: (source) => value(`${source} & 4095`),
  user: (source) => ids(`event.world.user(${source}, event.process.namespaces.mnt)`),
  group: (source) => ids(`event.world.group(${source}, event.process.namespaces.mnt)`),
  basename: (source, _mask, strings) =>
    perString(source, strings, (text) => text.slice(text.lastIndexOf('/') + 1)),
  extension: (source, _mask, strings) =>
    perString(source, strings, (text) => {
      const name = text.slice(text.lastIndexOf('/') + 1);
      const dot = name.lastIndexOf('.');
      return dot < 0 ? '' : name.slice(dot);
    }),
  bool: (source) => value(`${source} !== 0`),
  bit: (source, mask) => value(`(${source} & ${mask ?? 0}) !== 0`),
  'socket-family': (source) => value(`${source} & 255`),
  'socket-type': (source) => value(`(${source} >>> 8) & 255`),
  'socket-protocol': (source) => value(`${source} >>> 16`),
  ip: (source) => ids(`${source}.ip`),
  public: (source, _mask, strings) =>
    perString(source.endsWith('.ip') ? source : `${source}.ip`, strings, isPublic),
  hostnames: () => ids('event.hostnames'),
  joined: (source, _mask, strings) =>
    perValue(source, (list) =>
      ((list as StringList | undefined)?.items ?? []).map((id) => strings.text(id)).join(' '),
    ),
  truncated: (source) => {
    const column = Number(/columns\[(\d+)\]/.exec(source)?.[1] ?? 31);
    return value(`(event.cut & ${2 ** column}) !== 0 || ${source}?.truncated === true`);
  },
  octets: (source, _mask, strings) =>
    perValue(source, (given) =>
      typeof given === 'number'
        ? Buffer.byteLength(strings.text(given))
        : ((given as StringList | undefined)?.total ?? 0),
    ),
};

/** Private and special ranges as the reference counts them: everything else is public. */
function isPublic(text: string): boolean {
  if (text === '') return false;
  try {
    return ipaddr.process(text).range() === 'unicast';
  } catch {
    return false;
  }
}
