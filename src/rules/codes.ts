/** Codes of loading policies; those of lint stand in lint/codes.ts. */
import type { CodeTable } from '../support/diagnostic.js';

export const ruleCodes = {
  'rules-not-found': { severity: 'error', doc: 'A path given as rules does not exist or cannot be read.' },
  'no-rules': {
    severity: 'error',
    doc: 'The files and folders hold no rule that loads. An empty set is never a green run: name a folder with `*.policy` files, or repair what did not load.',
  },
  'not-a-policy': {
    severity: 'error',
    doc: 'The file is not a policy. Tests, snapshots, the project file and recordings have verbs of their own; rules are `*.policy` files with `rules:` or `macros:`.',
  },
  'yaml-syntax': {
    severity: 'error',
    doc: 'The file is not YAML. Nothing of it was loaded.',
    example: 'rules:\n  - id: "unclosed',
  },
  'second-document': {
    severity: 'warning',
    doc: 'The file has more YAML documents behind a line `---`. The reference reads the first one only, and so is it here: put the rules into one document, or into two files.',
    example:
      'rules:\n  - {id: a, expression: exec.uid == 0}\n---\nrules:\n  - {id: b, expression: exec.uid == 1}',
  },
  'wrong-shape': {
    severity: 'error',
    doc: 'A value of the policy has the wrong kind: a list where one text is wanted, or the like.',
    example: 'rules: {id: a}',
  },
  'unknown-key': {
    severity: 'warning',
    doc: 'The key means nothing here and is ignored, as the reference does. Most often it is misspelt.',
    example: 'rules:\n  - id: a\n    expresion: exec.file.name == "a"',
  },
  'duplicate-key': {
    severity: 'error',
    doc: 'A mapping has one key twice; YAML does not say which of them counts.',
  },
  'missing-id': { severity: 'error', doc: 'A rule or macro has no `id`.' },
  'wrong-id': {
    severity: 'error',
    doc: 'An id is made of letters, digits and `_`.',
    example: 'rules:\n  - id: my-rule',
  },
  'missing-expression': {
    severity: 'error',
    doc: 'A rule that is not disabled has an `expression`; a macro has `expression` or `values`.',
  },
  'no-event': {
    severity: 'error',
    doc: 'No event in the rule definition: its fields belong to every event (`process.*`, `container.*`), so nothing says when to decide it.',
    example: 'process.uid == 0',
  },
  'duplicate-id': {
    severity: 'error',
    doc: 'Multiple definition with the same ID. Only `combine`, or a second definition that does nothing but change `disabled`, may name an id again.',
  },
  'cannot-merge': {
    severity: 'error',
    doc: '`combine: merge` appends values; a macro that is an expression has none. Write `values:` in both, or `combine: override`.',
  },
  'two-macro-bodies': {
    severity: 'error',
    doc: 'Only one of `expression` and `values` can be defined in a macro.',
  },
  'wrong-agent-version': {
    severity: 'error',
    doc: '`agent_version` is a range as in package managers: `>= 7.42`, `< 7.50 || > 7.60`.',
  },
  'wrong-filter': {
    severity: 'error',
    doc: 'An expression of `filters` cannot be read, or reads something other than the host.',
  },
  'wrong-duration': {
    severity: 'error',
    doc: 'A duration is a number with a unit: `500ms`, `10s`, `5m`, `1h30m`.',
  },
  'wrong-action': {
    severity: 'error',
    doc: 'An action says too much, too little or something unknown; the message says which.',
  },
  'action-not-carried-out': {
    severity: 'warning',
    doc: 'The action is known and loaded; this engine reports it with each match but cannot carry it out.',
  },
  'kill-disabled': {
    severity: 'error',
    doc: 'Enforcement is switched off for this run, so an action that kills is left out; the rest of its rule loads.',
  },
  'variable-conflict': {
    severity: 'error',
    doc: 'Two `set` actions give one variable different types or options.',
  },
  'event-not-available': {
    severity: 'warning',
    doc: 'The rule is about an event that this product does not record; it is not loaded. The reference reports the same as event_type_disabled.',
  },
  'hooks-not-loaded': {
    severity: 'warning',
    doc: 'On-demand kernel hooks need eBPF. The rest of the policy is loaded.',
  },
  'policy-replaced': {
    severity: 'note',
    doc: 'A policy was not loaded because another one replaces it (`replace_policy_id`).',
  },
  'field-not-available': {
    severity: 'warning',
    doc: 'The field is known, but nothing in this mode can fill it; it reads as zero, empty or false.',
  },
  'wrong-limiter-token': {
    severity: 'error',
    doc: 'A member of `limiter_token` is not a field of the event of the rule.',
  },
} as const satisfies CodeTable;
