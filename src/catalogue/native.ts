/**
 * Writes native/catalogue.h: constants for the C core, so that it never spells out the place of a
 * column, and (under CATALOGUE_DATA) the tables of calls, captures and tests.
 */
import { invariant } from '../support/assert.js';
import { bounds } from './bounds.js';
import { archNumbers, auditArch, callName, callNumber, isCallName } from './calls.js';
import { recordedRows } from './events.js';
import { catalogueVersion, currentSchema } from './header.js';
import { blindSpotReasons, endReasons, gapReasons, ProcessFlag, recordRows, updateKinds } from './records.js';
import { type Arch, type ArgumentTest, type Capture, type Column, CWD, captureKinds, columnWords, type EventRow, gates, NONE, PathMode } from './row.js';
import { ContentFlag, FileFlag, tupleRows } from './tuples.js';

const arches = ['x86_64', 'aarch64', 'i386'] as const satisfies readonly Arch[];
const results = { exit: 0, entry: 1, ptrace: 2 } as const;
const presets = { lean: 0, default: 1, all: 2 } as const;
const moments = { entry: 1, exit: 2, both: 3 } as const;
const tests = { 'any-bit': 1, 'no-bit': 2, is: 3, 'is-not': 4, null: 5, 'not-null': 6 } as const satisfies Record<ArgumentTest['test'], number>;
const TEST_VALUES = 8;
/** Numbers above this do not exist; the table of names has this length. */
const NAMES = 512;

const upper = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll(/[-.]/g, '_').toUpperCase();
const define = (name: string, value: number | string): string => `#define ${name} ${value}`;
const defines = (prefix: string, table: Readonly<Record<string, number>>): string[] =>
  Object.entries(table).map(([name, value]) => define(`${prefix}_${upper(name)}`, value));

function wordOffsets(columns: Readonly<Record<string, Column>>): { offsets: [string, number][]; words: number } {
  let words = 0;
  const offsets = Object.entries(columns).map(([name, column]): [string, number] => {
    const at = words;
    words += columnWords[column.type];
    return [name, at];
  });
  return { offsets, words };
}

function constants(): string[] {
  const lines = [
    define('CATALOGUE_VERSION', `"${catalogueVersion}"`),
    define('CATALOGUE_STRUCT_VERSION', 1),
    '',
    '/* Index of an architecture in nr[] and catalogue_names[]; its number in the head of an event is catalogue_arches[]. */',
    'enum { ARCH_X86_64 = 0, ARCH_AARCH64 = 1, ARCH_I386 = 2, ARCH_COUNT = 3 };',
    ...Object.entries(archNumbers).map(([name, value]) => define(`HEAD_ARCH_${upper(name)}`, value)),
    'enum { RESULT_EXIT = 0, RESULT_ENTRY = 1, RESULT_PTRACE = 2 };',
    'enum { PRESET_LEAN = 0, PRESET_DEFAULT = 1, PRESET_ALL = 2 };',
    'enum { AT_ENTRY = 1, AT_EXIT = 2, AT_BOTH = 3 };',
    '/* Low 32 bits, but for NULL and NOT_NULL, which look at all bits of the ABI. */',
    'enum { TEST_ANY_BIT = 1, TEST_NO_BIT = 2, TEST_IS = 3, TEST_IS_NOT = 4, TEST_NULL = 5, TEST_NOT_NULL = 6 };',
    `enum { ${Object.keys(columnWords)
      .map((type) => `COLUMN_${upper(type)}`)
      .join(', ')} };`,
    '',
    '/* Kinds of captures: src/catalogue/row.ts says what each does. */',
    ...defines('CAPTURE', captureKinds),
    '',
    '/* Conditions that the filter cannot decide: write the event only when they hold. */',
    ...defines('GATE', gates),
    '',
    '/* Places of arguments that stand for AT_FDCWD and for "no such argument". */',
    define('ARGUMENT_CWD', CWD),
    define('ARGUMENT_NONE', NONE),
    ...defines('PATH_MODE', PathMode),
    '',
    '/* Bounds; what is longer is cut and says so. */',
    ...defines('BOUND', bounds),
    '',
    ...defines('FILE_FLAG', FileFlag),
    ...defines('CONTENT_FLAG', ContentFlag),
    ...defines('PROCESS_FLAG', ProcessFlag),
    ...defines('GAP', gapReasons),
    ...defines('BLIND_SPOT', blindSpotReasons),
    ...defines('END', endReasons),
    ...defines('UPDATE', updateKinds),
    '',
    '/* Events: EVENT_x is the index in catalogue_events, x_COLUMN the index of a column, x_WORDS the words of all columns. */',
  ];
  for (const [index, row] of recordedRows.entries()) {
    lines.push(define(`EVENT_${upper(row.name)}`, index));
    for (const [column, name] of Object.keys(row.columns).entries()) lines.push(define(`${upper(row.name)}_${upper(name)}`, column));
    lines.push(define(`${upper(row.name)}_WORDS`, wordOffsets(row.columns).words));
  }
  lines.push(define('EVENT_COUNT', recordedRows.length), '', '/* Tuples: kind; x_COLUMN is the word offset in the content (after the id). */');
  for (const row of tupleRows) {
    const { offsets, words } = wordOffsets(row.columns);
    lines.push(define(`TUPLE_${upper(row.name)}`, row.id));
    for (const [name, at] of offsets) lines.push(define(`${upper(row.name)}_${upper(name)}`, at));
    if (row.name !== 'list') lines.push(define(`${upper(row.name)}_TUPLE_WORDS`, words));
  }
  lines.push('', '/* Records: id; RECORD_x_COLUMN is the word offset in the columns. */');
  for (const row of recordRows) {
    const { offsets, words } = wordOffsets(row.columns);
    lines.push(define(`RECORD_${upper(row.name)}`, row.id));
    for (const [name, at] of offsets) lines.push(define(`RECORD_${upper(row.name)}_${upper(name)}`, at));
    lines.push(define(`RECORD_${upper(row.name)}_WORDS`, words));
  }
  return lines;
}

const structs = `
struct catalogue_test { uint8_t arg, test, count; uint32_t values[${TEST_VALUES}]; };
struct catalogue_capture { uint8_t column, kind, at, nargs; uint8_t args[4]; uint32_t param; };
/* All calls whose tests hold write their event: one system call may feed several. */
struct catalogue_call {
	const char *name;
	uint16_t event;
	int16_t nr[ARCH_COUNT]; /* -1: none */
	uint8_t result, gate, test_count, capture_count;
	uint16_t first_test, first_capture;
};
struct catalogue_column { const char *name; uint8_t type; uint16_t word; };
struct catalogue_event {
	const char *name, *category;
	uint16_t id;
	uint8_t preset, result, column_count;
	uint16_t words, first_column;
};
/* last: the highest number that the table of calls knows. */
struct catalogue_arch { const char *name; uint32_t audit; uint8_t head; uint16_t last; };
`;

function numbers(row: EventRow, call: EventRow['calls'][number]): number[] {
  invariant(isCallName(call.name), `${row.name}: the call "${call.name}" is in calls.ts`);
  return arches.map((arch) => (call.arches === undefined || call.arches.includes(arch) ? (callNumber(arch, call.name) ?? -1) : -1));
}

function captureLine(row: EventRow, name: string, capture: Capture): string {
  const column = Object.keys(row.columns).indexOf(name);
  invariant(column >= 0, `${row.name}: the captured column "${name}" is declared`);
  const args = [...capture.args, ...Array<number>(4 - capture.args.length).fill(NONE)];
  const param = (capture.param ?? 0) >>> 0;
  return `{ ${column}, ${captureKinds[capture.kind]}, ${moments[capture.at]}, ${capture.args.length}, { ${args.join(', ')} }, ${param}u }`;
}

function tables(): string[] {
  const calls: string[] = [];
  const captures: string[] = [];
  const tested: string[] = [];
  const columns: string[] = [];
  const events: string[] = [];
  for (const [index, row] of recordedRows.entries()) {
    const { offsets, words } = wordOffsets(row.columns);
    const types = Object.keys(columnWords);
    events.push(
      `{ "${row.name}", "${row.category}", ${row.id}, ${presets[row.preset]}, ${results[row.result as keyof typeof results]}, ${offsets.length}, ${words}, ${columns.length} }`,
    );
    for (const [name, at] of offsets) columns.push(`{ "${name}", ${types.indexOf(row.columns[name]!.type)}, ${at} }`);
    for (const call of row.calls) {
      const when = call.when ?? [];
      const captured = Object.entries(call.captures);
      const result = results[(call.result ?? row.result) as keyof typeof results];
      calls.push(
        `{ "${call.name}", ${index}, { ${numbers(row, call).join(', ')} }, ${result}, ${gates[call.gate ?? 'none']}, ${when.length}, ${captured.length}, ${tested.length}, ${captures.length} }`,
      );
      for (const test of when) {
        invariant(test.values.length <= TEST_VALUES, `${row.name}: a test has at most ${TEST_VALUES} values`);
        const values = test.values.length === 0 ? '0' : test.values.map((value) => `${value >>> 0}u`).join(', ');
        tested.push(`{ ${test.arg}, ${tests[test.test]}, ${test.values.length}, { ${values} } }`);
      }
      for (const [name, capture] of captured) captures.push(captureLine(row, name, capture));
    }
  }
  const names = arches.map((arch) => {
    const known = Array.from({ length: NAMES }, (_, nr) => callName(archNumbers[arch], nr));
    return `{ ${known.map((name) => (name === undefined ? '0' : `"${name}"`)).join(', ')} }`;
  });
  const lastNumber = (arch: (typeof arches)[number]): number =>
    Array.from({ length: NAMES }, (_, nr) => nr).findLast((nr) => callName(archNumbers[arch], nr) !== undefined) ?? 0;
  const array = (type: string, name: string, lines: readonly string[]): string =>
    `static const struct ${type} ${name}[] = {\n${lines.map((line) => `\t${line},`).join('\n')}\n};`;
  return [
    array(
      'catalogue_arch',
      'catalogue_arches',
      arches.map((arch) => `{ "${arch}", 0x${auditArch[arch].toString(16)}u, ${archNumbers[arch]}, ${lastNumber(arch)} }`),
    ),
    array('catalogue_event', 'catalogue_events', events),
    array('catalogue_column', 'catalogue_columns', columns),
    array('catalogue_call', 'catalogue_calls', calls),
    array('catalogue_capture', 'catalogue_captures', captures),
    array('catalogue_test', 'catalogue_tests', tested),
    define('CATALOGUE_CALLS', calls.length),
    '/* Names of all system calls by number; 0 where unknown. */',
    `static const char *const catalogue_names[ARCH_COUNT][${NAMES}] = {\n\t${names.join(',\n\t')}\n};`,
    '/* The member `catalogue` of the header of a recording. */',
    `static const char catalogue_json[] =\n${cString(JSON.stringify(currentSchema()))};`,
  ];
}

/** A C string of pieces short enough for readers of the file; compilers join them. */
function cString(text: string): string {
  const pieces = text.match(/.{1,100}/gs) ?? [''];
  return pieces.map((piece) => `\t"${piece.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join('\n');
}

/** The text of native/catalogue.h. */
export function nativeHeader(): string {
  return [
    '/* Generated by scripts/generate.ts from src/catalogue; `npm run generate` makes it anew. Do not edit. */',
    '#ifndef SECCAM_CATALOGUE_H',
    '#define SECCAM_CATALOGUE_H',
    '#include <stdint.h>',
    '',
    ...constants(),
    structs,
    '#endif',
    '',
    '/* The tables, for the one file that includes this with CATALOGUE_DATA. */',
    '#if defined(CATALOGUE_DATA) && !defined(SECCAM_CATALOGUE_TABLES)',
    '#define SECCAM_CATALOGUE_TABLES',
    ...tables(),
    '#endif',
    '',
  ].join('\n');
}
