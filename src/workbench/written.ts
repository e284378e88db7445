/** Rules as they stand in a policy, whatever loading made of them: what mutation changes. */
import { expandFim, type LoadedRule } from '../rules/index.js';
import type { Span } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import type { MissingEvent } from './results.js';

export const oneLine = (text: string): string => text.trim().replace(/\s+/g, ' ');

/** One rule of a policy: one that loaded, or those that one of `fim.write` became. */
export class Written {
  readonly id: string;
  readonly expression: string;
  readonly placement: LoadedRule['placement'];
  readonly span: Span;
  /** Of the first of them. */
  readonly eventType: string;
  readonly isOne: boolean;

  constructor(readonly rules: readonly LoadedRule[]) {
    const rule = rules[0]!;
    this.id = rule.sourceId;
    this.expression = rule.written?.expression ?? rule.expression;
    this.placement = rule.written?.placement ?? rule.placement;
    this.span = rule.span;
    this.eventType = rule.eventType;
    this.isOne = rule.written === undefined;
  }

  /** Each rule with what another expression makes of it; none: the expression stands for other rules. */
  expanded(expression: string): readonly { readonly rule: LoadedRule; readonly text: string }[] {
    if (this.isOne) return [{ rule: this.rules[0]!, text: expression }];
    const { groupId } = this.rules[0]!;
    const all = expandFim(this.id, groupId, expression, this.placement);
    const found = this.rules.flatMap((rule) => {
      const version = all.find(({ id }) => id === rule.id);
      return version === undefined ? [] : [{ rule, text: version.expression }];
    });
    return found.length === this.rules.length ? found : [];
  }

  get fires(): MissingEvent {
    return this.missing({
      type: this.eventType,
      where: oneLine(this.expression),
      text: 'that the rule matches',
    });
  }

  /** What `fim.write` stands for, as its first rule asks for it. */
  missing(event: MissingEvent): MissingEvent {
    if (this.isOne || event.where === '') return event;
    const named = event.where.includes('fim.write.');
    const [first] = this.expanded(named ? event.where : `(${event.where}) && fim.write.file.path != ""`);
    return first === undefined ? event : { ...event, where: oneLine(first.text) };
  }
}

export function asWritten(rules: readonly LoadedRule[]): Written[] {
  const found = new Map<string, LoadedRule[]>();
  for (const rule of rules)
    lookup(found, rule.written === undefined ? rule.id : `\n${rule.sourceId}`, () => []).push(rule);
  return [...found.values()].map((list) => new Written(list));
}
