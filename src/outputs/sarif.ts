/** SARIF 2.1.0, for code-scanning services: diagnostics, or expectations that did not pass. */
import type { Diagnostic, Span } from '../support/diagnostic.js';

export interface Finding {
  readonly code: string;
  readonly level: 'error' | 'warning' | 'note';
  readonly message: string;
  readonly span: Span | undefined;
  readonly related: readonly { readonly message: string; readonly span: Span }[];
}

export function findingOf(item: Diagnostic): Finding {
  const related = item.notes.flatMap((note) =>
    note.span === undefined ? [] : [{ message: note.message, span: note.span }],
  );
  const tries = item.suggestions.map((suggestion) => ` Try: ${suggestion.text}`).join('');
  return {
    code: item.code,
    level: item.severity,
    message: `${item.message}${tries}`,
    span: item.span,
    related,
  };
}

/** `docs`: code → what it means. */
export function sarif(
  findings: readonly Finding[],
  version: string,
  docs: ReadonlyMap<string, string>,
): string {
  const codes = [...new Set(findings.map((item) => item.code))].sort();
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'seccam',
            version,
            rules: codes.map((id) => ({ id, shortDescription: { text: docs.get(id) ?? id } })),
          },
        },
        results: findings.map((item) => ({
          ruleId: item.code,
          ruleIndex: codes.indexOf(item.code),
          level: item.level,
          message: { text: item.message },
          ...(item.span === undefined ? {} : { locations: [{ physicalLocation: location(item.span) }] }),
          ...(item.related.length === 0
            ? {}
            : {
                relatedLocations: item.related.map((other, id) => ({
                  id,
                  message: { text: other.message },
                  physicalLocation: location(other.span),
                })),
              }),
        })),
        columnKind: 'utf16CodeUnits',
      },
    ],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function location(span: Span): object {
  return {
    artifactLocation: { uri: span.file.split('/').map(encodeURIComponent).join('/') },
    region: {
      startLine: span.start.line,
      startColumn: span.start.column,
      endLine: span.end.line,
      endColumn: Math.max(span.end.column, span.end.line === span.start.line ? span.start.column : 1),
    },
  };
}
