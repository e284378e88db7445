/** The part of the checker that finds what names stand for: fields, registers, indices, suffixes, variables. */

import { nearest } from '../support/suggestion.js';
import type { Primary } from './ast.js';
import type { Checker } from './checker.js';
import type { Field, Iterator } from './model.js';
import { nearestFields, resolveField, splitName } from './names.js';
import type { TextSpan } from './source.js';
import type { CallNode, FieldNode, TextNode, VariableNode } from './tree.js';
import { typeName } from './types.js';

/** What a string that stands alone replaces by values. */
export const interpolated = /[$%]\{[^}]*\}/;

export class Resolver {
  constructor(readonly checker: Checker) {}

  field(written: string, span: TextSpan, reference = false): FieldNode | CallNode | undefined {
    const name = splitName(written);
    if ('problem' in name)
      return this.checker.report('register-error', `"${written}": ${name.problem}`, span);
    const found = resolveField(this.checker.scope.model, name.name);
    if (found === undefined) {
      const { model, macros } = this.checker.scope;
      if (written === this.checker.options.macro)
        return this.checker.report('recursive-macro', `The macro "${written}" uses itself`, span);
      const trouble = this.checker.scope.macroTrouble?.(written);
      if (trouble !== undefined)
        return this.checker.report(
          'unknown-field',
          `The macro "${written}" cannot be used here: ${trouble}`,
          span,
        );
      const near = nearestFields(model, name.name);
      const macro = nearest(written, macros.keys(), 1);
      // A name without a dot is no field: it was meant as a constant or a macro.
      const constants = written.includes('.') ? [] : nearest(written, model.constants.keys(), 2);
      return this.checker.report(
        'unknown-field',
        `There is no field, macro or constant "${written}"`,
        span,
        [...constants, ...macro, ...near].slice(0, 3).map((item) => `Did you mean "${item}"?`),
      );
    }
    let register = name.register;
    if (register?.name === '_' && this.checker.options.legacyRegisters === true) register = undefined;
    else if (register !== undefined && this.checker.options.legacyRegisters === true) {
      return this.checker.report('register-error', `"${written}": only "_" is a register here`, span);
    }
    if (register !== undefined) {
      const problem = reference
        ? 'a field reference has no register'
        : this.#register(register.name, register.iterator, found.iterator);
      if (problem !== undefined)
        return this.checker.report('register-error', `"${written}": ${problem}`, span);
    }
    if (found.field === undefined) return this.#iteratorLength(found.iterator!, written, span);

    const { field, iterator } = found;
    this.checker.fields.add(field.name);
    this.#about(field.event ?? iterator?.event, field.name, span);
    if (field.events !== undefined) this.#among(field.events, field.name, span);
    const bound = register !== undefined && field.ignoresRegister !== true;
    const several = field.multi === true || (iterator !== undefined && !bound);
    if (name.index !== undefined && !several) {
      return this.checker.report(
        'register-error',
        `"${written}": the field "${field.name}" has a single value, an index takes one of several`,
        span,
      );
    }
    const node: FieldNode = {
      kind: 'field',
      type: field.type,
      multi: several && name.index === undefined,
      field,
      span,
      ...(iterator === undefined ? {} : { iterator }),
      ...(bound ? { register: register!.name } : {}),
      ...(name.index === undefined ? {} : { index: name.index }),
    };
    return found.suffix === undefined ? node : this.#call(found.suffix.name, node, written, span);
  }

  #iteratorLength(iterator: Iterator<never>, written: string, span: TextSpan): CallNode | undefined {
    this.#about(iterator.event, written, span);
    this.checker.fields.add(`${iterator.name}.length`);
    const field: Field<never> = {
      name: `${iterator.name}.length`,
      type: 'int',
      multi: true,
      iterator: iterator.name,
      read: { kind: 'value', source: '0' },
    };
    const operand: FieldNode = { kind: 'field', type: 'int', multi: true, field, iterator, span };
    return { kind: 'call', name: 'length', type: 'int', multi: false, operand, span };
  }

  #register(name: string, before: string, iterator: Iterator<never> | undefined): string | undefined {
    if (name === '_')
      return '"_" cannot be used as a register: give it a name such as A, or leave the index out';
    if (iterator === undefined || iterator.name !== before) {
      return this.checker.scope.model.iterator(before) === undefined
        ? `"${before}" has no elements to index`
        : 'the index stands directly after the iterator';
    }
    const known = this.checker.registers.get(name);
    if (known !== undefined && known.name !== iterator.name) {
      return `the register ${name} already stands for "${known.name}"`;
    }
    if (known === undefined && this.checker.registers.size > 0) {
      const [other] = this.checker.registers.keys();
      return `a rule has one register, and this one already has ${other}`;
    }
    this.checker.registers.set(name, iterator);
    return undefined;
  }

  #about(event: string | undefined, field: string, span: TextSpan): void {
    if (event === undefined || event === '*') return;
    if (this.checker.event === undefined) this.checker.event = { name: event, field };
    else if (this.checker.event.name !== event) {
      this.checker.report(
        'event-mismatch',
        `The field "${field}" is of the event "${event}", but "${this.checker.event.field}" makes this a rule about "${this.checker.event.name}"`,
        span,
      );
    }
  }

  #among(events: readonly string[], field: string, span: TextSpan): void {
    this.checker.shared.push({ field, events, span });
    this.checker.events = this.checker.events?.filter((name) => events.includes(name)) ?? events;
  }

  #call(
    name: string,
    operand: FieldNode | VariableNode,
    written: string,
    span: TextSpan,
  ): CallNode | undefined {
    if (name === 'length') {
      if (!operand.multi && operand.type !== 'string') {
        return this.checker.report(
          'type-mismatch',
          `"${written}": have ${typeName(operand)}, want a text or several values for ".length"`,
          span,
        );
      }
      const each =
        operand.kind === 'field' &&
        operand.iterator !== undefined &&
        operand.register === undefined &&
        operand.type === 'string' &&
        operand.field.multi !== true;
      return { kind: 'call', name, type: 'int', multi: each && operand.multi, operand, span };
    }
    if (operand.type !== 'string') {
      return this.checker.report(
        'type-mismatch',
        `"${written}": have ${typeName(operand)}, want string for ".${name}"`,
        span,
      );
    }
    return { kind: 'call', name, type: 'string', multi: operand.multi, operand, span };
  }

  variable(name: string, span: TextSpan): VariableNode | CallNode | undefined {
    const variable = this.checker.scope.variable(name);
    if (variable !== undefined) {
      this.checker.variables.add(name);
      return { kind: 'variable', type: variable.type, multi: variable.multi === true, variable, span };
    }
    const dot = name.lastIndexOf('.');
    const suffix = name.slice(dot + 1);
    const base =
      dot > 0 && (suffix === 'length' || suffix === 'root_domain')
        ? this.checker.scope.variable(name.slice(0, dot))
        : undefined;
    if (base === undefined) {
      const names = [...(this.checker.scope.variableNames?.() ?? [])];
      const scoped = names.filter((item) => item.endsWith(`.${name}`) || name.endsWith(`.${item}`));
      const known = scoped.length > 0 ? scoped : nearest(name, names, 2);
      const suggestions = known.map((item) => `Did you mean "\${${item}}"?`);
      if (resolveField(this.checker.scope.model, name) !== undefined)
        suggestions.push(`For the field write %{${name}}`);
      return this.checker.report(
        'unknown-variable',
        `There is no variable "${name}": no rule sets it`,
        span,
        suggestions,
      );
    }
    this.checker.variables.add(base.name);
    const operand: VariableNode = {
      kind: 'variable',
      type: base.type,
      multi: base.multi === true,
      variable: base,
      span,
    };
    return this.#call(suffix, operand, name, span);
  }

  reference(name: string, span: TextSpan): FieldNode | CallNode | undefined {
    return this.field(name, span, true);
  }

  text(node: Primary): TextNode | undefined {
    const parts: (string | FieldNode | VariableNode | CallNode)[] = [];
    const text = node.value;
    let last = 0;
    let failed = false;
    for (const found of text.matchAll(new RegExp(interpolated, 'g'))) {
      if (found.index > last) parts.push(text.slice(last, found.index));
      last = found.index + found[0].length;
      const start = node.start + 1 + found.index;
      const span = this.checker.place(start, start + found[0].length);
      const name = found[0].slice(2, -1);
      const part = found[0][0] === '$' ? this.variable(name, span) : this.reference(name, span);
      if (part === undefined) failed = true;
      else if (part.type === 'bool' || part.type === 'cidr') {
        failed = true;
        this.checker.report(
          'type-mismatch',
          `"${found[0]}" is ${typeName(part)}: only strings and ints can stand inside a string`,
          span,
        );
      } else parts.push(part);
    }
    if (failed) return undefined;
    if (last < text.length) parts.push(text.slice(last));
    return {
      kind: 'text',
      type: 'string',
      multi: false,
      parts,
      written: text,
      span: this.checker.span(node),
    };
  }
}
