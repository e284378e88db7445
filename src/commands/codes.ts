/** Codes of what is wrong with a command line, and of the two failures that no room foresaw. */
import type { CodeTable } from '../support/diagnostic.js';

export const commandCodes = {
  'unknown-command': {
    severity: 'error',
    doc: 'There is no such verb. `seccam help` lists them all.',
    example: 'seccam reply story.seccam',
  },
  'unknown-flag': {
    severity: 'error',
    doc: 'The verb has no such flag. `seccam VERB --help` lists its flags. Flags of a recorded program belong after `--`.',
    example: 'seccam replay --rule web.policy',
  },
  'bad-usage': {
    severity: 'error',
    doc: 'An argument or the value of a flag is missing, superfluous or not of the form that the verb wants.',
    example: 'seccam replay --format',
  },
  'unknown-format': {
    severity: 'error',
    doc: 'The verb cannot write that format. Formats are `--format NAME` or `--format NAME=FILE`, and may be repeated with different targets.',
    example: 'seccam replay --format xml',
  },
  'no-such-code': {
    severity: 'error',
    doc: '`list codes CODE` was asked about a code that does not exist.',
    example: 'seccam list codes type-mismach',
  },
  'no-such-name': {
    severity: 'error',
    doc: 'A `list` verb was asked about a name that does not exist and is no part of one either.',
    example: 'seccam list fields open.flie',
  },
  'file-error': {
    severity: 'error',
    doc: 'The operating system refused to open, read or write a file. The message names the file and its reason.',
    example: 'seccam replay /root/secret.seccam',
  },
  'internal-error': {
    severity: 'error',
    doc: 'A defect of seccam itself, never of the input. Run the command again with SECCAM_DEBUG=1 and report what it prints.',
  },
} as const satisfies CodeTable;
