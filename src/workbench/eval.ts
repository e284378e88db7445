/** One expression: on the events of a recording, on one event that is told, or for its value alone. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Input, replay } from '../pipeline/index.js';
import { eventLine } from '../pipeline/line.js';
import { Engine } from '../rules/index.js';
import { type Diagnostic, DiagnosticError, diagnostic, spanAt } from '../support/diagnostic.js';
import { Channel } from './channel.js';
import { workbenchCodes } from './codes.js';
import { readDocument } from './document.js';
import { projectOf, rulesOrigin } from './project.js';
import { findRecordings } from './recordings.js';
import { inputOf } from './replay.js';
import type { EvalItem, EvalOptions } from './results.js';
import { RuleSets } from './ruleset.js';
import { syntheticRecording } from './synthetic.js';
import { type EventEntry, eventShape } from './testfile.js';

const name = '<expression>';

/**
 * A condition gives the events at which it holds; another expression gives its value at each event of its
 * type. Without recording and event: the value of an expression that reads nothing of an event, and for any
 * other the newest recording.
 */
export async function* evaluate(options: EvalOptions): AsyncGenerator<EvalItem> {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const inUse = new RuleSets(cwd).load(rulesOrigin(options, project).paths);
  const engine = new Engine(inUse.rules, { limits: false });
  const { condition, diagnostics } = engine.condition(options.expression, name);
  const value = condition === undefined ? engine.value(options.expression, name) : undefined;
  if (condition === undefined && value?.read === undefined)
    throw new DiagnosticError(
      value === undefined || value.diagnostics.length < diagnostics.length ? diagnostics : value.diagnostics,
    );
  for (const item of diagnostics)
    if (condition !== undefined && item.code !== 'no-event') yield { kind: 'diagnostic', diagnostic: item };

  const tree = condition?.rule ?? value?.tree;
  const alone =
    options.recording === undefined &&
    options.event === undefined &&
    tree?.fields.length === 0 &&
    tree.variables.length === 0;
  const told = alone
    ? eventOf({ type: 'exec' }, cwd)
    : options.event === undefined
      ? undefined
      : eventOf(options.event, cwd);
  let input: Input;
  if (told === undefined) {
    const { recordings, newest } = findRecordings(
      options.recording === undefined ? undefined : [options.recording],
      cwd,
      project,
    );
    if (newest) yield { kind: 'start', recording: recordings[0]! };
    input = inputOf(recordings[0]!, cwd);
  } else input = told;
  const channel = new Channel<EvalItem>();
  let events = 0;
  let matches = 0;
  const work = replay([input], {
    strings: inUse.strings,
    engine,
    allResults: options.allResults === true || told !== undefined,
    onEvent: (event, shown) => {
      if (!shown) return;
      events += 1;
      if (condition !== undefined) {
        const holds = condition.decide(event);
        if (holds) matches += 1;
        if (told !== undefined) channel.put({ kind: 'value', value: holds, type: 'bool' });
        else if (holds) channel.put({ kind: 'event', event: eventLine(event, shown, inUse.rules.model) });
        return;
      }
      const found = value?.read?.(event);
      if (found === undefined || found === null) return;
      matches += 1;
      channel.put({ kind: 'value', value: found, type: Array.isArray(found) ? 'list' : typeof found });
    },
    onDiagnostic: (item: Diagnostic) => channel.put({ kind: 'diagnostic', diagnostic: item }),
  });
  channel.follow(work);
  yield* channel;
  const { damaged } = await work;
  yield {
    kind: 'end',
    events: told === undefined ? events : 0,
    matches,
    answer: damaged && options.acceptDamage !== true ? 2 : matches > 0 ? 0 : 1,
  };
}

/** The event of `--event FILE` (already parsed, or the file's name) as a recording of one event. */
function eventOf(event: unknown, cwd: string): Input {
  const file = typeof event === 'string' ? event : '<event>';
  const text = typeof event === 'string' ? readFileSync(resolve(cwd, event), 'utf8') : JSON.stringify(event);
  const document = readDocument<EventEntry>(text, file, eventShape, 'event');
  if (document.value === undefined) throw new DiagnosticError(document.diagnostics);
  const made = syntheticRecording([document.value], (path) =>
    path.length <= 1 ? spanAt(file, text, 0, 0) : document.span(path.slice(1)),
  );
  if (made.bytes === undefined)
    throw new DiagnosticError(
      made.diagnostics.length > 0
        ? made.diagnostics
        : [diagnostic(workbenchCodes, 'bad-event', 'The event cannot be made')],
    );
  return { name: file, bytes: [made.bytes] };
}
