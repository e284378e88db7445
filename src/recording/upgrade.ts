/**
 * Recordings of older versions as this version would write them. The reader needs no upgrade: it reads
 * by the schema of the header. `recording upgrade` writes a file anew, so that its columns are those of
 * today.
 */
import { currentSchema } from '../catalogue/header.js';
import { unitedSchema } from './copier.js';
import { FORMAT_MAJOR } from './format.js';
import { copiedHeader, type Rewritten, rewrite, type Source } from './rewrite.js';

type HeaderMembers = Record<string, unknown>;

/** Step n makes members of a header of format n those of format n + 1. Format 1 is the first. */
const steps: Readonly<Record<number, (members: HeaderMembers) => HeaderMembers>> = {};

export function upgradeHeader(members: HeaderMembers, format: number): HeaderMembers {
  let now = members;
  for (let version = format; version < FORMAT_MAJOR; version++) now = steps[version]?.(now) ?? now;
  return now;
}

/** Writes `source` under the schema of this version; rows and columns that only the source has are kept behind ours. */
export function upgradeRecording(source: Source, emit: (bytes: Uint8Array) => void, name: string): Promise<Rewritten> {
  return rewrite(source, emit, {
    name,
    schema: (header) => unitedSchema(currentSchema(), header.catalogue),
    header: (header) => upgradeHeader(copiedHeader(header), Number(header.json['format'] ?? FORMAT_MAJOR)),
  });
}
