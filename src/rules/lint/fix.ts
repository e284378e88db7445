/** Carries out the mechanical suggestions of diagnostics. */
import type { Diagnostic, Suggestion } from '../../support/diagnostic.js';

export interface FixResult {
  readonly text: string;
  /** Diagnostics whose fix was made. */
  readonly fixed: readonly Diagnostic[];
}

/**
 * Applies the first mechanical suggestion of each diagnostic about `file` to its text. Of fixes that overlap
 * only the first is made: run again for the rest.
 */
export function applyFixes(file: string, text: string, diagnostics: readonly Diagnostic[]): FixResult {
  const edits: { readonly diagnostic: Diagnostic; readonly suggestion: Required<Suggestion> }[] = [];
  for (const diagnostic of diagnostics) {
    const suggestion = diagnostic.suggestions.find(
      (item): item is Required<Suggestion> => item.span?.file === file && item.replacement !== undefined,
    );
    if (suggestion !== undefined) edits.push({ diagnostic, suggestion });
  }
  edits.sort((a, b) => a.suggestion.span.start.offset - b.suggestion.span.start.offset);
  let out = '';
  let at = 0;
  const fixed: Diagnostic[] = [];
  for (const { diagnostic, suggestion } of edits) {
    const { start, end } = suggestion.span;
    if (start.offset < at) continue;
    out += text.slice(at, start.offset) + suggestion.replacement;
    at = end.offset;
    fixed.push(diagnostic);
  }
  return { text: out + text.slice(at), fixed };
}
