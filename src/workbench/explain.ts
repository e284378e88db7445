/**
 * Why rules matched or did not: one replay with every leaf of the asked rules evaluated on every event that
 * they are shown, then a second one that tries changed rules on the same events.
 */
import type { Event } from '../catalogue/event.js';
import type { Rule } from '../language/index.js';
import { type Input, replay } from '../pipeline/index.js';
import { Engine, type LoadedRule } from '../rules/index.js';
import { type Diagnostic, DiagnosticError, diagnostic, type Span } from '../support/diagnostic.js';
import type { Account } from './account.js';
import { closestRule } from './closest.js';
import { workbenchCodes } from './codes.js';
import { Declared, isEmptyContext, markDeclared } from './declared.js';
import { Look, type LookedAt, standsAlone } from './look.js';
import { projectOf, rulesOrigin } from './project.js';
import { findRecordings } from './recordings.js';
import { inputOf } from './replay.js';
import type { ExplainNode, ExplainOptions, ExplainResult, Explanation, TryLine } from './results.js';
import { named, nearRules, RuleSets, type RulesInUse } from './ruleset.js';
import type { ContextEntry } from './testfile.js';
import { type Candidate, candidates } from './trial.js';

export async function explain(options: ExplainOptions): Promise<ExplainResult> {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const inUse = new RuleSets(cwd).load(rulesOrigin(options, project).paths);
  if (inUse.rules.entries.length === 0)
    throw new DiagnosticError(
      inUse.diagnostics.length > 0
        ? inUse.diagnostics
        : [diagnostic(workbenchCodes, 'no-rules', 'No rule was loaded')],
    );
  const { recordings } = findRecordings(
    options.recording === '' ? undefined : [options.recording],
    cwd,
    project,
  );
  const recording = recordings[0]!;
  const diagnostics: Diagnostic[] = [...inUse.diagnostics];
  const asked = await askedRules(options, inUse, recording, cwd);
  const found = await explainRules(inUse, asked.rules, {
    input: inputOf(recording, cwd),
    context: {},
    closest: options.closest ?? 1,
    tries: 3,
    ...(options.at === undefined ? {} : { at: options.at }),
    ...(options.where === undefined ? {} : { where: options.where }),
    allResults: options.allResults === true,
  });
  if (options.at !== undefined && found.sawAt === undefined) {
    throw new DiagnosticError([
      diagnostic(workbenchCodes, 'no-such-event', `"${recording}" has no event ${options.at}`, {
        suggestions: [`seccam inspect ${recording} --events`],
      }),
    ]);
  }
  diagnostics.push(...found.diagnostics);
  if (found.explanations.length === 0 && (options.at !== undefined || options.where !== undefined)) {
    const which =
      options.at === undefined ? 'No event that the rules are shown fits --where' : unseen(found, options.at);
    diagnostics.push(
      diagnostic(workbenchCodes, 'nothing-to-explain', which, {
        severity: 'warning',
        suggestions: [`seccam inspect ${recording} --events`],
      }),
    );
  }
  const explanations = [...asked.silent, ...found.explanations];
  const answer =
    found.damaged && options.acceptDamage !== true
      ? 2
      : options.ruleIds !== undefined &&
          (explanations.length === 0 || explanations.some((one) => one.matched === 0))
        ? 1
        : 0;
  return { schema: 'seccam/explain@1', recording, events: found.events, explanations, diagnostics, answer };
}

/** The rules of `--rule`; else those that match, else the one that came closest. Rules that did not load explain themselves. */
async function askedRules(
  options: ExplainOptions,
  inUse: RulesInUse,
  recording: string,
  cwd: string,
): Promise<{ rules: LoadedRule[]; silent: Explanation[] }> {
  const ids = options.ruleIds ?? [];
  if (ids.length === 0) {
    if (options.at !== undefined || options.where !== undefined)
      return { rules: [...inUse.rules.rules], silent: [] };
    const matching = new Set<string>();
    const { byType } = await replay([inputOf(recording, cwd)], {
      strings: inUse.strings,
      engine: new Engine(inUse.rules, { limits: false }),
      allResults: options.allResults === true,
      onDetection: (detection) => void matching.add(detection.ruleId),
    });
    if (matching.size > 0)
      return { rules: inUse.rules.rules.filter((rule) => matching.has(rule.id)), silent: [] };
    const closest = await closestRule(inUse, [recording], cwd, options, byType);
    return {
      rules: closest === undefined ? [] : inUse.rules.rules.filter((rule) => rule.id === closest.rule),
      silent: [],
    };
  }
  const rules: LoadedRule[] = [];
  const silent: Explanation[] = [];
  for (const id of ids) {
    const found = named(id, inUse.rules);
    if (found.loaded.length === 0 && found.silent.length === 0) {
      throw new DiagnosticError([
        diagnostic(workbenchCodes, 'unknown-rule', `No rule is called "${id}"`, {
          suggestions: [
            ...nearRules(id, inUse.rules)
              .slice(0, 1)
              .map((name) => `--rule ${name}`),
            'seccam list rules',
          ],
        }),
      ]);
    }
    for (const rule of found.loaded) if (!rules.includes(rule)) rules.push(rule);
    for (const entry of found.silent)
      silent.push(
        notLoaded(
          entry.id,
          entry.span,
          entry.status === 'disabled' || entry.status === 'filtered' ? 'rule-disabled' : 'rule-not-loaded',
          entry.reason ?? 'see the errors of its policy',
        ),
      );
  }
  return { rules, silent };
}

/** Why no rule was asked at the event of `--at`. */
function unseen(found: ExplainedRules, at: number): string {
  const { type, shown } = found.sawAt!;
  return shown
    ? `Event ${at} is of type ${type}, and no rule that was asked for is about that`
    : `Event ${at} (${type}) is not shown to rules, which see calls that succeeded or were refused; --all-results shows them all`;
}

function notLoaded(rule: string, span: Span, code: string, reason: string): Explanation {
  const tree: ExplainNode = { kind: 'constant', text: '', span, trueOf: 0, neverTrue: true, children: [] };
  return {
    rule,
    span,
    expression: '',
    eventType: '',
    matched: 0,
    funnel: { events: 0, ofType: 0, shown: 0, matched: 0 },
    hidden: {},
    shownResults: [],
    tree,
    at: [],
    moreAtDistance: 0,
    tries: [],
    blocked: {
      code,
      message:
        code === 'rule-disabled' ? `${rule} does not decide: ${reason}` : `${rule} was not loaded: ${reason}`,
    },
  };
}

export interface ExplainRulesOptions {
  readonly input: Input | (() => Input);
  readonly context: ContextEntry;
  readonly closest: number;
  /** Greatest number of `Try` lines; 0 saves the second replay. */
  readonly tries: number;
  readonly at?: number;
  readonly where?: string;
  readonly allResults: boolean;
}

export interface ExplainedRules {
  readonly explanations: readonly Explanation[];
  readonly events: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly damaged: boolean;
  /** The event of `at`, when there is one. */
  readonly sawAt: { readonly type: string; readonly shown: boolean } | undefined;
}

/** `before`: the look that was taken along with an earlier replay; none is made then. */
export async function explainRules(
  inUse: RulesInUse,
  rules: readonly LoadedRule[],
  options: ExplainRulesOptions,
  before?: LookedAt,
): Promise<ExplainedRules> {
  let sawAt: ExplainedRules['sawAt'];
  // Without variables the other rules have no part in it, and need not be decided.
  const alone = options.where === undefined && rules.every(standsAlone);
  const look = before ?? (await looked(inUse, rules, options, alone, (seen) => (sawAt = seen)));
  const accounts = new Map([...look.look.accounts].filter(([, account]) => rules.includes(account.rule)));
  const attempts =
    options.tries > 0 ? await tryCandidates(inUse, accounts, alone, options) : new Map<number, TryLine[]>();
  const explanations = [...accounts.values()]
    .filter((account) => (options.at === undefined && options.where === undefined) || account.shownAt)
    .map((account) => {
      const explanation = account.explanation(
        look.events,
        look.byType.get(account.rule.eventType),
        look.look.hiddenOf(account.rule.eventType),
        attempts.get(account.rule.index) ?? [],
      );
      return markDeclared(explanation, account.rule.rule.leaves, options.context);
    });
  return { explanations, events: look.events, diagnostics: look.diagnostics, damaged: look.damaged, sawAt };
}

async function looked(
  inUse: RulesInUse,
  rules: readonly LoadedRule[],
  options: ExplainRulesOptions,
  alone: boolean,
  saw: (at: NonNullable<ExplainedRules['sawAt']>) => void,
): Promise<LookedAt> {
  const declared = isEmptyContext(options.context) ? undefined : new Declared(options.context, inUse.strings);
  let focus = true;
  const engine: Engine = new Engine(inUse.rules, {
    limits: false,
    observer: { rule: (rule, event, _value, trace) => look.decided(rule, event, trace, focus) },
  });
  const look = new Look(inUse, rules, options.closest, engine);
  const where = options.where === undefined ? undefined : engine.condition(options.where);
  if (where !== undefined && where.condition === undefined) throw new DiagnosticError(where.diagnostics);
  const summary = await replay([inputFrom(options.input)], {
    strings: inUse.strings,
    ...(alone ? {} : { engine }),
    allResults: options.allResults,
    onHeader: (header) => look.begin(header.json),
    onEvent: (event, shown) => {
      declared?.apply(event);
      if (event.seq === options.at) saw({ type: event.type, shown });
      focus =
        (options.at === undefined || event.seq === options.at) &&
        (where?.condition === undefined || where.condition.decide(event));
      if (!shown) look.hidden(event);
      else if (alone) look.shown(event, focus);
    },
    onDetection: (detection, event) => look.detected(detection, event),
  });
  return { look, ...summary };
}

const inputFrom = (input: Input | (() => Input)): Input => (typeof input === 'function' ? input() : input);

interface Trial {
  readonly candidate: Candidate;
  readonly rule: Rule;
  readonly decide: (event: Event) => boolean;
  matches: number;
}

/** Evaluates candidates on the events that they can make a match, with the variables of that moment. */
async function tryCandidates(
  inUse: RulesInUse,
  accounts: ReadonlyMap<number, Account>,
  alone: boolean,
  options: ExplainRulesOptions,
): Promise<Map<number, TryLine[]>> {
  const trials = new Map<number, Trial[]>();
  const attempt = (rule: LoadedRule, event: Event): void => {
    const list = trials.get(rule.index);
    if (list === undefined) return;
    const misses = accounts.get(rule.index)?.nearMisses;
    let leaves: readonly number[] | undefined;
    if (misses !== undefined) {
      const at = next.get(rule.index) ?? 0;
      leaves = misses.leavesAt(at, event.seq);
      if (leaves === undefined) return;
      next.set(rule.index, at + 1);
    }
    for (const trial of list)
      if ((leaves === undefined || leaves.includes(trial.candidate.leaf)) && trial.decide(event))
        trial.matches += 1;
  };
  /** Of each rule the near miss that is awaited. */
  const next = new Map<number, number>();
  const engine: Engine = new Engine(inUse.rules, {
    limits: false,
    observer: { rule: attempt },
  });
  let last = 0;
  const found = new Map<number, TryLine[]>();
  for (const [index, account] of accounts) {
    if (account.matched > 0 || account.nearMisses?.count === 0) continue;
    const closest = account.best[0];
    if (closest === undefined) continue;
    const list = candidates(account.rule, closest, inUse).flatMap((candidate) => {
      const { condition } = engine.condition(candidate.expression);
      return condition === undefined ? [] : [{ candidate, ...condition, matches: 0 }];
    });
    const counts = list.map((trial) =>
      account.nearMisses?.matches(
        account.rule,
        trial.rule,
        trial.candidate.leaf,
        inUse.rules.model,
        engine.variables,
      ),
    );
    if (counts.every((count) => count !== undefined)) {
      for (const [at, count] of counts.entries()) list[at]!.matches = count ?? 0;
      found.set(index, bestOf(list, options.tries));
    } else if (list.length > 0) {
      trials.set(index, list);
      last = Math.max(last, account.nearMisses?.last ?? Number.POSITIVE_INFINITY);
    }
  }
  if (trials.size === 0) return found;
  const declared = isEmptyContext(options.context) ? undefined : new Declared(options.context, inUse.strings);
  const rules = [...trials.keys()].map((index) => inUse.rules.rules[index]!);
  const done = new AbortController();
  await replay([inputFrom(options.input)], {
    strings: inUse.strings,
    ...(alone ? {} : { engine }),
    allResults: options.allResults,
    signal: done.signal,
    onEvent: (event, shown) => {
      declared?.apply(event);
      if (event.seq > last && !done.signal.aborted) done.abort();
      if (alone && shown) for (const rule of rules) if (rule.eventType === event.type) attempt(rule, event);
    },
  });
  for (const [index, list] of trials) found.set(index, bestOf(list, options.tries));
  return found;
}

/** Those that would match, seldom ones first. */
const bestOf = (list: readonly Trial[], most: number): TryLine[] =>
  list
    .filter((trial) => trial.matches > 0)
    .sort((a, b) => a.matches - b.matches)
    .slice(0, most)
    .map(({ candidate, matches }) => ({ ...candidate, matches }));
