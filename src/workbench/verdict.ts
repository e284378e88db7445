/**
 * Judges a test by the facts of its recordings. Pure: no files, no clock.
 *
 * A count is what was seen; what was really there may be more when something is missing. So with a doubt the
 * true count lies anywhere from the count up, and an expectation is answered only when that range decides it:
 * a bound that is already broken fails, a least number that is already reached passes, and the rest is
 * inconclusive. Without a doubt the count is the count.
 */
import { eventByName } from '../catalogue/events.js';
import type { LoadedRule } from '../rules/index.js';
import type { InconclusiveCode, WorkbenchCode } from './codes.js';
import { inconclusiveCodes } from './codes.js';
import type { Path } from './document.js';
import { fits } from './glob.js';
import { atLeastOnce, parseRange, type Range, rangeText } from './range.js';
import type { CheckKey, CheckResult } from './results.js';
import { named, nearRules, type RulesInUse } from './ruleset.js';
import { conditionKey, type Facts, type SeenDetection } from './scenario.js';
import type { TestCase } from './suite.js';
import type { Expectation } from './testfile.js';

export interface Doubted {
  readonly code: InconclusiveCode;
  readonly message: string;
}

export function judge(test: TestCase, facts: readonly Facts[], rules: RulesInUse): CheckResult[] {
  const { entry } = test;
  const judging = new Judge(test, facts, rules);
  const counted: string[] = [];
  (entry.expect ?? []).forEach((item, index) => {
    counted.push(typeof item === 'string' ? item : item.rule);
    judging.expectation(typeof item === 'string' ? { rule: item } : item, ['expect', index]);
  });
  (entry.never ?? []).forEach((pattern, index) => {
    counted.push(pattern);
    judging.count('never', 'never-fired', pattern, { from: 0, to: 0 }, ['never', index]);
  });
  if (entry.at_most !== undefined) {
    const bounds = typeof entry.at_most === 'number' ? { total: entry.at_most } : entry.at_most;
    for (const [pattern, most] of Object.entries(bounds.rules ?? {})) {
      counted.push(pattern);
      judging.count('at_most', 'too-many', pattern, { from: 0, to: most }, ['at_most', 'rules', pattern]);
    }
    if (bounds.total !== undefined)
      judging.count('at_most', 'too-many', '*', { from: 0, to: bounds.total }, ['at_most', 'total']);
    if (bounds.per_recording !== undefined)
      judging.perRecording(bounds.per_recording, ['at_most', 'per_recording']);
  }
  if (entry.order !== undefined) judging.order(entry.order);
  if (entry.finally !== undefined) judging.finally(entry.finally);
  if (entry.others === 'forbid') judging.others(counted);
  return judging.checks;
}

class Judge {
  readonly checks: CheckResult[] = [];

  constructor(
    readonly test: TestCase,
    readonly facts: readonly Facts[],
    readonly rules: RulesInUse,
  ) {}

  expectation(item: Expectation, at: Path): void {
    const range = item.times === undefined ? atLeastOnce : (parseRange(item.times) ?? atLeastOnce);
    const all = this.#seen(item.rule);
    const key = item.where === undefined ? undefined : conditionKey({ rule: item.rule, text: item.where });
    const counted = key === undefined ? all : all.filter((one) => one.held.has(key));
    const title = `${item.rule} ${rangeText(range)}${item.where === undefined ? '' : ` where ${oneLine(item.where)}`}`;
    const extra =
      item.where !== undefined && all.length > counted.length ? `; ${all.length} without the condition` : '';
    this.#bounded('expect', 'count-differs', title, item.rule, counted, range, at, extra);
    if (item.delivered !== undefined) {
      const left = counted.filter((one) => one.delivered);
      const wanted = parseRange(item.delivered) ?? atLeastOnce;
      this.#bounded(
        'expect',
        'count-differs',
        `${item.rule} delivered ${rangeText(wanted)}`,
        item.rule,
        left,
        wanted,
        [...at, 'delivered'],
        `; ${counted.length} before rate limits`,
      );
    }
    for (const kind of item.actions ?? []) {
      const title2 = `${item.rule} with action ${kind}`;
      if (counted.some((one) => one.actions.includes(kind)))
        this.#pass('expect', title2, [...at, 'actions'], item.rule);
      else
        this.#miss(
          'expect',
          'count-differs',
          title2,
          item.rule,
          `None of ${plural(counted.length, 'detection')} of ${item.rule} has the action "${kind}"`,
          [...at, 'actions'],
          counted.length === 0,
        );
    }
  }

  /** Bounds on the number of detections that a name or pattern counts. */
  count(key: CheckKey, code: WorkbenchCode, pattern: string, range: Range, at: Path): void {
    const title =
      range.to === 0 ? `${pattern} never` : `${pattern === '*' ? 'all rules' : pattern} ${rangeText(range)}`;
    this.#bounded(key, code, title, pattern, this.#seen(pattern), range, at, '');
  }

  perRecording(most: number, at: Path): void {
    const worst = this.facts.find((facts) => facts.detections.length > most);
    const title = `at most ${most} in each recording`;
    if (worst !== undefined)
      this.#fail(
        'at_most',
        'too-many',
        title,
        `${worst.recording}: ${plural(worst.detections.length, 'detection')}, want at most ${most}`,
        at,
        { seen: worst.detections },
      );
    else this.#unlessDoubted('at_most', title, '*', at);
  }

  order(patterns: readonly string[]): void {
    const title = `order ${patterns.join(' › ')}`;
    const firsts = patterns.map((pattern) => ({ pattern, at: this.#first(pattern) }));
    const absent = firsts.find((item) => item.at === undefined);
    if (absent !== undefined) {
      this.#miss(
        'order',
        'order-differs',
        title,
        absent.pattern,
        `${absent.pattern} did not fire`,
        ['order', patterns.indexOf(absent.pattern)],
        true,
      );
      return;
    }
    for (let index = 1; index < firsts.length; index++) {
      const before = firsts[index - 1]!;
      const after = firsts[index]!;
      if (after.at!.position > before.at!.position) continue;
      const how = after.at!.position === before.at!.position ? 'at the same event as' : 'before';
      this.#fail(
        'order',
        'order-differs',
        title,
        `${after.pattern} (event ${after.at!.seq}) came ${how} ${before.pattern} (event ${before.at!.seq})`,
        ['order', index],
      );
      return;
    }
    this.#pass('order', title, ['order']);
  }

  finally(condition: string): void {
    const title = `finally ${oneLine(condition)}`;
    for (const facts of this.facts) {
      const value = facts.finally.get(condition);
      if (value === true) continue;
      const doubt = this.#gap(facts);
      const message =
        value === undefined
          ? 'There was no event after which it could be decided'
          : `It is false after the last event of ${facts.recording}`;
      if (doubt !== undefined) this.#doubted('finally', title, doubt, ['finally']);
      else this.#fail('finally', 'finally-false', title, message, ['finally']);
      return;
    }
    this.#pass('finally', title, ['finally']);
  }

  others(counted: readonly string[]): void {
    const extra = this.facts.flatMap((facts) =>
      facts.detections.filter(
        (one) => !counted.some((pattern) => fits(pattern, one.rule) || fits(pattern, one.sourceRule)),
      ),
    );
    const title = 'no other detection';
    if (extra.length > 0) {
      const ids = [...new Set(extra.map((one) => one.rule))];
      this.#fail(
        'others',
        'not-expected',
        title,
        `${plural(extra.length, 'detection')} that nothing counts: ${ids.join(', ')}`,
        ['others'],
        { seen: extra },
      );
    } else this.#unlessDoubted('others', title, '*', ['others']);
  }

  /** Every doubt about the silence of what `pattern` names, gravest first; `*` asks for all rules. */
  doubts(pattern: string): Doubted[] {
    const found: Doubted[] = [];
    const { loaded, silent } = named(pattern, this.rules.rules);
    if (loaded.length === 0 && silent.length === 0) {
      const near = nearRules(pattern, this.rules.rules);
      found.push({
        code: 'rule-not-loaded',
        message: `No loaded policy has a rule "${pattern}"${near.length > 0 ? `. Did you mean "${near[0]}"?` : ''}`,
      });
    }
    for (const entry of silent) {
      const disabled = entry.status === 'disabled' || entry.status === 'filtered';
      found.push({
        code: disabled ? 'rule-disabled' : 'rule-not-loaded',
        message: disabled
          ? `${entry.id} is ${entry.status === 'disabled' ? 'disabled' : 'filtered out'}${entry.reason === undefined ? '' : `: ${entry.reason}`}`
          : `${entry.id} was not loaded: ${entry.reason ?? 'see the errors of its policy'}`,
      });
    }
    for (const facts of this.facts) {
      for (const rule of loaded) {
        // Whoever tells events and asks of all rules has told every event that there is.
        const missing = facts.synthetic && pattern === '*' ? undefined : typeNotRecorded(rule, facts);
        if (missing !== undefined) found.push(missing);
        for (const doubt of facts.doubts.get(rule.id) ?? []) {
          const how =
            doubt.code === 'field-truncated'
              ? 'was cut short'
              : doubt.code === 'field-redacted'
                ? 'was redacted'
                : 'was not recorded';
          found.push({
            code: doubt.code,
            message: `${rule.id} hangs on ${doubt.field}, which ${how} at ${plural(doubt.events, 'event')} of ${facts.recording}`,
          });
        }
      }
      const gap = this.#gap(facts);
      if (gap !== undefined) found.push(gap);
    }
    return found.sort((a, b) => inconclusiveCodes.indexOf(a.code) - inconclusiveCodes.indexOf(b.code));
  }

  #gap(facts: Facts): Doubted | undefined {
    const first = facts.gaps[0];
    return first === undefined
      ? undefined
      : { code: 'gap-in-recording', message: `${facts.recording}: ${facts.gaps.join('; ')}` };
  }

  #seen(pattern: string): SeenDetection[] {
    return this.facts.flatMap((facts) =>
      facts.detections.filter((one) => fits(pattern, one.rule) || fits(pattern, one.sourceRule)),
    );
  }

  #first(pattern: string): { position: number; seq: number } | undefined {
    let before = 0;
    for (const facts of this.facts) {
      const index = facts.detections.findIndex(
        (one) => fits(pattern, one.rule) || fits(pattern, one.sourceRule),
      );
      const one = facts.detections[index];
      if (one !== undefined) return { position: before + one.seq, seq: one.seq };
      before += Number.MAX_SAFE_INTEGER / 2 ** 20;
    }
    return undefined;
  }

  #bounded(
    key: CheckKey,
    code: WorkbenchCode,
    title: string,
    pattern: string,
    seen: readonly SeenDetection[],
    range: Range,
    at: Path,
    extra: string,
  ): void {
    const count = seen.length;
    if (count > range.to) {
      const want =
        range.to === 0 ? 'none' : range.from === range.to ? String(range.to) : `at most ${range.to}`;
      const word = pattern === '*' ? '' : ` of ${pattern}`;
      this.#fail(key, code, title, `Have ${plural(count, 'detection')}${word}, want ${want}${extra}`, at, {
        rule: pattern,
        seen,
      });
      return;
    }
    if (count >= range.from && range.to === Number.POSITIVE_INFINITY) {
      this.#pass(key, title, at, pattern, seen);
      return;
    }
    if (count >= range.from) {
      this.#unlessDoubted(key, title, pattern, at, seen);
      return;
    }
    const least = range.from === range.to ? String(range.from) : `at least ${range.from}`;
    this.#miss(
      key,
      code,
      title,
      pattern,
      `Have ${count === 0 ? 'no detection' : plural(count, 'detection')} of ${pattern}, want ${least}${extra}`,
      at,
      true,
      seen,
    );
  }

  /** Too few: a failure, or with a doubt no answer. */
  #miss(
    key: CheckKey,
    code: WorkbenchCode,
    title: string,
    pattern: string,
    message: string,
    at: Path,
    mayBeMore: boolean,
    seen: readonly SeenDetection[] = [],
  ): void {
    const doubt = mayBeMore ? this.doubts(pattern)[0] : undefined;
    if (doubt !== undefined) this.#doubted(key, title, doubt, at, pattern);
    else this.#fail(key, code, title, message, at, { rule: pattern, seen });
  }

  #unlessDoubted(
    key: CheckKey,
    title: string,
    pattern: string,
    at: Path,
    seen: readonly SeenDetection[] = [],
  ): void {
    const doubt = this.doubts(pattern)[0];
    if (doubt !== undefined) this.#doubted(key, title, doubt, at, pattern === '*' ? undefined : pattern);
    else this.#pass(key, title, at, pattern === '*' ? undefined : pattern, seen);
  }

  #pass(key: CheckKey, title: string, at: Path, rule?: string, seen: readonly SeenDetection[] = []): void {
    this.#add({ key, title, outcome: 'pass' }, at, rule, seen);
  }

  #doubted(key: CheckKey, title: string, doubt: Doubted, at: Path, rule?: string): void {
    this.#add({ key, title, outcome: 'inconclusive', code: doubt.code, message: doubt.message }, at, rule);
  }

  #fail(
    key: CheckKey,
    code: WorkbenchCode,
    title: string,
    message: string,
    at: Path,
    about: { readonly rule?: string; readonly seen?: readonly SeenDetection[] } = {},
  ): void {
    this.#add({ key, title, outcome: 'fail', code, message }, at, about.rule, about.seen);
  }

  #add(check: Omit<CheckResult, 'span'>, at: Path, rule?: string, seen: readonly SeenDetection[] = []): void {
    const loaded = rule === undefined ? undefined : named(rule, this.rules.rules).loaded[0];
    const entry =
      rule === undefined ? undefined : this.rules.rules.entries.find((item) => fits(rule, item.id));
    const ruleSpan = loaded?.span ?? entry?.span;
    const recording = this.facts.length === 1 ? this.facts[0]!.recording : undefined;
    this.checks.push({
      ...check,
      span: this.test.document.span([...this.test.path, ...at]),
      ...(rule === undefined ? {} : { rule }),
      ...(ruleSpan === undefined ? {} : { ruleSpan }),
      ...(recording === undefined ? {} : { recording }),
      ...(seen.length === 0
        ? {}
        : {
            seen: seen
              .slice(0, 5)
              .map(({ seq, type, process, rule: id }) => ({ seq, type, process, rule: id })),
          }),
    });
  }
}

function typeNotRecorded(rule: LoadedRule, facts: Facts): Doubted | undefined {
  if (facts.traced === undefined || facts.traced.has(rule.eventType) || facts.byType.has(rule.eventType))
    return undefined;
  if (!facts.synthetic && eventByName(rule.eventType)?.result === 'derived') return undefined;
  return {
    code: 'event-not-recorded',
    message: `${rule.id} is about "${rule.eventType}", and ${facts.recording} holds no such events: they were not recorded`,
  };
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
const oneLine = (text: string): string => text.trim().replace(/\s+/g, ' ');
