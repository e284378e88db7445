import type { CodeTable } from '../support/diagnostic.js';

/** What the workbench says about project files, test files, recordings as arguments, and verdicts. */
export const workbenchCodes = {
  'not-yaml': { severity: 'error', doc: 'The file cannot be read as YAML.', example: 'tests: [a, b' },
  'unknown-key': {
    severity: 'error',
    doc: 'The format has no such key; a misspelt key would be an expectation that nobody checks.',
    example: 'expects: [rule_id]',
  },
  'missing-key': { severity: 'error', doc: 'A key that the format demands is absent.' },
  'wrong-type': {
    severity: 'error',
    doc: 'The value is of another kind than the key takes.',
    example: 'name: [a, list]',
  },
  'bad-value': {
    severity: 'error',
    doc: 'The value is of the right kind but is none that the key takes.',
    example: 'times: 3...5',
  },
  'newer-version': {
    severity: 'error',
    doc: 'The file was written for a later version of its format than this program knows.',
    example: 'version: 2',
  },
  'not-a-test': {
    severity: 'error',
    doc: 'A policy, project file or recording was named where a test file is wanted.',
  },
  'not-a-project': { severity: 'error', doc: 'The file is no project file.' },
  'no-such-file': {
    severity: 'error',
    doc: 'A file or folder that was named does not exist or cannot be read.',
  },
  'no-tests': {
    severity: 'error',
    doc: 'No test file was found, or none of the tests was selected: a run without tests is never green.',
  },
  'no-rules': { severity: 'error', doc: 'No rule was loaded: a run without rules is never green.' },
  'not-a-recording': {
    severity: 'error',
    doc: 'A policy, test or project file was named where a recording is wanted.',
  },
  'nothing-to-explain': {
    severity: 'warning',
    doc: 'No rule that was asked for is shown the event of `--at`, or any event that `--where` chooses: there is nothing to say about them.',
    example: 'seccam explain story.seccam --rule web_shell_reads_key --at 1',
  },
  'no-recording': { severity: 'error', doc: 'No recording was named and none was found.' },
  'lfs-pointer': {
    severity: 'error',
    doc: 'The file is a pointer that Git LFS left in place of the recording; fetch the recording first (git lfs pull).',
  },
  'needs-other-version': {
    severity: 'error',
    doc: 'The project file asks for another version of seccam (`requires`).',
  },
  'no-input': {
    severity: 'error',
    doc: 'A test names nothing to run its rules on: one of recording, recordings, run, events is needed.',
  },
  'several-inputs': {
    severity: 'error',
    doc: 'A test names more than one of recording, recordings, run and events.',
  },
  'no-expectation': { severity: 'error', doc: 'A test expects nothing, so that it could never fail.' },
  'duplicate-test': {
    severity: 'error',
    doc: 'Two tests of one file have the same name, or names that differ only in punctuation where recordings are pinned under them, so that a result could not be told apart.',
  },
  'unknown-context': {
    severity: 'error',
    doc: 'The context is declared neither in the test file nor in seccam.yaml.',
  },
  'unknown-rule': {
    severity: 'error',
    doc: 'No policy that the test loads has a rule of that id, or none matches the pattern.',
  },
  'unknown-matrix-value': {
    severity: 'error',
    doc: "A `{{name}}` stands for no value of the test's matrix.",
  },
  'bad-condition': {
    severity: 'error',
    doc: 'A condition of a test is not a valid expression of the rule language.',
  },
  'bad-event': {
    severity: 'error',
    doc: 'An event of `events:` or `--event` cannot be made: unknown type, unknown field, or a value of the wrong kind.',
  },
  'only-in-ci': {
    severity: 'error',
    doc: '`only` leaves the other tests of the file out; with the variable CI set that is an error.',
  },
  'redact-later': {
    severity: 'warning',
    doc: 'A pattern of `recordings.redact.args` that does not begin with a name, as `--token=…` does: the recorder hides values by the names before them. `seccam recording redact` applies every pattern.',
  },
  'unused-recording': { severity: 'warning', doc: "A recording in the project's folder is used by no test." },
  'large-recording': {
    severity: 'warning',
    doc: 'A recording is larger than `recordings.max_size`. Trim it, or keep it outside of git.',
  },
  'unknown-test': {
    severity: 'error',
    doc: 'A test was asked for by name, line or rule, and there is none.',
  },
  'unknown-revision': {
    severity: 'error',
    doc: 'Git does not know the revision, or this folder is not in a git repository.',
  },
  'no-such-event': { severity: 'error', doc: 'The recording has no event of that number.' },
  'file-exists': { severity: 'error', doc: 'A file that would be written exists; nothing was overwritten.' },
  'rule-not-loaded': {
    severity: 'error',
    doc: 'Inconclusive: the rule was not loaded, so that its silence proves nothing.',
  },
  'rule-disabled': {
    severity: 'error',
    doc: 'Inconclusive: the rule is disabled or filtered out, so that its silence proves nothing.',
  },
  'event-not-recorded': {
    severity: 'error',
    doc: "Inconclusive: the recording does not hold events of the rule's type, so that its silence proves nothing.",
  },
  'field-not-recorded': {
    severity: 'error',
    doc: 'Inconclusive: the recording does not hold a field that the rule reads.',
  },
  'field-redacted': {
    severity: 'error',
    doc: 'Inconclusive: a field that the rule reads was redacted when the recording was made.',
  },
  'field-truncated': {
    severity: 'error',
    doc: "Inconclusive: a field that the rule reads was cut short in an event of the rule's type.",
  },
  'gap-in-recording': {
    severity: 'error',
    doc: 'Inconclusive: events are missing from the recording (drops, blind spots, damage, an unfinished or trimmed recording). A warning of `replay`.',
  },
  'count-differs': {
    severity: 'error',
    doc: 'An expectation counted another number of detections than it asks for.',
  },
  'never-fired': { severity: 'error', doc: 'A rule that the test says must never fire, fired.' },
  'too-many': { severity: 'error', doc: 'More detections than `at_most` allows.' },
  'order-differs': {
    severity: 'error',
    doc: 'First detections came in another order than `order` asks for.',
  },
  'finally-false': { severity: 'error', doc: 'The condition on variables after the last event is false.' },
  'not-expected': {
    severity: 'error',
    doc: '`others: forbid`: a detection that no expectation of the test counts.',
  },
  'passes-unexpectedly': {
    severity: 'error',
    doc: 'A test marked with `fails` passes: the known miss is mended; take the mark away.',
  },
  'snapshot-differs': {
    severity: 'error',
    doc: 'The detections differ from the snapshot. Look at the difference; `seccam test --update` accepts it.',
  },
  'snapshot-absent': {
    severity: 'error',
    doc: 'There is no snapshot of the test, and with the variable CI set none is written.',
  },
  'timed-out': { severity: 'error', doc: 'The test took longer than its `timeout`.' },
  'not-deterministic': {
    severity: 'error',
    doc: 'The same test on the same inputs gave another answer than before.',
  },
  'pin-absent': {
    severity: 'error',
    doc: 'The recording of a `run:` is not pinned, and this run may not record it.',
  },
  'pin-stale': {
    severity: 'error',
    doc: 'Script, files or matrix of a `run:` changed since its recording was pinned. `seccam test --pin always` records it again.',
  },
  'no-scratch-world': {
    severity: 'error',
    doc: 'No scratch world can be made on this machine: namespaces or overlays are not allowed, or the executables are not built. `seccam doctor` says which.',
  },
  'run-failed': { severity: 'error', doc: 'The script of a `run:` could not be run or recorded.' },
  'below-threshold': {
    severity: 'error',
    doc: 'Coverage or mutation score is below the threshold asked for.',
  },
} as const satisfies CodeTable;

export type WorkbenchCode = keyof typeof workbenchCodes;

/** Codes of an inconclusive verdict, with the order in which they are told when several hold. */
export const inconclusiveCodes = [
  'rule-not-loaded',
  'rule-disabled',
  'event-not-recorded',
  'field-not-recorded',
  'field-redacted',
  'field-truncated',
  'gap-in-recording',
] as const satisfies readonly WorkbenchCode[];
export type InconclusiveCode = (typeof inconclusiveCodes)[number];
