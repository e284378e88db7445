/** Reference: what can be written in rules and what is loaded, as plain rows. */
import { allFields, constantGroups, type EventRow, eventRows, fieldsOfEvent } from '../catalogue/index.js';
import { functions, operators } from '../language/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { projectOf, rulesOrigin, testFiles } from './project.js';
import type { CommonOptions, RulesOrigin } from './results.js';
import { RuleSets } from './ruleset.js';
import { readSuite } from './suite.js';

export interface ListedEvent {
  readonly name: string;
  readonly id: number;
  readonly since: string;
  readonly category: string;
  /** The smallest set of `--trace` that has it. */
  readonly preset: string;
  readonly doc: string;
  /** Results that rules see, in words. */
  readonly shown: string;
  readonly calls: readonly string[];
  readonly unavailable?: string;
}

export function listEvents(): ListedEvent[] {
  return eventRows.map((row) => ({
    name: row.name,
    id: row.id,
    since: row.since,
    category: row.category,
    preset: row.preset,
    doc: row.doc,
    shown: shownText(row),
    calls: [...new Set(row.calls.map((call) => call.name))],
    ...(row.unavailable === undefined ? {} : { unavailable: row.unavailable }),
  }));
}

function shownText(row: EventRow): string {
  if (row.shown === 'all') return 'every result';
  return row.shown.length === 0 ? 'success' : `success, ${row.shown.join(', ')}`;
}

export interface ListedField {
  readonly name: string;
  readonly type: string;
  /** Absent: every event has it. */
  readonly events?: readonly string[];
  readonly doc: string;
  /** The name of the list that is walked: one value per ancestor. */
  readonly iterator?: string;
  /** The group of constants that its values are written with. */
  readonly constants?: string;
  /** Why it is always absent here. */
  readonly unavailable?: string;
}

/** All fields, or those of one event's own. */
export function listFields(event?: string): ListedField[] {
  return (event === undefined ? allFields : fieldsOfEvent(event)).map((field) => ({
    name: field.name,
    type: field.type,
    ...(field.events === undefined ? {} : { events: field.events }),
    doc: field.doc,
    ...(field.iterator === undefined ? {} : { iterator: field.iterator }),
    ...(field.constants === undefined ? {} : { constants: field.constants }),
    ...(field.source.kind === 'unavailable' ? { unavailable: field.source.reason } : {}),
  }));
}

export interface ListedConstant {
  readonly name: string;
  readonly value: number;
  readonly group: string;
}

export function listConstants(): ListedConstant[] {
  return constantGroups.flatMap((group) =>
    group.members.map(([name, value]) => ({ name, value, group: group.name })),
  );
}

export interface ListedFunction {
  readonly name: string;
  readonly kind: 'suffix' | 'operator';
  readonly types: readonly string[];
  readonly doc: string;
  readonly example?: string;
}

export function listFunctions(): ListedFunction[] {
  return [
    ...functions.map((row) => ({
      name: `.${row.name}`,
      kind: 'suffix' as const,
      types: row.accepts,
      doc: row.doc,
      example: row.example,
    })),
    ...operators.map((row) => ({
      name: row.symbol,
      kind: 'operator' as const,
      types: row.types,
      doc: row.doc,
    })),
  ];
}

export interface ListedRule {
  readonly id: string;
  readonly policy: string;
  readonly status: string;
  readonly event?: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Why it does not decide. */
  readonly reason?: string;
  readonly file: string;
  readonly line: number;
}

export interface RulesListed {
  readonly origin: RulesOrigin;
  readonly rules: readonly ListedRule[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Every rule of the rules in use, with what became of it. */
export function listRules(options: CommonOptions = {}): RulesListed {
  const cwd = options.cwd ?? process.cwd();
  const origin = rulesOrigin(options, projectOf(options));
  const { rules, diagnostics } = new RuleSets(cwd).load(origin.paths);
  const listed = rules.entries.map((entry): ListedRule => {
    const loaded = rules.rules.find((rule) => rule.sourceId === entry.id);
    return {
      id: entry.id,
      policy: entry.policy,
      status: entry.status,
      ...(loaded === undefined
        ? {}
        : { event: loaded.eventType, description: loaded.description, tags: loaded.tags }),
      ...(entry.reason === undefined ? {} : { reason: entry.reason }),
      file: entry.span.file,
      line: entry.span.start.line,
    };
  });
  return { origin, rules: listed, diagnostics };
}

export interface ListedTest {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly recordings: readonly string[];
  readonly rules: readonly string[];
}

export interface TestsListed {
  readonly tests: readonly ListedTest[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Every test of the project. */
export function listTests(options: { readonly cwd?: string } = {}): TestsListed {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf(options);
  const suite = readSuite({ cwd, project, files: testFiles(project) });
  const tests = suite.cases.map((test) => ({
    file: test.file,
    line: test.span.start.line,
    name: test.name,
    recordings: test.recordings,
    rules: test.rules.paths,
  }));
  return { tests, diagnostics: suite.diagnostics };
}
