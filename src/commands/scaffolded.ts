/** What `init`, `new rule` and `new test` print: the files, then what to type next. */
import type { ScaffoldResult } from '../outputs/answers.js';
import { columns, printable } from '../outputs/text.js';
import { answer } from './format.js';

export function printScaffold(format: readonly string[], result: ScaffoldResult): void {
  const { diagnostics: _, ...document } = result;
  answer(format, 'scaffold', document, () => [
    ...columns(result.files.map((file) => [file.state, printable(file.path)])),
    ...(result.candidates ?? []).map((item) => `matches ${item.matches}: ${printable(item.expression)}`),
    ...(result.next.length === 0 ? [] : ['', 'next:', ...result.next.map((line) => `  ${line}`)]),
  ]);
}
