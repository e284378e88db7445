/** The diagnostics of the language room. */

import type { CodeTable } from '../support/diagnostic.js';

export const languageCodes = {
  'syntax-error': {
    severity: 'error',
    doc: 'The text is not an expression of the language. The message says what was found and what would fit there.',
    example: 'open.file.path ==',
  },
  'unknown-character': {
    severity: 'error',
    doc: 'A character that begins no token: outside strings only names, numbers, addresses and operators can stand.',
    example: 'open.file.path == @x',
  },
  'unterminated-string': {
    severity: 'error',
    doc: 'A string, pattern or regexp has no closing quote. A quote inside a string is written with a backslash before it.',
    example: 'open.file.path == "/etc/passwd',
  },
  'invalid-duration': {
    severity: 'error',
    doc: 'A duration is a whole number followed by ms, s, m or h, with nothing after it. Days are not a unit: write 24h.',
    example: 'process.created_at < 5ss',
  },
  'invalid-number': {
    severity: 'error',
    doc: 'A number does not fit a signed 64-bit integer, or begins with 0 (octal) and has a digit 8 or 9.',
    example: 'process.uid == 99999999999999999999',
  },
  'too-long': {
    severity: 'error',
    doc: 'An expression may have at most 1,048,576 characters, and 100,000 parts once its macros are written out. Move long lists into macros.',
  },
  'too-deep': {
    severity: 'error',
    doc: 'Parentheses, negations, comparisons of comparisons and alternating && and || may nest at most 400 deep.',
  },
  'unknown-field': {
    severity: 'error',
    doc: 'A name is neither a constant, a macro nor a field of the model.',
    example: 'open.file.pth == "/etc/passwd"',
  },
  'unknown-variable': {
    severity: 'error',
    doc: 'A variable is read that no "set" action and no engine defines.',
    example: '${seen} == true',
  },
  'type-mismatch': {
    severity: 'error',
    doc: 'The two sides of a comparison, or an operand and its operator, are of different kinds.',
    example: 'open.file.path in 22',
  },
  'unknown-operator': {
    severity: 'error',
    doc: 'The operator does not exist for operands of this kind, such as "<" on strings or "==" on a duration.',
    example: 'open.file.path < "a"',
  },
  'not-static': {
    severity: 'error',
    doc: 'The right side of =~ and !~ must be written out: a field, a variable or an interpolated string is not a pattern.',
    example: 'open.file.path =~ process.file.path',
  },
  'invalid-pattern': {
    severity: 'error',
    doc: 'A pattern is not valid: ** stands only as the last whole segment of a path pattern, and never in others.',
    example: 'open.file.path =~ "/etc/**/x"',
  },
  'invalid-regexp': {
    severity: 'error',
    doc: 'A regular expression is not valid RE2 syntax (no look-around, no back-references).',
    example: 'process.file.name == r"(a"',
  },
  'invalid-address': {
    severity: 'error',
    doc: 'An IP address or network is malformed: an octet above 255, a prefix that is too long, or a misplaced colon.',
    example: 'connect.addr.ip == 300.0.0.1',
  },
  'register-error': {
    severity: 'error',
    doc: 'An index such as [A] is misused: one name per rule, directly after an iterator, never _; a number stands only at the end of a field with several values.',
    example: 'process.ancestors[_].pid == 1',
  },
  'impossible-value': {
    severity: 'error',
    doc: 'The field can never have the literal that it is compared with.',
    example: 'process.uid == -5',
  },
  'mixed-constants': {
    severity: 'error',
    doc: 'The constants of a list are not all of one type, or a name in a list is not a constant.',
    example: 'open.retval in [EPERM, true]',
  },
  'event-mismatch': {
    severity: 'error',
    doc: 'A rule reads fields of two event types, or a field that its event does not have; it is about exactly one type.',
    example: 'open.file.path == "/a" && exec.file.path == "/b"',
  },
  'recursive-macro': {
    severity: 'error',
    doc: 'A macro uses itself, directly or through another macro.',
  },
  'no-interpolation-in-list': {
    severity: 'warning',
    doc: 'Inside a list, ${…} and %{…} are plain text: only a string that stands alone is interpolated. Compare with == and join with ||.',
    example: 'open.file.path in ["/proc/${process.pid}/mem"]',
  },
  'inexact-number': {
    severity: 'warning',
    doc: 'A number is larger than 2^53 and is rounded to the nearest multiple of a power of two.',
    example: 'process.inode == 9007199254740993',
  },
} as const satisfies CodeTable;

export type LanguageCode = keyof typeof languageCodes;
