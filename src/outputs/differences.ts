/** Two rule sets, or two recordings, compared: for people and as a comment on a pull request. */
import type { RecordingsDiff, RuleChange, RulesDiff } from './answers.js';
import type { Paint } from './text.js';
import { counted, printable } from './text.js';

const signs: Readonly<Record<RuleChange['state'], string>> = {
  gained: '+',
  lost: '−',
  changed: '±',
  added: '+',
  removed: '−',
  actions: '!',
};
const words: Readonly<Record<RuleChange['state'], string>> = {
  gained: 'fires more',
  lost: 'fires less',
  changed: 'fires elsewhere',
  added: 'new rule',
  removed: 'rule is gone',
  actions: 'other actions',
};

export function rulesDiffText(diff: RulesDiff, paint: Paint): string[] {
  const lines = diff.notes.map((note) => paint.yellow(printable(note)));
  if (diff.changes.length === 0)
    return [...lines, `No detection differs from ${printable(diff.base)} over ${recordingsText(diff)}.`];
  lines.push(`Against ${printable(diff.base)}, over ${recordingsText(diff)}:`, '');
  for (const change of diff.changes) {
    const colour = change.lost > 0 || change.state === 'removed' ? paint.red : paint.green;
    lines.push(
      `${colour(`${signs[change.state]} ${printable(change.rule)}`)}   ${words[change.state]}: ${countsText(change)}`,
    );
    if (change.example !== undefined) lines.push(`    ${exampleText(change)}`);
  }
  return lines;
}

function recordingsText(diff: RulesDiff): string {
  return `${counted(diff.recordings.length, 'recording')}, ${counted(diff.events, 'event')}`;
}

function countsText(change: RuleChange): string {
  const moved = [change.gained > 0 ? `+${change.gained}` : '', change.lost > 0 ? `−${change.lost}` : '']
    .filter(Boolean)
    .join(' ');
  return `${change.before} → ${change.after} ${change.after === 1 ? 'detection' : 'detections'}${moved === '' ? '' : ` (${moved})`}`;
}

function exampleText(change: RuleChange): string {
  const { recording, seq, type, process, leaf } = change.example!;
  return `${printable(recording)} event ${seq}, ${type}, ${printable(process)}${leaf === undefined ? '' : `; decided by ${printable(leaf)}`}`;
}

/** A Markdown text with one table row per rule. */
export function rulesDiffMarkdown(diff: RulesDiff): string[] {
  const head =
    diff.changes.length === 0
      ? 'No detection differs.'
      : `${counted(diff.changes.length, 'rule')} differ.`.replace('rule differ', 'rule differs');
  const lines = [
    `### Detections against ${code(diff.base)}`,
    '',
    `${head} ${recordingsText(diff)}.`,
    ...diff.notes.map((note) => `\n> ${markdown(note)}`),
  ];
  if (diff.changes.length === 0) return lines;
  lines.push('', '| | rule | before | after | for example |', '|---|---|---:|---:|---|');
  for (const change of diff.changes) {
    const example = change.example === undefined ? '' : markdown(exampleText(change));
    lines.push(
      `| ${signs[change.state]} ${words[change.state]} | ${code(change.rule)} | ${change.before} | ${change.after} | ${example} |`,
    );
  }
  return lines;
}

function markdown(text: string): string {
  return printable(text).replace(/[\\`*_{}[\]<>|#&]/g, (char) => `\\${char}`);
}

function code(text: string): string {
  return `\`${printable(text).replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}

export function recordingsDiffText(diff: RecordingsDiff, paint: Paint): string[] {
  const lines = diff.notes.map((note) => paint.yellow(printable(note)));
  if (diff.diff === '') return [...lines, 'The recordings tell the same story.'];
  for (const line of diff.diff.split('\n')) {
    const text = printable(line);
    lines.push(line.startsWith('+') ? paint.green(text) : line.startsWith('-') ? paint.red(text) : text);
  }
  return lines;
}
