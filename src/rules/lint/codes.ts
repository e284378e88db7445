/** Codes of `check`: rules that load and yet are likely not to do what they say. */
import type { CodeTable } from '../../support/diagnostic.js';

export const lintCodes = {
  'mixed-and-or': {
    severity: 'warning',
    doc: '`&&` and `||` have the same precedence and group to the right: `a && b || c` means `a && (b || c)`. Write the parentheses, so that the rule says what it does.',
    example: 'exec.file.name == "a" && exec.uid == 0 || exec.uid == 1',
  },
  'negated-list': {
    severity: 'note',
    doc: 'On a field with several values, `!=`, `not in` and `!~` mean that no value matches, not that some value differs. Often that is what is wanted; `!=` often is not.',
    example: 'process.ancestors.file.name != "sshd"',
  },
  'allin-means-in': {
    severity: 'warning',
    doc: '`allin` asks about every element only for lists of IP addresses. Elsewhere it is the same as `in`: one element is enough.',
    example: 'exec.argv allin ["-a", "-b"]',
  },
  'regexp-on-path': {
    severity: 'warning',
    doc: 'The reference refuses regular expressions on paths, and they cost more than patterns. Write a pattern: `*` stays within a directory, a last `**` crosses.',
    example: 'open.file.path =~ r"/etc/.*"',
  },
  'star-in-text': {
    severity: 'warning',
    doc: 'A text with `*` is compared character by character here. A pattern has a `~` before its quote, or stands right of `=~`.',
    example: 'open.file.path == "/etc/*"',
  },
  'never-true': {
    severity: 'warning',
    doc: 'The rule can never be true: two of its conditions exclude each other, or one can never hold.',
    example: 'exec.file.name == "a" && exec.file.name == "b"',
  },
  'always-true': {
    severity: 'warning',
    doc: 'The condition holds for every event and decides nothing.',
    example: 'open.flags & O_RDONLY == 0',
  },
  'impossible-constant': {
    severity: 'warning',
    doc: 'The field can never have the value that it is compared with: a flag that is 0 or outside the mask, a relative path, a name with a slash, a negative id.',
    example: 'open.flags & O_RDONLY > 0',
  },
  'cannot-fire': {
    severity: 'warning',
    doc: 'The rule needs an event or a field that is not recorded here, so it will never fire. `never: [rule]` in a test proves nothing about it.',
  },
  'unused-macro': {
    severity: 'warning',
    doc: 'No rule and no other macro uses the macro.',
  },
  'unread-variable': {
    severity: 'note',
    doc: 'A `set` action fills a variable that no rule, macro or action reads.',
  },
  'shadowed-variable': {
    severity: 'warning',
    doc: 'One name stands for two things: variables of the same name in two scopes, or a macro with the name of a field, which it hides, or of a constant, which hides it except to the right of `in`.',
    example: 'set: {name: seen, value: true}, and elsewhere set: {name: seen, scope: process, value: true}',
  },
  'every-zero': {
    severity: 'warning',
    doc: '`every: 0s` is no limit of its own: the default applies, one delivery per 100 ms with a burst of 40. Leave it out, or write the time that is meant. A number without a unit is in nanoseconds: `every: 10` limits nothing.',
    example: 'every: 0s',
  },
} as const satisfies CodeTable;
