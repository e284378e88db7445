/**
 * Syntax tree → typed tree. Reports everything that is wrong with a text at once; an operand that cannot be
 * typed is left out of further judgement, so one mistake gives one diagnostic.
 */

import { type Diagnostic, diagnostic, sortDiagnostics, type Span, type Suggestion } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { parseAddress } from './address.js';
import type { ChainExpression, Expression, ListExpression, LogicExpression, Primary } from './ast.js';
import { type LanguageCode, languageCodes } from './codes.js';
import { Comparer } from './comparison.js';
import { calculate, bitNot, parseDuration, parseInteger } from './integer.js';
import type { BaseType, ConstantValue, Field, Iterator, Scope } from './model.js';
import { nearestFields, resolveField, splitName } from './names.js';
import { maximumDepth, parse, parseMacro, type ParseOptions } from './parser.js';
import type { Source, TextSpan } from './source.js';
import type {
  BoolNode, CallNode, FieldNode, Leaf, LiteralNode, Macro, Node, Operand, Rule, SetNode, TextNode, ValueExpression, VariableNode,
} from './tree.js';
import { isCondition, typeName, typeOf } from './types.js';

export interface CheckOptions extends ParseOptions {
  /** Older texts: `[_]` means "no register" and named registers are refused. */
  readonly legacyRegisters?: boolean;
}

export interface CheckedRule {
  /** Absent when there are errors; warnings leave it. */
  readonly rule?: Rule;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses and checks a rule's expression against a scope. */
export function checkRule<E>(text: string, scope: Scope<E>, options: CheckOptions = {}): CheckedRule {
  const parsed = parse(text, options);
  if (parsed.tree === undefined) return { diagnostics: sortDiagnostics(parsed.diagnostics) };
  const checker = new Checker(scope as Scope<never>, parsed.source, options);
  const node = checker.check(parsed.tree);
  const root = node === undefined ? undefined : checker.condition(node, parsed.tree);
  const diagnostics = sortDiagnostics(checker.diagnostics);
  if (root === undefined || checker.failed) return { diagnostics };
  return {
    rule: {
      text,
      file: parsed.source.file,
      root,
      event: checker.event?.name,
      fields: [...checker.fields].sort(),
      variables: [...checker.variables].sort(),
      macros: [...checker.macros].sort(),
      leaves: numberLeaves(root),
      registers: checker.registers,
    },
    diagnostics,
  };
}

/** Parses and checks a macro. Put the result into `scope.macros` before what uses it is checked. */
export function checkMacro<E>(id: string, text: string, scope: Scope<E>, options: CheckOptions = {}): { macro?: Macro; diagnostics: readonly Diagnostic[] } {
  const parsed = parseMacro(text, options);
  if (parsed.tree === undefined) return { diagnostics: sortDiagnostics(parsed.diagnostics) };
  const checker = new Checker(scope as Scope<never>, parsed.source, options);
  const node = checker.check(parsed.tree);
  const diagnostics = sortDiagnostics(checker.diagnostics);
  if (node === undefined || checker.failed) return { diagnostics };
  const macro: Macro = {
    id,
    text,
    file: parsed.source.file,
    kind: isCondition(node) || (node.type === 'bool' && !node.multi) ? 'condition' : 'value',
    tree: parsed.tree,
    source: parsed.source,
    fields: [...checker.fields].sort(),
    macros: [...checker.macros].sort(),
  };
  return { macro, diagnostics };
}

/** Parses and checks an expression for its value (the `expression` of a `set` action). */
export function checkValue<E>(text: string, scope: Scope<E>, options: CheckOptions = {}): { value?: ValueExpression; diagnostics: readonly Diagnostic[] } {
  const parsed = parseMacro(text, options);
  if (parsed.tree === undefined) return { diagnostics: sortDiagnostics(parsed.diagnostics) };
  const checker = new Checker(scope as Scope<never>, parsed.source, options);
  const root = checker.check(parsed.tree);
  const diagnostics = sortDiagnostics(checker.diagnostics);
  if (root === undefined || checker.failed) return { diagnostics };
  const value = {
    text,
    file: parsed.source.file,
    root,
    ...typeOf(root),
    ...(checker.event === undefined ? {} : { event: checker.event.name }),
    fields: [...checker.fields].sort(),
    variables: [...checker.variables].sort(),
  };
  return { value, diagnostics };
}

/** Gives every leaf its number, in textual order; what stands inside an operand keeps -1. */
function numberLeaves(root: BoolNode): Leaf[] {
  const leaves: Leaf[] = [];
  const visit = (node: BoolNode): void => {
    switch (node.kind) {
      case 'and':
      case 'or':
        for (const operand of node.operands) visit(operand);
        return;
      case 'not':
        visit(node.operand);
        return;
      case 'macro':
        visit(node.body);
        return;
      case 'test':
      case 'truth':
        (node as { leaf: number }).leaf = leaves.length;
        leaves.push(node);
        return;
      case 'constant':
        return;
    }
  };
  visit(root);
  return leaves;
}

/** Lists of macros that were typed before: a long list is typed once, not at each use. */
const typedLists = new WeakMap<Macro, SetNode>();

export class Checker {
  readonly diagnostics: Diagnostic[] = [];
  readonly fields = new Set<string>();
  readonly variables = new Set<string>();
  readonly macros = new Set<string>();
  readonly registers = new Map<string, Iterator<never>>();
  event: { readonly name: string; readonly field: string } | undefined;
  failed = false;

  #source: Source;
  readonly #expanding: string[] = [];
  readonly #comparer: Comparer;
  #depth = 0;

  constructor(
    readonly scope: Scope<never>,
    source: Source,
    readonly options: CheckOptions,
  ) {
    this.#source = source;
    this.#comparer = new Comparer(this);
  }

  span(node: Expression): TextSpan {
    return this.#place(node.start, node.end);
  }

  #place(start: number, end: number): TextSpan {
    return this.#source.place(start, end, this.#expanding[this.#expanding.length - 1]);
  }

  report(code: LanguageCode, message: string, at: Span, suggestions: readonly (string | Suggestion)[] = []): undefined {
    const span = { file: at.file, start: at.start, end: at.end };
    const item = diagnostic(languageCodes, code, message, { span, suggestions });
    if (item.severity === 'error') this.failed = true;
    this.diagnostics.push(item);
    return undefined;
  }

  /** A node in a place where a truth value is wanted. */
  condition(node: Node, at: Expression): BoolNode | undefined {
    if (isCondition(node)) return node;
    if (node.type !== 'bool' || node.multi) {
      return this.report('type-mismatch', `Have ${typeName(node)}, want bool: this stands where a condition is expected`, this.span(at));
    }
    if (node.kind === 'literal') return { kind: 'constant', value: node.value === true, span: node.span };
    if (node.kind === 'condition') return node.condition;
    return { kind: 'truth', leaf: -1, operand: node, span: node.span };
  }

  check(node: Expression): Node | undefined {
    this.#depth += 1;
    if (this.#depth > maximumDepth * 4) {
      this.#depth -= 1;
      return this.report('too-deep', 'The expression, with its macros, nests too deep here', this.span(node));
    }
    const result = this.#check(node);
    this.#depth -= 1;
    return result;
  }

  #check(node: Expression): Node | undefined {
    switch (node.kind) {
      case 'logic':
        return this.#logic(node);
      case 'compare':
      case 'membership': {
        const left = this.check(node.left);
        const right = this.check(node.right);
        return left === undefined || right === undefined ? undefined : this.#comparer.compare(node, left, right);
      }
      case 'sum':
      case 'bits':
        return this.#chain(node);
      case 'unary': {
        const operand = this.check(node.operand);
        if (operand === undefined) return undefined;
        return node.op === '!' ? this.#negation(node, operand) : this.#signed(node.op, node, operand);
      }
      case 'group':
        return this.check(node.inner);
      case 'list':
        return this.#list(node);
      case 'broken':
        return undefined;
      default:
        return this.#primary(node);
    }
  }

  #negation(node: Expression & { operand: Expression }, operand: Node): BoolNode | undefined {
    const condition = this.condition(operand, node.operand);
    return condition === undefined ? undefined : { kind: 'not', operand: condition, span: this.span(node) };
  }

  /** `a && b || c` is `a && (b || c)`; neighbours of one kind are one flat node. */
  #logic(node: LogicExpression): BoolNode | undefined {
    const operands = node.operands.map((operand) => {
      const checked = this.check(operand);
      return checked === undefined ? undefined : this.condition(checked, operand);
    });
    if (operands.some((operand) => operand === undefined)) return undefined;
    const groups: { kind: 'and' | 'or'; from: number }[] = [];
    node.ops.forEach((op, index) => {
      const kind = op === '&&' ? 'and' : 'or';
      if (groups[groups.length - 1]?.kind !== kind) groups.push({ kind, from: index });
    });
    if (groups.length > maximumDepth) {
      return this.report('too-deep', `&& and || alternate more than ${maximumDepth} times`, this.span(node));
    }
    let right: BoolNode | undefined;
    let to = operands.length;
    for (const group of groups.reverse()) {
      const own = operands.slice(group.from, to) as BoolNode[];
      const members = right === undefined ? own : [...own, right];
      const span = this.#place(node.operands[group.from]!.start, node.end);
      right = { kind: group.kind, operands: members, span };
      to = group.from;
    }
    return right;
  }

  #chain(node: ChainExpression): Operand | undefined {
    const operands: (Operand | undefined)[] = node.operands.map((operand) => {
      const checked = this.check(operand);
      if (checked === undefined) return undefined;
      if (isCondition(checked) || checked.type !== 'int' || checked.multi) {
        return this.report('type-mismatch', `Have ${typeName(typeOf(checked))}, want int: only ints can be calculated with`, this.span(operand));
      }
      return checked;
    });
    if (operands.some((operand) => operand === undefined)) return undefined;
    const values = operands as Operand[];
    const join = (op: ChainExpression['ops'][number], left: Operand, right: Operand): Operand => {
      const span = this.span(node);
      if (left.kind === 'literal' && right.kind === 'literal') {
        const duration = left.duration === true || right.duration === true;
        const value = calculate(op, left.value as number, right.value as number);
        return { kind: 'literal', type: 'int', multi: false, value, span, ...(duration ? { duration } : {}) };
      }
      return { kind: 'arithmetic', type: 'int', multi: false, op, left, right, span };
    };
    let depth = 0;
    const deep = (): Operand | undefined => {
      depth += 1;
      return depth > maximumDepth ? this.report('too-deep', `More than ${maximumDepth} operands that are not constants`, this.span(node)) : undefined;
    };
    if (node.kind === 'sum') {
      let result = values[0]!;
      for (let index = 1; index < values.length; index++) {
        result = join(node.ops[index - 1]!, result, values[index]!);
        if (result.kind !== 'literal' && deep() === undefined && depth > maximumDepth) return undefined;
      }
      return result;
    }
    let result = values[values.length - 1]!;
    for (let index = values.length - 2; index >= 0; index--) {
      result = join(node.ops[index]!, values[index]!, result);
      if (result.kind !== 'literal' && deep() === undefined && depth > maximumDepth) return undefined;
    }
    return result;
  }

  #signed(op: '-' | '^', node: Expression & { operand: Expression }, operand: Node): Operand | undefined {
    if (isCondition(operand) || operand.type !== 'int' || operand.multi) {
      return this.report('type-mismatch', `Have ${typeName(typeOf(operand))}, want int after "${op}"`, this.span(node.operand));
    }
    const span = this.span(node);
    if (operand.kind === 'literal') {
      const value = operand.value as number;
      return { ...operand, value: op === '-' ? 0 - value : bitNot(value), span };
    }
    return { kind: 'unary', type: 'int', multi: false, op, operand, span };
  }

  #list(node: ListExpression): SetNode | undefined {
    const first = node.members[0]!;
    if (first.kind === 'ident') return this.#constants(node);
    const members: LiteralNode[] = [];
    for (const member of node.members) {
      const literal = this.#literal(member);
      if (literal === undefined) continue;
      if (member.kind === 'string' && interpolated.test(member.value)) {
        this.report('no-interpolation-in-list', `"${member.value}" is taken as it stands: inside a list nothing is interpolated`, this.span(member));
      }
      members.push(literal);
    }
    if (members.length !== node.members.length) return undefined;
    return { kind: 'set', type: members[0]!.type, multi: true, members, span: this.span(node) };
  }

  #constants(node: ListExpression): SetNode | undefined {
    const members: LiteralNode[] = [];
    let wrong = false;
    for (const member of node.members) {
      const value = this.scope.model.constants.get(member.value);
      if (value === undefined) {
        const known = nearest(member.value, this.scope.model.constants.keys(), 2);
        wrong = true;
        this.report('mixed-constants', `"${member.value}" is not a constant: a list of names holds constants only`, this.span(member), known.map((name) => `Did you mean "${name}"?`));
        continue;
      }
      members.push(this.#constant(member.value, value, this.span(member)));
    }
    const type = members[0]?.type;
    for (const member of members) {
      if (member.type === type) continue;
      wrong = true;
      this.report('mixed-constants', `"${member.constant}" is ${typeName(member)}, the first constant of the list is ${type}`, member.span);
    }
    if (wrong || type === undefined) return undefined;
    return { kind: 'set', type, multi: true, members, span: this.span(node) };
  }

  #constant(name: string, value: ConstantValue, span: TextSpan): LiteralNode {
    const type: BaseType = typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? 'int' : 'string';
    return { kind: 'literal', type, multi: false, value, constant: name, span, ...(typeof value === 'string' ? { matcher: { kind: 'exact', text: value, fold: false } as const } : {}) };
  }

  #literal(node: Primary): LiteralNode | undefined {
    const span = this.span(node);
    switch (node.kind) {
      case 'string':
      case 'pattern':
      case 'regexp': {
        const kind = node.kind === 'string' ? 'exact' : node.kind;
        return { kind: 'literal', type: 'string', multi: false, value: node.value, matcher: { kind, text: node.value, fold: false }, span, ...(node.kind === 'string' ? {} : { prefixed: true }) };
      }
      case 'int': {
        const parsed = parseInteger(node.value);
        if (parsed === undefined) {
          const octal = /^[-+]?0/.test(node.value) && node.value.length < 20;
          return this.report('invalid-number', octal ? `"${node.value}" begins with 0, so it is octal, where 8 and 9 do not exist` : `"${node.value}" does not fit a signed 64-bit integer`, span);
        }
        if (!parsed.exact) this.report('inexact-number', `${node.value} is taken as ${parsed.value}: ints are exact up to 2^53`, span);
        return { kind: 'literal', type: 'int', multi: false, value: parsed.value, span };
      }
      case 'duration': {
        const value = parseDuration(node.value);
        if (value === undefined) return this.report('invalid-duration', `"${node.value}" is not a duration that can be told apart in nanoseconds`, span);
        return { kind: 'literal', type: 'int', multi: false, value, duration: true, span };
      }
      default: {
        const address = parseAddress(node.value);
        if (address === undefined) {
          return this.report('invalid-address', `"${node.value}" is not ${node.kind === 'cidr' ? 'a network' : 'an address'}`, span);
        }
        return { kind: 'literal', type: 'cidr', multi: false, value: address, span };
      }
    }
  }

  #primary(node: Primary): Node | undefined {
    switch (node.kind) {
      case 'ident':
        return this.#ident(node);
      case 'variable':
        return this.#variable(node.value, this.span(node));
      case 'reference':
        return this.#reference(node.value, this.span(node));
      case 'string':
        return interpolated.test(node.value) ? this.#text(node) : this.#literal(node);
      default:
        return this.#literal(node);
    }
  }

  #ident(node: Primary): Node | undefined {
    const name = node.value;
    const constant = this.scope.model.constants.get(name);
    if (constant !== undefined) return this.#constant(name, constant, this.span(node));
    const macro = this.scope.macros.get(name);
    if (macro !== undefined) return this.#expand(macro, node);
    return this.#field(name, this.span(node));
  }

  #expand(macro: Macro, node: Primary): Node | undefined {
    this.macros.add(macro.id);
    if (this.#expanding.includes(macro.id)) {
      return this.report('recursive-macro', `The macro "${macro.id}" uses itself`, this.span(node));
    }
    const known = typedLists.get(macro);
    if (known !== undefined) return known;
    const outer = this.#source;
    const span = this.span(node);
    this.#expanding.push(macro.id);
    this.#source = macro.source;
    const body = this.check(macro.tree);
    const condition = body === undefined || macro.kind === 'value' ? undefined : this.condition(body, macro.tree);
    this.#source = outer;
    this.#expanding.pop();
    if (body === undefined) return undefined;
    if (condition !== undefined) return { kind: 'macro', id: macro.id, body: condition, span };
    if (isCondition(body)) return { kind: 'macro', id: macro.id, body, span };
    if (body.kind === 'set') {
      const set: SetNode = body.macro === undefined ? { ...body, macro: macro.id } : body;
      if (macro.tree.kind === 'list') typedLists.set(macro, set);
      return set;
    }
    return body;
  }

  #field(written: string, span: TextSpan, reference = false): FieldNode | CallNode | undefined {
    const name = splitName(written);
    if ('problem' in name) return this.report('register-error', `"${written}": ${name.problem}`, span);
    const found = resolveField(this.scope.model, name.name);
    if (found === undefined) {
      const near = nearestFields(this.scope.model, name.name);
      const macro = nearest(written, this.scope.macros.keys(), 1);
      return this.report('unknown-field', `There is no field, macro or constant "${written}"`, span, [...near, ...macro].map((item) => `Did you mean "${item}"?`));
    }
    let register = name.register;
    if (register?.name === '_' && this.options.legacyRegisters === true) register = undefined;
    else if (register !== undefined && this.options.legacyRegisters === true) {
      return this.report('register-error', `"${written}": only "_" is a register here`, span);
    }
    if (register !== undefined) {
      const problem = reference ? 'a field reference has no register' : this.#register(register.name, register.iterator, found.iterator);
      if (problem !== undefined) return this.report('register-error', `"${written}": ${problem}`, span);
    }
    if (found.field === undefined) return this.#iteratorLength(found.iterator!, written, span);

    const { field, iterator } = found;
    this.fields.add(field.name);
    this.#about(field.event ?? iterator?.event, field.name, span);
    const bound = register !== undefined && field.ignoresRegister !== true;
    const several = field.multi === true || (iterator !== undefined && !bound);
    if (name.index !== undefined && !several) {
      return this.report('register-error', `"${written}": the field "${field.name}" has a single value, an index takes one of several`, span);
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
    this.fields.add(`${iterator.name}.length`);
    const field: Field<never> = { name: `${iterator.name}.length`, type: 'int', multi: true, iterator: iterator.name, read: { kind: 'value', source: '0' } };
    const operand: FieldNode = { kind: 'field', type: 'int', multi: true, field, iterator, span };
    return { kind: 'call', name: 'length', type: 'int', multi: false, operand, span };
  }

  #register(name: string, before: string, iterator: Iterator<never> | undefined): string | undefined {
    if (name === '_') return '"_" cannot be used as a register: give it a name such as A, or leave the index out';
    if (iterator === undefined || iterator.name !== before) {
      return this.scope.model.iterator(before) === undefined ? `"${before}" has no elements to index` : 'the index stands directly after the iterator';
    }
    const known = this.registers.get(name);
    if (known !== undefined && known.name !== iterator.name) {
      return `the register ${name} already stands for "${known.name}"`;
    }
    if (known === undefined && this.registers.size > 0) {
      const [other] = this.registers.keys();
      return `a rule has one register, and this one already has ${other}`;
    }
    this.registers.set(name, iterator);
    return undefined;
  }

  #about(event: string | undefined, field: string, span: TextSpan): void {
    if (event === undefined || event === '*') return;
    if (this.event === undefined) this.event = { name: event, field };
    else if (this.event.name !== event) {
      this.report('event-mismatch', `The field "${field}" is of the event "${event}", but "${this.event.field}" makes this a rule about "${this.event.name}"`, span);
    }
  }

  #call(name: string, operand: FieldNode | VariableNode, written: string, span: TextSpan): CallNode | undefined {
    if (name === 'length') {
      if (!operand.multi && operand.type !== 'string') {
        return this.report('type-mismatch', `"${written}": have ${typeName(operand)}, want a text or several values for ".length"`, span);
      }
      const each = operand.kind === 'field' && operand.iterator !== undefined && operand.register === undefined && operand.type === 'string' && operand.field.multi !== true;
      return { kind: 'call', name, type: 'int', multi: each && operand.multi, operand, span };
    }
    if (operand.type !== 'string') {
      return this.report('type-mismatch', `"${written}": have ${typeName(operand)}, want string for ".${name}"`, span);
    }
    return { kind: 'call', name, type: 'string', multi: operand.multi, operand, span };
  }

  #variable(name: string, span: TextSpan): VariableNode | CallNode | undefined {
    const variable = this.scope.variable(name);
    if (variable !== undefined) {
      this.variables.add(name);
      return { kind: 'variable', type: variable.type, multi: variable.multi === true, variable, span };
    }
    const dot = name.lastIndexOf('.');
    const suffix = name.slice(dot + 1);
    const base = dot > 0 && (suffix === 'length' || suffix === 'root_domain') ? this.scope.variable(name.slice(0, dot)) : undefined;
    if (base === undefined) {
      const known = this.scope.variableNames === undefined ? [] : nearest(name, this.scope.variableNames(), 2);
      const suggestions = known.map((item) => `Did you mean "\${${item}}"?`);
      if (resolveField(this.scope.model, name) !== undefined) suggestions.push(`For the field write %{${name}}`);
      return this.report('unknown-variable', `There is no variable "${name}": no rule sets it`, span, suggestions);
    }
    this.variables.add(base.name);
    const operand: VariableNode = { kind: 'variable', type: base.type, multi: base.multi === true, variable: base, span };
    return this.#call(suffix, operand, name, span);
  }

  #reference(name: string, span: TextSpan): FieldNode | CallNode | undefined {
    return this.#field(name, span, true);
  }

  #text(node: Primary): TextNode | undefined {
    const parts: (string | FieldNode | VariableNode | CallNode)[] = [];
    const text = node.value;
    let last = 0;
    let failed = false;
    for (const found of text.matchAll(new RegExp(interpolated, 'g'))) {
      if (found.index > last) parts.push(text.slice(last, found.index));
      last = found.index + found[0].length;
      const start = node.start + 1 + found.index;
      const span = this.#place(start, start + found[0].length);
      const name = found[0].slice(2, -1);
      const part = found[0][0] === '$' ? this.#variable(name, span) : this.#reference(name, span);
      if (part === undefined) failed = true;
      else if (part.type === 'bool' || part.type === 'cidr') {
        failed = true;
        this.report('type-mismatch', `"${found[0]}" is ${typeName(part)}: only strings and ints can stand inside a string`, span);
      } else parts.push(part);
    }
    if (failed) return undefined;
    if (last < text.length) parts.push(text.slice(last));
    return { kind: 'text', type: 'string', multi: false, parts, written: text, span: this.span(node) };
  }
}

const interpolated = /[$%]\{[^}]*\}/;
