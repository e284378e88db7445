/** Checks one macro or rule after the other, in an order in which each sees those before it. */
import type { Event } from '../catalogue/event.js';
import type { Macro, Scope } from '../language/index.js';
import { checkMacro, checkRule, valuesMacro } from '../language/index.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { checkActions } from './actions.js';
import { ruleCodes } from './codes.js';
import { Declarations } from './declaration.js';
import type { Text } from './document.js';
import { expandFim } from './fim.js';
import type { Placement } from './placement.js';
import { isIdentifier, type MacroDefinition, type RuleDefinition } from './policy.js';
import type { RuleBook } from './rulebook.js';
import type { LoadedMacro, LoadedRule } from './ruleset.js';
import type { ProductModel } from './scope.js';
import { builtinVariables } from './variables.js';

export class ItemCheck {
  readonly #macros = new Map<string, Macro>();
  readonly #users = new Map<string, Set<string>>();
  readonly loadedMacros = new Map<string, LoadedMacro>();
  /** Macros that are still to be checked: what stands before them cannot use them. */
  readonly #waiting = new Set<string>();
  readonly #failed = new Set<string>();
  readonly declarations: Declarations;
  readonly scope: Scope<Event>;

  constructor(
    readonly model: ProductModel,
    readonly book: RuleBook,
    readonly diagnostics: Diagnostic[],
    readonly enforcement: boolean,
  ) {
    const builtins = new Map(builtinVariables.map((variable) => [variable.name, variable]));
    this.scope = {
      model,
      variable: (name) => this.declarations.variables.get(name)?.variable ?? builtins.get(name),
      macros: this.#macros,
      variableNames: () => [...this.declarations.variables.keys(), ...builtins.keys()],
      macroTrouble: (id) =>
        this.#waiting.has(id)
          ? 'it is defined after this one, and a macro sees only those before it'
          : this.#failed.has(id)
            ? 'it did not load, as its own error says'
            : undefined,
    };
    this.declarations = new Declarations(this.scope, diagnostics);
  }

  /** Says in each macro who uses it. */
  end(): void {
    for (const [id, users] of this.#users)
      (this.loadedMacros.get(id)?.usedBy as string[] | undefined)?.push(...users);
  }

  /** Checks all macros, in order. */
  allMacros(definitions: readonly MacroDefinition[]): void {
    for (const definition of definitions) this.#waiting.add(definition.id.text);
    for (const definition of definitions) {
      const id = definition.id.text;
      this.#waiting.delete(id);
      this.#macro(definition);
      if (!this.#macros.has(id)) this.#failed.add(id);
    }
  }

  #macro(definition: MacroDefinition): void {
    const id = definition.id.text;
    const { expression, values } = definition;
    let macro: Macro | undefined;
    if (expression !== undefined && values.length > 0) {
      this.diagnostics.push(
        diagnostic(
          ruleCodes,
          'two-macro-bodies',
          `only one of "expression" and "values" can be defined: macro "${id}" has both`,
          {
            span: definition.section.keySpan('values'),
            notes: [{ message: 'the expression is here', span: expression.span }],
          },
        ),
      );
      return;
    }
    if (expression !== undefined) {
      const checked = checkMacro(id, expression.text, this.scope, place(expression.placement));
      this.diagnostics.push(...checked.diagnostics);
      macro = checked.macro;
    } else if (values.length > 0) {
      macro = this.#valuesMacro(id, values);
    } else if (!definition.section.misread.has('expression') && !definition.section.misread.has('values')) {
      this.diagnostics.push(
        diagnostic(ruleCodes, 'missing-expression', `macro "${id}" has neither "expression" nor "values"`, {
          span: definition.id.span,
        }),
      );
    }
    if (macro === undefined || !isIdentifier(id)) return;
    this.#macros.set(id, macro);
    for (const used of macro.macros) this.#use(used, id);
    const usedBy: string[] = [];
    this.loadedMacros.set(id, {
      id,
      policy: definition.policy.name,
      description: definition.description,
      macro,
      span: definition.id.span,
      placement: expression?.placement,
      usedBy,
    });
  }

  /** The list is checked as text, so that each member keeps its place in the file; `~"…"` and `r"…"` are meant as such. */
  #valuesMacro(id: string, values: readonly Text[]): Macro | undefined {
    const members = values.map((value) => (/^(~|r)".*"$/s.test(value.text) ? value.text : `"${value.text}"`));
    if (values.some((value, index) => value.text !== members[index] && /["\\]/.test(value.text)))
      return valuesMacro(
        id,
        values.map((value) => value.text),
      );
    const { macro, diagnostics } = checkMacro(
      id,
      `[${members.join(', ')}]`,
      this.scope,
      place(placeMembers(values, members)),
    );
    this.diagnostics.push(...diagnostics);
    return macro;
  }

  #use(macro: string, user: string): void {
    const users = this.#users.get(macro) ?? new Set();
    users.add(user);
    this.#users.set(macro, users);
  }

  rule(definition: RuleDefinition): Omit<LoadedRule, 'index'>[] {
    if (definition.disabled) {
      this.book.mark(definition, { status: 'disabled', reason: 'it is disabled' });
      return [];
    }
    const { expression } = definition;
    if (expression === undefined && definition.section.misread.has('expression')) {
      this.book.mark(definition, {
        status: 'error',
        errorKind: 'error',
        reason: 'its "expression" is not a text',
      });
      return [];
    }
    if (expression === undefined) {
      this.book.fail(
        definition,
        'error',
        diagnostic(ruleCodes, 'missing-expression', `rule "${definition.id.text}" has no "expression"`, {
          span: definition.id.span,
        }),
      );
      return [];
    }
    const expanded = expandFim(definition.id.text, definition.groupId, expression.text, expression.placement);
    const loaded: Omit<LoadedRule, 'index'>[] = [];
    const said = new Set<string>();
    for (const { id, expression: text, placement } of expanded) {
      const { rule, diagnostics } = checkRule(text, this.scope, place(placement));
      // The eight rules of `fim.write` repeat each other's complaints.
      const fresh = diagnostics.filter((item) => !said.has(identity(item)));
      for (const item of diagnostics) said.add(identity(item));
      if (rule === undefined) {
        this.book.fail(
          definition,
          fresh.some((item) => syntaxCodes.has(item.code)) ? 'syntax_error' : 'error',
          ...fresh,
        );
        continue;
      }
      this.diagnostics.push(...fresh);
      if (rule.event === undefined) {
        this.book.fail(
          definition,
          'error',
          diagnostic(
            ruleCodes,
            'no-event',
            `no event in the rule definition: nothing in "${definition.id.text}" says which type of event it is about`,
            {
              span: expression.span,
              suggestions: [
                rule.events === undefined
                  ? 'add a field of an event, such as `exec.file.path != ""`'
                  : `add a field of one of ${rule.events.join(', ')}: what is read here is available in these`,
              ],
            },
          ),
        );
        continue;
      }
      const unavailable = this.model.unavailableEvent(rule.event);
      if (unavailable !== undefined) {
        this.book.fail(
          definition,
          'event_type_disabled',
          diagnostic(
            ruleCodes,
            'event-not-available',
            `rule "${definition.id.text}" is not loaded: "${rule.event}" events are not recorded. ${unavailable}`,
            { span: expression.placement.span(0, expression.text.length) },
          ),
        );
        continue;
      }
      for (const name of rule.macros) this.#use(name, id);
      this.#warnUnavailable(rule.fields, placement, text, said);
      loaded.push({
        id,
        sourceId: definition.id.text,
        groupId: definition.groupId,
        policy: definition.policy.name,
        file: definition.policy.file,
        version: definition.version,
        description: definition.description,
        tags: definition.tags,
        productTags: definition.productTags,
        priority: definition.priority,
        silent: definition.silent,
        every: definition.every,
        everySpan: definition.everySpan,
        limiterToken: this.#limiterToken(definition, rule.event, said),
        actions: checkActions(definition.actions, rule, {
          scope: this.scope,
          declarations: this.declarations,
          diagnostics: this.#once(said),
          enforcement: this.enforcement,
        }),
        eventType: rule.event,
        expression: text,
        ...(text === expression.text
          ? {}
          : { written: { expression: expression.text, placement: expression.placement } }),
        rule,
        span: definition.id.span,
        placement,
      });
    }
    if (!isIdentifier(definition.id.text)) {
      this.book.mark(definition, { status: 'error', errorKind: 'error', reason: 'its id is not a name' });
      return [];
    }
    return loaded;
  }

  /** A list that passes on what was not said before. */
  #once(said: Set<string>): Diagnostic[] {
    const list: Diagnostic[] = [];
    list.push = (...items: Diagnostic[]): number => {
      for (const item of items) {
        if (said.has(identity(item))) continue;
        said.add(identity(item));
        this.diagnostics.push(item);
      }
      return this.diagnostics.length;
    };
    return list;
  }

  #warnUnavailable(fields: readonly string[], placement: Placement, text: string, said: Set<string>): void {
    for (const field of fields) {
      const reason = this.model.unavailable(field);
      if (reason === undefined || said.has(`unavailable ${field}`)) continue;
      said.add(`unavailable ${field}`);
      const at = text.indexOf(field);
      this.diagnostics.push(
        diagnostic(
          ruleCodes,
          'field-not-available',
          `"${field}" is not available here and reads as ${this.model.zeroOf(field)}: ${reason}`,
          { span: at < 0 ? placement.span(0, text.length) : placement.span(at, at + field.length) },
        ),
      );
    }
  }

  #limiterToken(definition: RuleDefinition, event: string, said: Set<string>): readonly string[] {
    const names: string[] = [];
    for (const token of definition.limiterToken) {
      const field = this.model.field(token.text);
      const own = (field?.event ?? event) === event && (field?.events ?? [event]).includes(event);
      if (field !== undefined && own) names.push(token.text);
      else if (!said.has(`token ${token.text}`)) {
        said.add(`token ${token.text}`);
        this.diagnostics.push(
          diagnostic(
            ruleCodes,
            'wrong-limiter-token',
            `"${token.text}" in "limiter_token" is not a field of "${event}" events`,
            {
              span: token.span,
              suggestions:
                field === undefined
                  ? this.model.suggest(token.text)
                  : [`it is available in ${field.event ?? field.events?.join(', ')}`],
            },
          ),
        );
      }
    }
    return names;
  }
}

const syntaxCodes = new Set([
  'syntax-error',
  'unknown-character',
  'unterminated-string',
  'invalid-duration',
  'invalid-number',
  'too-long',
  'too-deep',
]);

function place(placement: Placement): { file: string; mapSpan: Placement['span'] } {
  return { file: placement.file, mapSpan: (start, end) => placement.span(start, end) };
}

/** Places the text `[a, b]` at the values that it was made of. */
function placeMembers(values: readonly Text[], members: readonly string[]): Placement {
  return {
    file: values[0]!.placement.file,
    span(start, end) {
      let from = 1;
      for (const [index, member] of members.entries()) {
        const value = values[index]!;
        if (start < from + member.length || index === members.length - 1) {
          const quote = member === value.text ? 0 : 1;
          const at = (offset: number): number =>
            Math.max(0, Math.min(value.text.length, offset - from - quote));
          return value.placement.span(at(start), Math.max(at(start), at(end)));
        }
        from += member.length + 2;
      }
      return values[0]!.span;
    },
  };
}

function identity(item: Diagnostic): string {
  return `${item.code} ${item.span?.start.offset ?? ''} ${item.message.replace(/"(open|chmod|chown|link|rename|unlink|utimes)[.\w]*"/g, '')}`;
}
