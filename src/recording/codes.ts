import type { CodeTable } from '../support/diagnostic.js';

/** What can be wrong with a recording. */
export const recordingCodes = {
  'not-a-recording': {
    severity: 'error',
    doc: 'The file does not begin as a recording does. Give the path of a file that `seccam record` wrote.',
  },
  'git-lfs-pointer': {
    severity: 'error',
    doc: 'The file is a Git LFS pointer: the recording itself was not fetched. Run `git lfs pull`.',
  },
  'newer-format': {
    severity: 'error',
    doc: 'The recording was written in a format that came after this version. Use a newer version to read it.',
  },
  'damaged-recording': {
    severity: 'error',
    doc: 'Bytes of the recording are not as they were written: a length, a checksum, a number or a reference is wrong. Everything before the place that is named was read; nothing after it.',
  },
  'unfinished-recording': {
    severity: 'error',
    doc: 'The recording ends without its footer or inside a block: its recorder was killed, the disk was full, or the copy is not whole. Everything up to the last whole block was read.',
  },
  'recording-too-large': {
    severity: 'error',
    doc: 'The recording holds more distinct text than a reader keeps in memory. Everything before the place that is named was read; cut the recording with `seccam recording trim`.',
  },
  'recording-unreadable': {
    severity: 'error',
    doc: 'The file cannot be opened or read. The message says why.',
  },
  'output-exists': {
    severity: 'error',
    doc: 'The file that should be written is there already. Give another name with -o, or --force to replace it.',
  },
  'output-unwritable': {
    severity: 'error',
    doc: 'The file that should be written cannot be made or written. The message says why.',
  },
  'nothing-to-trim': {
    severity: 'error',
    doc: 'The conditions keep no event of the recording. Loosen them.',
  },
} as const satisfies CodeTable;
