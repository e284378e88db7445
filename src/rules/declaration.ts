/**
 * Variables come from the `set` actions of all policies before any rule is checked, so that a rule may read
 * what a later one sets.
 */
import type { Event } from '../catalogue/event.js';
import type { BaseType, Scope, Variable } from '../language/index.js';
import { checkValue } from '../language/index.js';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { ruleCodes } from './codes.js';
import type { Section } from './document.js';
import type { RuleDefinition } from './policy.js';
import type { VariableDeclaration, VariableScope } from './ruleset.js';

/** Greatest length of a list that says nothing of its size. */
const DEFAULT_SIZE = 100;

interface Type {
  readonly type: BaseType;
  readonly multi: boolean;
}

/** A declaration that grows while rules are read. */
type Growing = { -readonly [Key in keyof VariableDeclaration]: VariableDeclaration[Key] } & {
  setBy: string[];
};

/** What is known of the model when variables are declared: no variable can be read yet but those declared before. */
export class Declarations {
  readonly variables = new Map<string, VariableDeclaration>();
  /** `set` sections that cannot be carried out. */
  readonly refused = new Set<Section>();

  constructor(
    readonly scope: Scope<Event>,
    readonly diagnostics: Diagnostic[],
  ) {}

  /** Looks through the actions of one rule. */
  declare(definition: RuleDefinition): void {
    for (const action of definition.actions) {
      const set = action.section('set');
      if (set !== undefined && !this.#declare(set, definition)) this.refused.add(set);
    }
  }

  #error(span: Span, message: string, suggestions: readonly string[] = []): false {
    this.diagnostics.push(diagnostic(ruleCodes, 'wrong-action', message, { span, suggestions }));
    return false;
  }

  #declare(set: Section, definition: RuleDefinition): boolean {
    const name = set.string('name') ?? '';
    if (name === '') return this.#error(set.span, 'variable name is empty', ['name: my_variable']);
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      return this.#error(
        set.valueSpan('name'),
        `invalid variable name "${name}": want letters, digits and _`,
        [`name: ${name.replace(/[^a-zA-Z0-9_]/g, '_')}`],
      );
    const given = ['value', 'field', 'expression'].filter((key) => set.has(key));
    if (given.length !== 1) {
      // A key whose value had the wrong kind was reported where it stands.
      return this.#error(
        given[1] === undefined ? set.span : set.keySpan(given[1]),
        `either "value", "field" or "expression" must be specified for variable "${name}": have ${given.length === 0 ? 'none' : given.join(' and ')}`,
      );
    }
    if (set.has('expression') && !set.has('default_value')) {
      return this.#error(
        set.keySpan('expression'),
        `failed to infer type for variable "${name}", please set "default_value"`,
        ['default_value: 0', 'default_value: ""'],
      );
    }
    const scope = (set.string('scope') as VariableScope | undefined) ?? 'global';
    if (set.flag('inherited') && scope !== 'process')
      return this.#error(
        set.keySpan('inherited'),
        'only variables scoped to process can be marked as inherited',
        ['scope: process'],
      );
    if (set.has('scope_field') && scope !== 'process')
      return this.#error(
        set.keySpan('scope_field'),
        'only variables scoped to process can have a custom scope_field',
        ['scope: process'],
      );
    const type = this.#type(set, name);
    if (type === undefined) return false;
    return this.#add(set, definition, scope, name, type);
  }

  #type(set: Section, name: string): Type | undefined {
    const append = set.flag('append');
    const fallback = set.has('default_value') ? typeOf(set.value('default_value')) : undefined;
    const value = set.has('value') ? typeOf(set.value('value')) : undefined;
    if (set.has('default_value') && fallback === undefined)
      return this.#no(
        set.valueSpan('default_value'),
        `unable to infer item type for "${name}": the list is empty`,
      );
    if (set.has('value') && value === undefined)
      return this.#no(set.valueSpan('value'), `unable to infer item type for "${name}": the list is empty`);
    if (
      fallback !== undefined &&
      value !== undefined &&
      (fallback.type !== value.type || (fallback.multi !== value.multi && !append))
    ) {
      return this.#no(
        set.valueSpan('default_value'),
        `"default_value" and "value" must be of the same type: have ${show(fallback)} and ${show(value)}`,
      );
    }
    const field = set.text('field');
    if (field === undefined) {
      const base = value ?? fallback!;
      return { type: base.type, multi: base.multi || (append && base.type !== 'bool') };
    }
    const checked = checkValue(field.text, this.scope, {
      file: field.placement.file,
      mapSpan: (start, end) => field.placement.span(start, end),
    });
    if (checked.value === undefined) {
      this.diagnostics.push(...checked.diagnostics);
      return undefined;
    }
    if (checked.value.root.kind !== 'field' && checked.value.root.kind !== 'call') {
      return this.#no(field.span, `"field" is the name of a field: have \`${field.text}\``, [
        'for anything else write `expression:` with a `default_value:`',
      ]);
    }
    if (
      fallback !== undefined &&
      fallback.type !== checked.value.type &&
      !(checked.value.type === 'cidr' && fallback.type === 'string')
    ) {
      return this.#no(
        set.valueSpan('default_value'),
        `value and field have different types for variable "${name}": have ${show(fallback)} and ${show(checked.value)}`,
      );
    }
    if (checked.value.multi && !append && !(fallback?.multi ?? false)) {
      return this.#no(
        field.span,
        `field "${field.text}" is a list and can only be used with "append" in a set action for variable "${name}"`,
        ['append: true'],
      );
    }
    return {
      type: checked.value.type,
      multi:
        checked.value.multi || (append && checked.value.type !== 'bool') || checked.value.type === 'cidr',
    };
  }

  #no(span: Span, message: string, suggestions: readonly string[] = []): undefined {
    this.#error(span, message, suggestions);
    return undefined;
  }

  #add(set: Section, definition: RuleDefinition, scope: VariableScope, short: string, type: Type): boolean {
    const name = scope === 'global' ? short : `${scope}.${short}`;
    const { model } = this.scope;
    if (model.field(name) !== undefined)
      return this.#error(
        set.valueSpan('name'),
        `variable "${name}" conflicts with a field of the same name`,
        [`name: ${short}_seen`],
      );
    if (model.constants.has(name))
      return this.#error(
        set.valueSpan('name'),
        `variable "${name}" conflicts with a constant of the same name`,
        [`name: ${short}_seen`],
      );
    const before = this.variables.get(name) as Growing | undefined;
    if (before === undefined) {
      const variable: Variable<Event> = { name, type: type.type, ...(type.multi ? { multi: true } : {}) };
      this.variables.set(name, {
        name,
        scope,
        type: type.type,
        multi: type.multi,
        inherited: set.flag('inherited'),
        private: set.flag('private'),
        ttl: set.number('ttl') ?? 0,
        size: set.number('size') ?? DEFAULT_SIZE,
        initial: initialValue(set, type),
        variable,
        span: set.valueSpan('name'),
        setBy: [definition.id.text],
      });
      return true;
    }
    const conflict = (what: string): false => {
      this.diagnostics.push(
        diagnostic(ruleCodes, 'variable-conflict', `conflicting ${what} for variable "${name}"`, {
          span: set.valueSpan('name'),
          notes: [{ message: 'first set here', span: before.span }],
        }),
      );
      return false;
    };
    if (before.type !== type.type || before.multi !== type.multi)
      return conflict(`types (${show(before)} and ${show(type)})`);
    if (before.private !== set.flag('private')) return conflict('private flag');
    if (!before.setBy.includes(definition.id.text)) before.setBy.push(definition.id.text);
    // Options that only some of the actions give hold for all of them.
    before.inherited ||= set.flag('inherited');
    if (before.ttl === 0) before.ttl = set.number('ttl') ?? 0;
    if (set.has('size'))
      before.size = Math.max(set.number('size') ?? 0, before.size === DEFAULT_SIZE ? 0 : before.size);
    if (set.has('default_value')) before.initial = initialValue(set, type);
    return true;
  }
}

function initialValue(set: Section, type: Type): unknown {
  const value = set.value('default_value');
  if (value === undefined) return undefined;
  // With `append`, one value gives the type of the members; the list begins empty.
  return type.multi && !Array.isArray(value) ? undefined : value;
}

function typeOf(value: unknown): Type | undefined {
  if (Array.isArray(value)) {
    const first = typeOf(value[0]);
    return first === undefined ? undefined : { type: first.type, multi: true };
  }
  if (typeof value === 'boolean') return { type: 'bool', multi: false };
  if (typeof value === 'number') return { type: 'int', multi: false };
  if (typeof value === 'string') return { type: 'string', multi: false };
  return undefined;
}

export function show(type: { readonly type: BaseType; readonly multi: boolean }): string {
  return type.multi ? `list of ${type.type}` : type.type;
}
