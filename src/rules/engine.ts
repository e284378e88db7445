/**
 * Decides rules on events, carries out their actions and meters what is delivered.
 *
 * Deterministic: it reads no clock and no randomness; the same events give the same detections, byte for
 * byte. Synchronous: nothing here awaits.
 */
import type { Event, Process } from '../catalogue/event.js';
import type { EvaluateAll, Rule, Trace, ValueExpression } from '../language/index.js';
import { checkRule, checkValue, compileRule, compileValue, traceRule } from '../language/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import type { HashAction, KillAction, LogAction, SetAction } from './action.js';
import type { ActionReport, Detection, MatchedPart } from './detection.js';
import { isSameLimit, type Limiter, type LimitMark, makeLimiter, type SavedLimit } from './limit.js';
import type { LoadedRule, Ruleset } from './ruleset.js';
import type { Observer } from './trace.js';
import { type SavedVariable, VariableStore } from './variables.js';

export interface EngineOptions {
  /** False: every match is delivered (`--no-limits`). Default true. */
  readonly limits?: boolean;
  /** Whose detections carry `matched`: only those delivered (default), or all. */
  readonly details?: 'delivered' | 'all';
  /** Carries out kill and hash; without it they are reported as simulated. */
  /** A profile explains the event: matches are not delivered, count for no limit, and nothing is killed for them. */
  readonly isNormal?: (event: Event) => boolean;
  readonly perform?: (action: KillAction | HashAction, event: Event, rule: LoadedRule) => ActionReport;
  /** Told of each `log` action. */
  readonly log?: (level: string, message: string, rule: LoadedRule) => void;
  /** Plugged in by explain, coverage and mutation: sees every rule of the event. Nothing plugged in costs nothing. */
  readonly observer?: Observer;
  /**
   * The time that limits and TTLs run on: `elapsed` since the start of the recording (default), or `boot`
   * when one engine serves several streams of a machine that began at different times. Differences are the same.
   */
  readonly clock?: 'elapsed' | 'boot' | 'wall';
  /** Asked at each match; true: it is noted elsewhere, and nothing more is done with it (mutation). */
  readonly take?: (rule: LoadedRule, event: Event) => boolean;
  /** Finds a live process by pid, for `scope_field`. Default: the acting process, its ancestors and the target are searched. */
  readonly processOf?: (pid: number, event: Event) => Process | undefined;
}

/** A condition or value that is asked at events, outside any rule (`where:`, `eval`). */
export interface Condition {
  readonly rule: Rule;
  /** With variables as they are now. */
  decide(event: Event): boolean;
  trace(event: Event): Trace;
}

/** What an engine knows beside its rules. Times are boot times. */
export interface EngineState {
  readonly variables: readonly SavedVariable[];
  readonly limits: readonly SavedLimit[];
}

/** Matches since the engine began, by rule index. */
export interface Counts {
  readonly matched: readonly number[];
  readonly delivered: readonly number[];
}

const nothing: readonly Detection[] = Object.freeze([]);

export class Engine {
  readonly variables: VariableStore;
  /** Told of each detection, delivered or not, in order of rules. */
  onDetection: ((detection: Detection, event: Event) => void) | undefined;
  /** Told of each token that a limit gave. */
  onLimited: ((mark: LimitMark) => void) | undefined;
  readonly #evaluators = new Map<string, EvaluateAll<Event> | null>();
  readonly #limiters: (Limiter | undefined)[] = [];
  readonly #matched: number[];
  readonly #delivered: number[];
  readonly #hit: (rule: number) => void;
  readonly #now: (event: Event) => number;
  #event!: Event;
  #found: Detection[] | undefined;

  constructor(
    readonly rules: Ruleset,
    readonly options: EngineOptions = {},
  ) {
    this.#now =
      options.clock === 'wall'
        ? (event) => event.wall
        : options.clock === 'boot'
          ? bootTime
          : (event) => event.elapsed;
    this.variables = new VariableStore(rules, this.#now);
    this.#matched = rules.rules.map(() => 0);
    this.#delivered = rules.rules.map(() => 0);
    const { take } = options;
    this.#hit =
      take === undefined
        ? (index) => this.#match(index)
        : (index) => {
            if (!take(rules.rules[index]!, this.#event)) this.#match(index);
          };
  }

  /** Decides all rules on the event. The list is empty and shared when none matched. */
  evaluate(event: Event): readonly Detection[] {
    let evaluate = this.#evaluators.get(event.type);
    if (evaluate === undefined) evaluate = this.#evaluator(event.type);
    if (evaluate === null) return nothing;
    this.#event = event;
    this.#found = undefined;
    this.variables.begin();
    evaluate(event, event.wall, this.variables, this.#hit);
    return this.#found ?? nothing;
  }

  /** How often each rule matched and was delivered. */
  get counts(): Counts {
    return { matched: this.#matched, delivered: this.#delivered };
  }

  /** Nothing to do: values of processes go with the processes. */
  forget(_node: number): void {}

  /** Takes over variables of an engine whose rules this one replaces, and used limits of rules that have the same. */
  adopt(before: Engine): void {
    this.variables.adopt(before.variables);
    const old = new Map(before.rules.rules.map((rule) => [rule.id, rule]));
    for (const rule of this.rules.rules) {
      const same = old.get(rule.id);
      const limiter = same && isSameLimit(rule, same) ? before.#limiters[same.index] : undefined;
      for (const saved of limiter?.save(rule.id) ?? []) this.#limiter(rule).load(saved, 0);
    }
  }

  /** Variables and limits as they are now; `images`: of the stream that is saved. Needs the clock `boot`. */
  save(images: ReadonlyMap<number, Process>): EngineState {
    return {
      variables: this.variables.save(images),
      limits: this.rules.rules.flatMap((rule) => this.#limiters[rule.index]?.save(rule.id) ?? []),
    };
  }

  /** The buckets as they are now. */
  limits(marks: Iterable<LimitMark>): SavedLimit[] {
    return [...marks].flatMap(({ rule, token }) => {
      const index = this.rules.rules.findIndex((one) => one.id === rule);
      return this.#limiters[index]?.saveOne(rule, token) ?? [];
    });
  }

  /** Goes on from what `save` gave, before `event`, which is the first of the recording. Unknown forms are left out. */
  restore(state: unknown, event: Event, images: ReadonlyMap<number, Process>): void {
    const { variables } = (state ?? {}) as Partial<EngineState>;
    const shift = this.#now(event) - bootTime(event);
    if (Array.isArray(variables)) this.variables.load(variables.filter(isObject), images, shift);
    restoreLimits(state, event, this.#now(event), (id) => {
      const rule = this.rules.rules.find((one) => one.id === id);
      return rule === undefined ? undefined : this.#limiter(rule);
    });
  }

  /** Whether any rule is about events of the type. */
  wants(eventType: string): boolean {
    return (this.#evaluators.get(eventType) ?? this.#evaluator(eventType)) !== null;
  }

  /** Traces one rule at an event, with variables as they are now; every leaf, without short circuit. */
  trace(index: number, event: Event): Trace {
    return this.variables.aside(() => this.rules.compiled.trace(index, event, event.wall, this.variables));
  }

  /** Checks a condition against the scope of the rules. `diagnostics` holds errors when there is no condition. */
  condition(
    text: string,
    file?: string,
  ): { readonly condition?: Condition; readonly diagnostics: readonly Diagnostic[] } {
    const { rule, diagnostics } = checkRule(text, this.rules.scope, file === undefined ? {} : { file });
    if (rule === undefined) return { diagnostics };
    const { model } = this.rules;
    const decide = compileRule(rule, model);
    return {
      diagnostics,
      condition: {
        rule,
        decide: (event) =>
          (rule.event ?? event.type) === event.type &&
          (rule.events === undefined || rule.events.includes(event.type)) &&
          this.variables.aside(() => decide(event, event.wall, this.variables)),
        trace: (event) =>
          this.variables.aside(() => traceRule(rule, model, event, event.wall, this.variables)),
      },
    };
  }

  /** Checks a value expression (`eval`): gives what it is at an event. */
  value(
    text: string,
    file?: string,
  ): {
    readonly read?: (event: Event) => unknown;
    readonly tree?: ValueExpression;
    readonly diagnostics: readonly Diagnostic[];
  } {
    const { value, diagnostics } = checkValue(text, this.rules.scope, file === undefined ? {} : { file });
    if (value === undefined) return { diagnostics };
    const read = compileValue(value, this.rules.model);
    return { diagnostics, tree: value, read: (event) => read(event, event.wall, this.variables) };
  }

  #evaluator(type: string): EvaluateAll<Event> | null {
    const compiled = this.rules.compiled.evaluator(type) ?? null;
    const evaluate =
      compiled === null || this.options.observer === undefined
        ? compiled
        : this.#observed(type, this.options.observer);
    this.#evaluators.set(type, evaluate);
    return evaluate;
  }

  /** The same decisions one by one, so that the observer sees each rule with the variables as they were. */
  #observed(type: string, observer: Observer): EvaluateAll<Event> {
    const { model } = this.rules;
    const rules = this.rules.rules
      .filter((rule) => rule.eventType === type)
      .map((rule) => ({ rule, decide: compileRule(rule.rule, model) }));
    return (event, now, variables, hit) => {
      for (const { rule, decide } of rules) {
        const value = decide(event, now, variables);
        observer.rule(rule, event, value, () => this.trace(rule.index, event));
        if (value) hit(rule.index);
      }
    };
  }

  #match(index: number): void {
    const event = this.#event;
    const rule = this.rules.rules[index]!;
    this.#matched[index]! += 1;
    // Read before its own actions change them.
    const variables = this.#variablesOf(rule, event);
    const isNormal = this.options.isNormal?.(event) === true;
    const suppressedBy = rule.silent
      ? 'silent'
      : isNormal
        ? 'profile'
        : this.#allowed(rule, event)
          ? undefined
          : 'rate-limit';
    const detailed = suppressedBy === undefined || this.options.details === 'all';
    const matched = detailed ? this.#matchedParts(rule, event) : [];
    const actions = rule.actions.length === 0 ? noActions : this.#act(rule, event, isNormal);
    if (suppressedBy === undefined) this.#delivered[index]! += 1;
    const detection: Detection = {
      ruleId: rule.id,
      policy: rule.policy,
      tags: rule.tags,
      description: rule.description,
      ruleSpan: rule.span,
      seq: event.seq,
      eventType: event.type,
      timestamp: event.timestamp(),
      delivered: suppressedBy === undefined,
      suppressedBy,
      matched,
      actions,
      variables,
    };
    this.#found ??= [];
    this.#found.push(detection);
    this.onDetection?.(detection, event);
  }

  #allowed(rule: LoadedRule, event: Event): boolean {
    return this.options.limits === false || this.#limiter(rule).allow(event, this.#now(event));
  }

  #limiter(rule: LoadedRule): Limiter {
    let limiter = this.#limiters[rule.index];
    if (limiter === undefined) {
      limiter = makeLimiter(rule, this.rules.model, (token) => this.onLimited?.({ rule: rule.id, token }));
      this.#limiters[rule.index] = limiter;
    }
    return limiter;
  }

  #matchedParts(rule: LoadedRule, event: Event): readonly MatchedPart[] {
    const trace = this.trace(rule.index, event);
    // The side that is read is what a reader wants; the literal that it equals would only repeat it.
    const read = new Set(trace.matched.filter((part) => part.field !== undefined).map((part) => part.leaf));
    return trace.matched
      .filter((part) => part.field !== undefined || !read.has(part.leaf))
      .map(({ span, field, value }) => ({
        start: span.from,
        end: span.to,
        field,
        value,
        span: { file: span.file, start: span.start, end: span.end },
        ...(span.macro === undefined ? {} : { macro: span.macro }),
      }));
  }

  #variablesOf(rule: LoadedRule, event: Event): Readonly<Record<string, unknown>> {
    const names = rule.rule.variables;
    if (names.length === 0) return noVariables;
    const found: Record<string, unknown> = {};
    for (const name of names) {
      const declaration = this.rules.variables.get(name);
      if (declaration?.private === true || name.startsWith('builtins.')) continue;
      found[name] = this.variables.get(name, event) ?? zero(declaration?.type, declaration?.multi === true);
    }
    return found;
  }

  #act(rule: LoadedRule, event: Event, isNormal: boolean): readonly ActionReport[] {
    const reports: ActionReport[] = [];
    for (const [index, action] of rule.actions.entries()) {
      if (action.filter !== undefined && !action.filter(event, event.wall, this.variables)) continue;
      this.options.observer?.acted?.(rule, index);
      switch (action.kind) {
        case 'set': {
          const report = this.#set(action, rule, event);
          if (report !== undefined) reports.push(report);
          break;
        }
        case 'log':
          reports.push(this.#log(action, rule, event));
          break;
        case 'kill':
        case 'hash':
          reports.push(
            (isNormal ? undefined : this.options.perform?.(action, event, rule)) ??
              this.#simulated(action, event),
          );
          break;
        default:
          reports.push({ kind: action.kind, detail: { ...action.options }, simulated: true });
      }
    }
    return reports;
  }

  #set(action: SetAction, rule: LoadedRule, event: Event): ActionReport | undefined {
    const value =
      action.source.kind === 'constant'
        ? action.source.value
        : action.source.compiled.evaluate(event, event.wall, this.variables);
    const target =
      action.scopeField === undefined
        ? event.process
        : this.#processOf(action.scopeField.evaluate(event, event.wall, this.variables), event);
    if (target === undefined) return undefined;
    const done = this.variables.set(action.variable.name, value, action.append, event, target, rule.id);
    if (done === undefined) return undefined;
    return {
      kind: 'set',
      detail: action.variable.private
        ? { name: done.name }
        : {
            name: done.name,
            value: done.value,
            ...(action.variable.scope === 'process' ? { pid: target.pid } : {}),
          },
      simulated: false,
    };
  }

  #processOf(pid: unknown, event: Event): Process | undefined {
    if (typeof pid !== 'number') return undefined;
    const found = this.options.processOf?.(pid, event);
    if (found !== undefined) return found;
    if (event.target?.pid === pid) return event.target;
    for (let image: Process | null = event.process; image !== null; image = image.parent)
      if (image.pid === pid) return image;
    return undefined;
  }

  #log(action: LogAction, rule: LoadedRule, event: Event): ActionReport {
    const message = action.parts
      .map((part) => {
        if (part.kind === 'text') return part.text;
        return spelled(
          part.kind === 'field'
            ? this.rules.model.read(part.name, event)
            : this.variables.get(part.name, event),
        );
      })
      .join('');
    this.options.log?.(action.level, message, rule);
    return { kind: 'log', detail: { level: action.level, message }, simulated: false };
  }

  #simulated(action: KillAction | HashAction, event: Event): ActionReport {
    if (action.kind === 'kill')
      return {
        kind: 'kill',
        detail: { signal: action.signal, scope: action.scope, pid: event.process.pid },
        simulated: true,
      };
    const { model } = this.rules;
    return {
      kind: 'hash',
      detail: {
        field: action.field,
        path: model.read(`${action.field}.path`, event),
        hashes: model.read(`${action.field}.hashes`, event) ?? [],
      },
      simulated: true,
    };
  }
}

/** Limiters go on from what `Engine.save` gave, as far as it has the form; `now` is the time of `event` on their clock. */
export function restoreLimits(
  state: unknown,
  event: Event,
  now: number,
  limiterOf: (rule: string) => Limiter | undefined,
): void {
  const { limits } = (state ?? {}) as Partial<EngineState>;
  if (!Array.isArray(limits)) return;
  for (const saved of limits.filter(isObject))
    if (typeof saved.level === 'number') limiterOf(saved.rule)?.load(saved, now - bootTime(event));
}

const bootTime = (event: Event): number => (event.world.boottime ?? 0) + event.elapsed;
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const noActions: readonly ActionReport[] = Object.freeze([]);
const noVariables: Readonly<Record<string, unknown>> = Object.freeze({});

function zero(type: string | undefined, multi: boolean): unknown {
  if (multi) return [];
  return type === 'int' ? 0 : type === 'bool' ? false : type === undefined ? undefined : '';
}

function spelled(value: unknown): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.map(String).join(',') : String(value);
}
