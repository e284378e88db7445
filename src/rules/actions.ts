/** Checks the actions of a rule whose event is known, and makes them ready to carry out. */
import type { Event } from '../catalogue/event.js';
import type { Rule, Scope, ValueExpression } from '../language/index.js';
import { checkRule, checkValue, compileRule, compileValue } from '../language/index.js';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { didYouMean } from '../support/suggestion.js';
import {
  type Action,
  type ActionFilter,
  actionKinds,
  type HashAction,
  type KillAction,
  type LogAction,
  type SetAction,
} from './action.js';
import { ruleCodes } from './codes.js';
import { type Declarations, show } from './declaration.js';
import type { Section, Text } from './document.js';
import { signalNumbers } from './signal.js';

export interface ActionContext {
  readonly scope: Scope<Event>;
  readonly declarations: Declarations;
  readonly diagnostics: Diagnostic[];
  /** False: a rule may not ask for a kill. */
  readonly enforcement: boolean;
}

/** Those that can be carried out or reported; what is wrong is said, and the rule goes on without it. */
export function checkActions(
  sections: readonly Section[],
  rule: Rule,
  context: ActionContext,
): readonly Action[] {
  return sections
    .map((section) => new ActionCheck(section, rule, context).check())
    .filter((action) => action !== undefined);
}

class ActionCheck {
  constructor(
    readonly section: Section,
    readonly rule: Rule,
    readonly context: ActionContext,
  ) {}

  check(): Action | undefined {
    const given = actionKinds.filter((kind) => this.section.has(kind));
    const kind = given[0];
    if (kind === undefined)
      return this.#error(this.section.span, `an action has one of ${actionKinds.join(', ')}: have none`);
    if (given.length > 1)
      return this.#error(
        this.section.keySpan(given[1]!),
        `only one action can be specified: have ${given.join(' and ')}`,
        ['write one list item for each'],
      );
    const text = this.section.text('filter');
    const filter = text === undefined ? undefined : this.#filter(text);
    if (text !== undefined && filter === undefined) return undefined;
    const body = this.section.section(kind)!;
    switch (kind) {
      case 'set':
        return this.#set(body, filter);
      case 'kill':
        return this.#kill(body, filter);
      case 'hash':
        return this.#hash(body, filter);
      case 'log':
        return this.#log(body, filter);
      default: {
        this.context.diagnostics.push(
          diagnostic(
            ruleCodes,
            'action-not-carried-out',
            `the action "${kind}" is reported with each match but not carried out`,
            { span: this.section.keySpan(kind) },
          ),
        );
        return {
          kind,
          options: Object.fromEntries([...body.members].map(([key, member]) => [key, plain(member.value)])),
          filter,
        };
      }
    }
  }

  #error(span: Span, message: string, suggestions: readonly string[] = []): undefined {
    this.context.diagnostics.push(diagnostic(ruleCodes, 'wrong-action', message, { span, suggestions }));
    return undefined;
  }

  #filter(text: Text): ActionFilter | undefined {
    const { rule, diagnostics } = checkRule(text.text, this.context.scope, options(text));
    this.context.diagnostics.push(...diagnostics);
    if (rule === undefined) return undefined;
    if (rule.event !== undefined && rule.event !== this.rule.event)
      return this.#error(
        text.span,
        `the filter is about "${rule.event}" events, and the rule about "${this.rule.event}"`,
      );
    const own = this.rule.event ?? '';
    if (rule.events?.includes(own) === false)
      return this.#error(
        text.span,
        `the filter reads a field of ${rule.events.join(' and ')} events, and the rule is about "${own}"`,
      );
    return compileRule(rule, this.context.scope.model);
  }

  #set(body: Section, filter: ActionFilter | undefined): SetAction | undefined {
    if (this.context.declarations.refused.has(body)) return undefined;
    const scope = body.string('scope');
    const short = body.string('name') ?? '';
    const name = scope === undefined ? short : `${scope}.${short}`;
    const variable = this.context.declarations.variables.get(name);
    if (variable === undefined) return undefined;
    const base = { kind: 'set', variable, append: body.flag('append'), filter } as const;
    const scopeField = this.#scopeField(body);
    if (body.has('scope_field') && scopeField === undefined) return undefined;
    if (body.has('value'))
      return { ...base, scopeField, source: { kind: 'constant', value: body.value('value') } };
    const text = body.text('field') ?? body.text('expression');
    if (text === undefined) return undefined;
    const value = this.#value(text);
    if (value === undefined) return undefined;
    if (value.type !== variable.type && !(value.type === 'cidr' && variable.type === 'string')) {
      return this.#error(
        text.span,
        `\`${text.text}\` gives ${show(value)}, and variable "${name}" is ${show(variable)}`,
      );
    }
    if (value.multi && !variable.multi)
      return this.#error(
        text.span,
        `\`${text.text}\` gives ${show(value)}, and variable "${name}" holds one value`,
        ['append: true'],
      );
    return {
      ...base,
      scopeField,
      source: {
        kind: 'computed',
        compiled: { value, evaluate: compileValue(value, this.context.scope.model) },
      },
    };
  }

  #value(text: Text): ValueExpression | undefined {
    const { value, diagnostics } = checkValue(text.text, this.context.scope, options(text));
    if (value === undefined) {
      this.context.diagnostics.push(...diagnostics);
      return undefined;
    }
    this.context.diagnostics.push(...diagnostics.filter((item) => item.severity !== 'error'));
    const foreign = value.fields
      .map((field) => this.context.scope.model.field(field))
      .find((field) => field?.event !== undefined && field.event !== this.rule.event);
    if (foreign !== undefined)
      return this.#error(
        text.span,
        `field "${foreign.name}" with event type "${foreign.event}" is not compatible with "${this.rule.event}" rules`,
      );
    if (value.events?.includes(this.rule.event ?? '') === false)
      return this.#error(
        text.span,
        `\`${text.text}\` is available in ${value.events.join(' and ')} events, not in "${this.rule.event}" rules`,
      );
    return value;
  }

  #scopeField(body: Section): SetAction['scopeField'] {
    const text = body.text('scope_field');
    if (text === undefined) return undefined;
    const value = this.#value(text);
    if (value === undefined) return undefined;
    if (value.type !== 'int' || value.multi)
      return this.#error(
        text.span,
        `"scope_field" is a field with a pid: \`${text.text}\` is ${show(value)}`,
        ['scope_field: process.ppid'],
      );
    return { value, evaluate: compileValue(value, this.context.scope.model) };
  }

  #kill(body: Section, filter: ActionFilter | undefined): KillAction | undefined {
    if (!this.context.enforcement) {
      this.context.diagnostics.push(
        diagnostic(ruleCodes, 'kill-disabled', '"kill" action is disabled globally', {
          span: this.section.keySpan('kill'),
        }),
      );
      return undefined;
    }
    const signal = body.string('signal') ?? '';
    if (signal === '')
      return this.#error(
        this.section.keySpan('kill'),
        'a valid signal has to be specified to the "kill" action',
        ['signal: SIGKILL'],
      );
    const number = signalNumbers[signal];
    if (number === undefined) {
      const suggestion =
        didYouMean(signal, Object.keys(signalNumbers)) ??
        didYouMean(`SIG${signal.toUpperCase()}`, Object.keys(signalNumbers));
      return this.#error(body.valueSpan('signal'), `unsupported signal "${signal}"`, [
        suggestion ?? 'signal: SIGKILL',
      ]);
    }
    return {
      kind: 'kill',
      signal,
      number,
      scope: (body.string('scope') as KillAction['scope'] | undefined) ?? 'process',
      disableContainerDisarmer: body.flag('disable_container_disarmer'),
      disableExecutableDisarmer: body.flag('disable_executable_disarmer'),
      filter,
    };
  }

  #hash(body: Section, filter: ActionFilter | undefined): HashAction | undefined {
    const { model } = this.context.scope;
    const event = this.rule.event;
    const field = body.string('field') ?? (event === 'open' || event === 'exec' ? `${event}.file` : '');
    if (field === '')
      return this.#error(body.span, `"field" is mandatory for the hash action of "${event}" rules`, [
        `field: ${model.field(`${event}.file.path`) === undefined ? 'process.file' : `${event}.file`}`,
      ]);
    const path = model.field(`${field}.path`);
    if (path === undefined)
      return this.#error(
        body.has('field') ? body.valueSpan('field') : body.span,
        `"${field}" is not a file: there is no field "${field}.path"`,
        ['field: process.file'],
      );
    if (path.event !== undefined && path.event !== event)
      return this.#error(body.valueSpan('field'), `field "${field}" is not compatible with "${event}" rules`);
    return { kind: 'hash', field, maxFileSize: body.number('max_file_size'), filter };
  }

  #log(body: Section, filter: ActionFilter | undefined): LogAction | undefined {
    const level = body.string('level') ?? '';
    if (level === '')
      return this.#error(body.span, 'a valid log level must be specified to the "log" action', [
        'level: info',
      ]);
    return {
      kind: 'log',
      level,
      message: body.string('message') ?? '',
      parts: messageParts(body.string('message') ?? ''),
      filter,
    };
  }
}

function options(text: Text): { file: string; mapSpan: (start: number, end: number) => Span } {
  return { file: text.placement.file, mapSpan: (start, end) => text.placement.span(start, end) };
}

/** `${variable}` and `%{field}` of a message; an unterminated one is literal text. */
function messageParts(message: string): LogAction['parts'] {
  return message
    .split(/([$%]\{[^}]*\})/)
    .filter((part) => part !== '')
    .map((part) => {
      const name = part.slice(2, -1);
      if (part.startsWith('${') && part.endsWith('}')) return { kind: 'variable', name } as const;
      if (part.startsWith('%{') && part.endsWith('}')) return { kind: 'field', name } as const;
      return { kind: 'text', text: part } as const;
    });
}

function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'text' in value ? (value as Text).text : value;
}
