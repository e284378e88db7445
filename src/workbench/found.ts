/** What a recording offers to write rules and tests from: its detections, and expressions that select an event. */
import { nameConstant } from '../catalogue/constants.js';
import type { Event } from '../catalogue/event.js';
import { fieldByName } from '../catalogue/fields.js';
import { replay } from '../pipeline/index.js';
import { eventLine } from '../pipeline/line.js';
import { Engine, noRules, type ProductModel } from '../rules/index.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { workbenchCodes } from './codes.js';
import { Normaliser } from './normalise.js';
import { inputOf } from './replay.js';
import type { RulesInUse } from './ruleset.js';

export interface FoundDetection {
  readonly rule: string;
  readonly seq: number;
  /** Conditions that hold at the event and would hold again in a second recording of the same act. */
  readonly conditions: readonly string[];
}

export interface FindOptions {
  readonly cwd: string;
  readonly at?: number | undefined;
  readonly allResults: boolean;
}

export async function detectionsOf(
  recording: string,
  inUse: RulesInUse,
  options: FindOptions,
): Promise<FoundDetection[]> {
  const found: FoundDetection[] = [];
  await replay([inputOf(recording, options.cwd)], {
    strings: inUse.strings,
    engine: new Engine(inUse.rules, { limits: false }),
    allResults: options.allResults,
    onDetection: (detection, event) => {
      if (options.at !== undefined && detection.seq !== options.at) return;
      found.push({
        rule: detection.ruleId,
        seq: detection.seq,
        conditions: stableConditions(event, inUse.rules.model),
      });
    },
  });
  return found;
}

/** Fields that say what was done, by how well they tell it. */
const telling = [
  'file.path',
  'file.destination.path',
  'addr.ip',
  'addr.path',
  'addr.port',
  'name',
  'question.name',
  'request',
] as const;

function stableConditions(event: Event, model: ProductModel): string[] {
  const normaliser = new Normaliser();
  const conditions: string[] = [];
  for (const name of telling) {
    const field = `${event.type}.${name}`;
    const value = model.read(field, event);
    if (typeof value !== 'string' || value === '') continue;
    if (normaliser.value(field, value) !== value) continue;
    conditions.push(`${field} == ${literal(field, value)}`);
  }
  const program = model.read('process.file.name', event);
  if (typeof program === 'string' && program !== '' && event.type !== 'exec')
    conditions.push(`process.file.name == ${JSON.stringify(program)}`);
  return conditions;
}

const literal = (field: string, value: string): string =>
  field.endsWith('.ip') ? value.replace(/\/(32|128)$/, '') : JSON.stringify(value);

/** Expressions that hold at an event (by default the last exec), most specific first, with how often each holds. */
export async function candidateExpressions(
  recording: string,
  options: FindOptions,
): Promise<{ expression: string; matches: number }[]> {
  const strings = new StringTable();
  const rules = noRules(strings);
  const { model } = rules;
  let list: string[] | undefined;
  await replay([inputOf(recording, options.cwd)], {
    strings,
    allResults: options.allResults,
    onEvent: (event) => {
      if (options.at === undefined ? event.type === 'exec' : event.seq === options.at)
        list = expressionsOf(event, model);
    },
  });
  if (list === undefined) {
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'no-such-event',
        options.at === undefined ? `"${recording}" has no exec` : `"${recording}" has no event ${options.at}`,
        { suggestions: [`seccam inspect ${recording} --events`] },
      ),
    ]);
  }
  const engine = new Engine(rules);
  const tried = [...new Set(list)].flatMap((expression) => {
    const { condition } = engine.condition(expression);
    // One that is about no type of event would be no rule.
    if (condition?.rule.event === undefined && condition?.rule.events === undefined) return [];
    return [{ expression, decide: condition.decide, matches: 0 }];
  });
  await replay([inputOf(recording, options.cwd)], {
    strings,
    allResults: options.allResults,
    onEvent: (event, shown) => {
      if (!shown) return;
      for (const one of tried) if (one.decide(event)) one.matches += 1;
    },
  });
  return tried
    .map(({ expression, matches }) => ({ expression, matches }))
    .sort((a, b) => a.matches - b.matches || b.expression.length - a.expression.length);
}

/** What is left to tell an event by that has no file, address or name: up to three of its own fields. */
function otherFacts(event: Event, model: ProductModel): string[] {
  const own = `${event.type}.`;
  const facts = Object.entries(eventLine(event, true, model).fields).filter(([name, value]) => {
    const rest = name.slice(own.length);
    if (!name.startsWith(own) || rest.startsWith('syscall.') || rest.includes('file.')) return false;
    if (rest.endsWith('.length') || fieldByName(name)?.source.kind.startsWith('process') === true)
      return false;
    return ['string', 'number', 'boolean'].includes(typeof value) && value !== '';
  });
  const telling = facts.filter(([name, value]) => value !== 0 && value !== false && name !== `${own}retval`);
  return (telling.length > 0 ? telling.slice(0, 3) : facts.slice(0, 1)).map(([name, value]) => {
    const group = typeof value === 'number' ? fieldByName(name)?.constants : undefined;
    const constant = group === undefined ? undefined : nameConstant(group, value as number);
    const plain = constant !== undefined && /^\w+$/.test(constant) ? constant : undefined;
    return `${name} == ${plain ?? (typeof value === 'string' ? literal(name, value) : String(value))}`;
  });
}

function expressionsOf(event: Event, model: ProductModel): string[] {
  const text = (field: string): string | undefined => {
    const value = model.read(field, event);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const own: string[] = [];
  const wide: string[] = [];
  for (const name of telling) {
    const field = `${event.type}.${name}`;
    const value = model.read(field, event);
    if (typeof value === 'number' && value !== 0) own.push(`${field} == ${value}`);
    if (typeof value !== 'string' || value === '') continue;
    own.push(`${field} == ${literal(field, value)}`);
    if (!field.endsWith('.path')) continue;
    wide.push(`${field} in [~"${value.replace(/^\/home\/[^/]+/, '/home/*').replace(/\/[^/]+$/, '/*')}"]`);
    const last = text(field.replace(/\.path$/, '.name'));
    if (last !== undefined) wide.push(`${field.replace(/\.path$/, '.name')} == ${JSON.stringify(last)}`);
  }
  const program = event.type === 'exec' ? undefined : text('process.file.name');
  const parents = model.read('process.ancestors.file.name', event);
  const parent = Array.isArray(parents)
    ? parents.find((name) => typeof name === 'string' && name !== '' && name !== program)
    : undefined;
  const by = program === undefined ? [] : [`process.file.name == ${JSON.stringify(program)}`];
  const below = parent === undefined ? [] : [`process.ancestors.file.name == ${JSON.stringify(parent)}`];
  const base = own.length > 0 ? own : otherFacts(event, model);
  return [
    [...base, ...by, ...below],
    [...base, ...by],
    [...base, ...below],
    base,
    ...wide.flatMap((one) => [[one, ...by, ...below], [one, ...below], [one]]),
  ].map((parts) => parts.join(' && '));
}
