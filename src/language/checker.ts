/**
 * Syntax tree → typed tree. Reports everything that is wrong with a text at once; an operand that cannot be
 * typed is left out of further judgement, so one mistake gives one diagnostic.
 */

import {
  type Diagnostic,
  diagnostic,
  type Span,
  type Suggestion,
  sortDiagnostics,
} from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import type { ChainExpression, Expression, ListExpression, LogicExpression, Primary } from './ast.js';
import { type LanguageCode, languageCodes } from './codes.js';
import { Comparer } from './comparison.js';
import { bitNot, calculate } from './integer.js';
import { constantNode, literalNode } from './literal.js';
import type { Iterator, Scope } from './model.js';
import { maximumDepth, type ParseOptions, parse, parseMacro } from './parser.js';
import { interpolated, Resolver } from './resolver.js';
import type { Source, TextSpan } from './source.js';
import type {
  BoolNode,
  Leaf,
  LiteralNode,
  Macro,
  Node,
  Operand,
  Rule,
  SetNode,
  ValueExpression,
} from './tree.js';
import { isCondition, typeName, typeOf } from './types.js';

export interface CheckOptions extends ParseOptions {
  /** The macro whose text it is: it cannot name itself. */
  readonly macro?: string;
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
  const { partial } = parsed;
  if (partial === undefined) return { diagnostics: sortDiagnostics(parsed.diagnostics) };
  const checker = new Checker(scope as Scope<never>, parsed.source, options);
  checker.broken = parsed.tree === undefined;
  const node = checker.check(partial);
  const root = node === undefined ? undefined : checker.condition(node, partial);
  checker.end();
  const diagnostics = sortDiagnostics([...parsed.diagnostics, ...checker.diagnostics]);
  if (root === undefined || checker.failed || parsed.tree === undefined) return { diagnostics };
  return {
    rule: {
      text,
      file: parsed.source.file,
      root,
      event: checker.event?.name,
      ...(checker.events === undefined ? {} : { events: checker.events }),
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
export function checkMacro<E>(
  id: string,
  text: string,
  scope: Scope<E>,
  options: CheckOptions = {},
): { macro?: Macro; diagnostics: readonly Diagnostic[] } {
  const parsed = parseMacro(text, options);
  const { partial } = parsed;
  if (partial === undefined) return { diagnostics: sortDiagnostics(parsed.diagnostics) };
  const checker = new Checker(scope as Scope<never>, parsed.source, { macro: id, ...options });
  checker.broken = parsed.tree === undefined;
  const node = checker.check(partial);
  const diagnostics = sortDiagnostics([...parsed.diagnostics, ...checker.diagnostics]);
  if (node === undefined || checker.failed || parsed.tree === undefined) return { diagnostics };
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
export function checkValue<E>(
  text: string,
  scope: Scope<E>,
  options: CheckOptions = {},
): { value?: ValueExpression; diagnostics: readonly Diagnostic[] } {
  const parsed = parseMacro(text, options);
  const { partial } = parsed;
  if (partial === undefined) return { diagnostics: sortDiagnostics(parsed.diagnostics) };
  const checker = new Checker(scope as Scope<never>, parsed.source, options);
  checker.broken = parsed.tree === undefined;
  const root = checker.check(partial);
  checker.end();
  const diagnostics = sortDiagnostics([...parsed.diagnostics, ...checker.diagnostics]);
  if (root === undefined || checker.failed || parsed.tree === undefined) return { diagnostics };
  const value = {
    text,
    file: parsed.source.file,
    root,
    ...typeOf(root),
    ...(checker.event === undefined ? {} : { event: checker.event.name }),
    ...(checker.events === undefined ? {} : { events: checker.events }),
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

/** The most parts of an expression whose macros are written out; more is `too-long`. */
export const maximumSize = 100_000;

/** The condition that a value alone may have been meant as. */
function asCondition(node: Operand): string[] {
  if (node.kind !== 'field' && node.kind !== 'variable') return [];
  const name = node.kind === 'field' ? node.field.name : `\${${node.variable.name}}`;
  const length = node.kind === 'field' ? `${name}.length` : `\${${node.variable.name}.length}`;
  if (node.multi) return [`${length} > 0`];
  return node.type === 'string' ? [`${name} != ""`] : node.type === 'int' ? [`${name} != 0`] : [];
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
  /** The event types that have all fields so far that several types have. */
  events: readonly string[] | undefined;
  /** Where these fields were read: they are judged when the event is known. */
  readonly shared: { readonly field: string; readonly events: readonly string[]; readonly span: TextSpan }[] =
    [];
  failed = false;
  /** The text was not understood as a whole: half a condition is no mistake of its own. */
  broken = false;

  #source: Source;
  readonly #expanding: string[] = [];
  readonly #comparer: Comparer;
  readonly #resolver: Resolver;
  #depth = 0;
  #size = 0;

  constructor(
    readonly scope: Scope<never>,
    source: Source,
    readonly options: CheckOptions,
  ) {
    this.#source = source;
    this.#comparer = new Comparer(this);
    this.#resolver = new Resolver(this);
  }

  span(node: Expression): TextSpan {
    return this.place(node.start, node.end);
  }

  place(start: number, end: number): TextSpan {
    return this.#source.place(start, end, this.#expanding[this.#expanding.length - 1]);
  }

  report(
    code: LanguageCode,
    message: string,
    at: Span,
    suggestions: readonly (string | Suggestion)[] = [],
  ): undefined {
    const span = { file: at.file, start: at.start, end: at.end };
    const item = diagnostic(languageCodes, code, message, { span, suggestions });
    if (item.severity === 'error') this.failed = true;
    this.diagnostics.push(item);
    return undefined;
  }

  /** Once all is read: fields that several event types have belong to the rule's own. */
  end(): void {
    for (const { field, events, span } of this.shared) {
      const list = events.map((name) => `"${name}"`).join(', ');
      if (this.event !== undefined && !events.includes(this.event.name)) {
        this.report(
          'event-mismatch',
          `The field "${field}" is not available in "${this.event.name}" events, of which "${this.event.field}" makes this rule: available in ${list}`,
          span,
        );
      } else if (this.events?.length === 0) {
        this.report(
          'event-mismatch',
          `No event has "${field}" and the other fields here: it is available in ${list}`,
          span,
        );
        return;
      }
    }
  }

  /** A node in a place where a truth value is wanted. */
  condition(node: Node, at: Expression): BoolNode | undefined {
    if (isCondition(node)) return node;
    if (node.type !== 'bool' || node.multi) {
      if (this.broken) return undefined;
      return this.report(
        'type-mismatch',
        `Have ${typeName(node)}, want bool: this stands where a condition is expected`,
        this.span(at),
        asCondition(node),
      );
    }
    if (node.kind === 'literal') return { kind: 'constant', value: node.value === true, span: node.span };
    if (node.kind === 'condition') return node.condition;
    return { kind: 'truth', leaf: -1, operand: node, span: node.span };
  }

  check(node: Expression): Node | undefined {
    this.#size += 1;
    if (this.#size > maximumSize) {
      // Said once: macros that use macros twice each grow without end.
      if (this.#size > maximumSize + 1) return undefined;
      const message = `The expression, with its macros written out, has more than ${maximumSize} parts`;
      return this.report('too-long', message, this.span(node));
    }
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
        const right = this.#listName(node) ?? this.check(node.right);
        return left === undefined || right === undefined
          ? undefined
          : this.#comparer.compare(node, left, right);
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
      const span = this.place(node.operands[group.from]!.start, node.end);
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
        return this.report(
          'type-mismatch',
          `Have ${typeName(typeOf(checked))}, want int: only ints can be calculated with`,
          this.span(operand),
        );
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
      return depth > maximumDepth
        ? this.report(
            'too-deep',
            `More than ${maximumDepth} operands that are not constants`,
            this.span(node),
          )
        : undefined;
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
      return this.report(
        'type-mismatch',
        `Have ${typeName(typeOf(operand))}, want int after "${op}"`,
        this.span(node.operand),
      );
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
      const literal = literalNode(this, member);
      if (literal === undefined) continue;
      if (member.kind === 'string' && interpolated.test(member.value)) {
        this.report(
          'no-interpolation-in-list',
          `"${member.value}" is taken as it stands: inside a list nothing is interpolated`,
          this.span(member),
        );
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
        this.report(
          'mixed-constants',
          `"${member.value}" is not a constant: a list of names holds constants only`,
          this.span(member),
          known.map((name) => `Did you mean "${name}"?`),
        );
        continue;
      }
      members.push(constantNode(member.value, value, this.span(member)));
    }
    const type = members[0]?.type;
    for (const member of members) {
      if (member.type === type) continue;
      wrong = true;
      this.report(
        'mixed-constants',
        `"${member.constant}" is ${typeName(member)}, the first constant of the list is ${type}`,
        member.span,
      );
    }
    if (wrong || type === undefined) return undefined;
    return { kind: 'set', type, multi: true, members, span: this.span(node) };
  }

  #primary(node: Primary): Node | undefined {
    switch (node.kind) {
      case 'ident':
        return this.#ident(node);
      case 'variable':
        return this.#resolver.variable(node.value, this.span(node));
      case 'reference':
        return this.#resolver.reference(node.value, this.span(node));
      case 'string':
        return interpolated.test(node.value) ? this.#resolver.text(node) : literalNode(this, node);
      default:
        return literalNode(this, node);
    }
  }

  #ident(node: Primary): Node | undefined {
    const name = node.value;
    const constant = this.scope.model.constants.get(name);
    if (constant !== undefined) return constantNode(name, constant, this.span(node));
    const macro = this.scope.macros.get(name);
    if (macro !== undefined) return this.#expand(macro, node);
    return this.#resolver.field(name, this.span(node));
  }

  /** Right of `in` a macro stands before a constant of its name; elsewhere the constant does. */
  #listName(node: Expression): Node | undefined {
    if (node.kind !== 'membership' || node.right.kind !== 'ident') return undefined;
    const name = node.right.value;
    const macro = this.scope.model.constants.has(name) ? this.scope.macros.get(name) : undefined;
    return macro === undefined ? undefined : this.#expand(macro, node.right);
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
    const condition =
      body === undefined || macro.kind === 'value' ? undefined : this.condition(body, macro.tree);
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
}
