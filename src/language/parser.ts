/**
 * Tokens → syntax tree. After an error the parser skips to the next `&&`, `||` or closing parenthesis and goes
 * on, so that one text gives all its diagnostics at once.
 */

import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { parseAddress } from './address.js';
import type { ArrayOp, Expression, LogicOp, Primary, ScalarOp } from './ast.js';
import { type LanguageCode, languageCodes } from './codes.js';
import { lex } from './lexer.js';
import { type MapSpan, Source } from './source.js';
import { type Token, type TokenKind, tokenNames } from './token.js';

/** The deepest nesting of parentheses, negations and comparisons; more is `too-deep`. */
export const maximumDepth = 400;
/** The longest text, in UTF-16 units; more is `too-long`. */
export const maximumLength = 1 << 20;

export interface ParseOptions {
  /** The name in spans; default `<expression>`. */
  readonly file?: string;
  /** Where the text stands in its file, when it is part of one. */
  readonly mapSpan?: MapSpan;
}

export interface Parsed {
  /** Absent when there are errors. */
  readonly tree?: Expression;
  /** What was understood, with `broken` where it was not; absent only when the text is too long. */
  readonly partial?: Expression;
  readonly source: Source;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses a rule's expression. */
export function parse(text: string, options: ParseOptions = {}): Parsed {
  return run(text, options, (parser) => parser.expression());
}

/** Parses a macro: an expression or a list. */
export function parseMacro(text: string, options: ParseOptions = {}): Parsed {
  return run(text, options, (parser) => parser.macro());
}

function run(text: string, options: ParseOptions, rule: (parser: Parser) => Expression): Parsed {
  const source = new Source(text, options.file, options.mapSpan);
  if (text.length > maximumLength) {
    const message = `The expression has ${text.length} characters, at most ${maximumLength} are read`;
    return {
      source,
      diagnostics: [diagnostic(languageCodes, 'too-long', message, { span: source.span(0, 1) })],
    };
  }
  const lexed = lex(source);
  const diagnostics: Diagnostic[] = [...lexed.diagnostics];
  const parser = new Parser(source, lexed.tokens, diagnostics);
  const tree = parser.finish(rule(parser));
  return diagnostics.length === 0
    ? { tree, partial: tree, source, diagnostics }
    : { partial: tree, source, diagnostics };
}

const scalarOps: ReadonlySet<string> = new Set(['>=', '>', '<=', '<', '!=', '==', '=~', '!~']);
const primaries: ReadonlySet<TokenKind> = new Set([
  'ident',
  'int',
  'duration',
  'string',
  'pattern',
  'regexp',
  'variable',
  'reference',
  'ip',
  'cidr',
]);
const arrayPrimaries: ReadonlySet<TokenKind> = new Set(['cidr', 'variable', 'reference', 'ident']);
const logicOps: ReadonlyMap<string, LogicOp> = new Map([
  ['&&', '&&'],
  ['and', '&&'],
  ['||', '||'],
  ['or', '||'],
]);
const reserved: ReadonlySet<string> = new Set(['and', 'or', 'in', 'allin']);

class ParseFailure extends Error {}

class Parser {
  #at = 0;
  #depth = 0;
  #tooDeep = false;
  #complained = -1;

  constructor(
    readonly source: Source,
    readonly tokens: readonly Token[],
    readonly diagnostics: Diagnostic[],
  ) {}

  get #token(): Token {
    return this.tokens[this.#at]!;
  }

  #is(text: string): boolean {
    const token = this.#token;
    return (token.kind === 'punctuation' || token.kind === 'ident') && token.text === text;
  }

  #next(): Token {
    const token = this.#token;
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** The end of the last token taken. */
  get #end(): number {
    return this.#at === 0 ? 0 : this.tokens[this.#at - 1]!.end;
  }

  #fail(want: string, suggestions: readonly string[] = []): never {
    const token = this.#token;
    const quoted = token.text.startsWith('"') ? token.text : `"${token.text}"`;
    return this.#report(
      'syntax-error',
      `Have ${token.kind === 'end' ? tokenNames.end : quoted}, want ${want}`,
      token,
      suggestions,
    );
  }

  /** Only the first complaint about one place is kept: those that follow from it say nothing new. */
  #report(code: LanguageCode, message: string, token: Token, suggestions: readonly string[]): never {
    const span = this.source.span(token.start, token.end);
    if (token.start !== this.#complained && !this.#tooDeep)
      this.diagnostics.push(diagnostic(languageCodes, code, message, { span, suggestions }));
    this.#complained = token.start;
    throw new ParseFailure();
  }

  #atEnd(): boolean {
    return this.#token.kind === 'end';
  }

  /** Complains about what stands after the expression, and parses on behind the next && or || for its mistakes. */
  finish(tree: Expression): Expression {
    const operands = [tree];
    while (!this.#atEnd()) {
      this.#recover(() => {
        if (this.diagnostics.length === 0)
          this.#fail('an operator or the end', misplaced(this.tokens[this.#at - 1], this.#token));
        throw new ParseFailure();
      });
      if (this.#atEnd()) break;
      this.#next();
      if (!this.#atEnd()) operands.push(this.expression());
    }
    if (operands.length === 1) return tree;
    const ops = operands.slice(1).map((): LogicOp => '&&');
    return { kind: 'logic', operands, ops, start: tree.start, end: this.#end };
  }

  macro(): Expression {
    if (!this.#is('[')) return this.expression();
    return this.#recover(() => this.#list());
  }

  expression(): Expression {
    const { start } = this.#token;
    const operands = [this.#recover(() => this.#comparison())];
    const ops: LogicOp[] = [];
    for (let op = this.#logicOp(); op !== undefined && !this.#tooDeep; op = this.#logicOp()) {
      this.#next();
      ops.push(op);
      operands.push(this.#recover(() => this.#comparison()));
    }
    return ops.length === 0 ? operands[0]! : { kind: 'logic', operands, ops, start, end: this.#end };
  }

  #logicOp(): LogicOp | undefined {
    const token = this.#token;
    return token.kind === 'punctuation' || token.kind === 'ident' ? logicOps.get(token.text) : undefined;
  }

  /** Runs `rule`; when it fails, skips to where the next operand may begin. */
  #recover(rule: () => Expression): Expression {
    const { start } = this.#token;
    const depth = this.#depth;
    try {
      return rule();
    } catch (error) {
      if (!(error instanceof ParseFailure)) throw error;
      this.#depth = depth;
      let open = 0;
      for (; this.#token.kind !== 'end'; this.#next()) {
        if (this.#is('(')) open += 1;
        else if (this.#is(')')) {
          if (open === 0) break;
          open -= 1;
        } else if (open === 0 && this.#logicOp() !== undefined) break;
      }
      return { kind: 'broken', start, end: this.#end };
    }
  }

  #nested<T>(rule: () => T): T {
    this.#depth += 1;
    if (this.#depth > maximumDepth) {
      const token = this.#token;
      if (!this.#tooDeep) {
        const message = `The expression nests more than ${maximumDepth} deep here`;
        this.diagnostics.push(
          diagnostic(languageCodes, 'too-deep', message, { span: this.source.span(token.start, token.end) }),
        );
      }
      this.#tooDeep = true;
      this.#at = this.tokens.length - 1;
      throw new ParseFailure();
    }
    const result = rule();
    this.#depth -= 1;
    return result;
  }

  #comparison(): Expression {
    const left = this.#sum();
    const token = this.#token;
    if (token.kind === 'punctuation' && scalarOps.has(token.text)) {
      this.#next();
      const right = this.#recover(() => this.#nested(() => this.#comparison()));
      return { kind: 'compare', op: token.text as ScalarOp, left, right, start: left.start, end: right.end };
    }
    const op = this.#arrayOp();
    if (op === undefined) return left;
    const right = this.#recover(() => this.#array());
    return { kind: 'membership', op, left, right, start: left.start, end: right.end };
  }

  #arrayOp(): ArrayOp | undefined {
    if (this.#is('in') || this.#is('allin')) return this.#next().text as ArrayOp;
    if (!this.#is('not')) return undefined;
    this.#next();
    if (!this.#is('in')) this.#fail('"in" after "not"');
    this.#next();
    return 'not in';
  }

  #array(): Expression {
    if (this.#is('[')) return this.#list();
    const token = this.#token;
    if (!arrayPrimaries.has(token.kind) || reserved.has(token.text)) {
      const op = this.tokens[this.#at - 1]!.text;
      if (token.kind === 'end' || token.kind === 'punctuation' || token.kind === 'ident')
        this.#fail('a list, a network, a field, a macro or a variable', [
          ...(token.text === '(' ? ['a list stands in square brackets: ["a", "b"]'] : []),
        ]);
      const message = `"${op}" needs a list on its right side: have ${tokenNames[token.kind].replace('a number', 'int').replace(/^an? /, '')}, want a list`;
      const network = token.kind === 'string' && parseAddress(token.value) !== undefined;
      this.#report('type-mismatch', message, token, [
        !network ? `[${token.text}]` : token.value.includes('/') ? token.value : `[${token.value}]`,
      ]);
    }
    this.#next();
    return primary(token);
  }

  #list(): Expression {
    const { start } = this.#next();
    const members: Primary[] = [];
    const first = this.#token;
    const kinds = memberKinds(first.kind);
    if (kinds === undefined) this.#fail('a string, pattern, regexp, number, address or constant');
    for (;;) {
      const token = this.#token;
      if (!kinds.has(token.kind)) {
        this.#fail(
          primaries.has(token.kind)
            ? `another member of the same kind as "${first.text}"`
            : 'a member of the list',
        );
      }
      members.push(primary(this.#next()));
      if (this.#is(']')) break;
      if (!this.#is(',')) this.#fail('"," or "]"');
      this.#next();
    }
    const { end } = this.#next();
    return { kind: 'list', members, start, end };
  }

  #sum(): Expression {
    return this.#chain('sum', ['+', '-'], () => this.#chain('bits', ['&', '|', '^'], () => this.#unary()));
  }

  #chain(kind: 'sum' | 'bits', symbols: readonly string[], rule: () => Expression): Expression {
    const first = rule();
    const operands = [first];
    const ops: ('+' | '-' | '&' | '|' | '^')[] = [];
    while (this.#token.kind === 'punctuation' && symbols.includes(this.#token.text)) {
      ops.push(this.#next().text as '+');
      operands.push(rule());
    }
    return ops.length === 0 ? first : { kind, operands, ops, start: first.start, end: this.#end };
  }

  #unary(): Expression {
    const token = this.#token;
    if (this.#is('!') || this.#is('not') || this.#is('-') || this.#is('^')) {
      this.#next();
      const operand = this.#nested(() => this.#unary());
      const op = token.text === 'not' ? '!' : (token.text as '!' | '-' | '^');
      return { kind: 'unary', op, operand, start: token.start, end: operand.end };
    }
    return this.#primary();
  }

  #primary(): Expression {
    const token = this.#token;
    if (this.#is('(')) {
      this.#next();
      const inner = this.#nested(() => this.expression());
      if (!this.#is(')')) this.#fail('")"');
      const { end } = this.#next();
      return { kind: 'group', inner, start: token.start, end };
    }
    if (!primaries.has(token.kind) || (token.kind === 'ident' && reserved.has(token.text))) {
      const lists = this.#is('[') ? ['a list stands only to the right of "in", "not in" and "allin"'] : [];
      this.#fail('a field, a value or "("', lists);
    }
    this.#next();
    return primary(token);
  }
}

function primary(token: Token): Primary {
  return { kind: token.kind as Primary['kind'], value: token.value, start: token.start, end: token.end };
}

/** What was meant by a token that stands where an operator is wanted, by the habits of other languages. */
function misplaced(before: Token | undefined, token: Token): string[] {
  if (token.kind === 'int' && /^[-+]/.test(token.text))
    return [
      `"${token.text}" is one signed number: write "${token.text[0]} ${token.text.slice(1)}" to calculate`,
    ];
  if (token.kind !== 'ident') return [];
  if (before?.kind === 'int') {
    if (before.end === token.start && before.text === '0' && /^x[0-9a-f]+$/i.test(token.text))
      return [`${Number(`0${token.text}`)}: numbers are decimal, or octal with a 0 before them`];
    if (/^(ms|s|m|h|d)$/.test(token.text))
      return [
        token.text === 'd'
          ? `${Number(before.text) * 24}h: durations have ms, s, m or h`
          : `${before.text}${token.text}: a duration is one word`,
      ];
  }
  const meant = foreignWords.get(token.text.toLowerCase());
  return meant === undefined ? [] : [meant];
}

const foreignWords: ReadonlyMap<string, string> = new Map([
  ['and', '"and" in small letters, or "&&"'],
  ['or', '"or" in small letters, or "||"'],
  ['in', '"in" in small letters'],
  ['notin', '"not in"'],
  ['is', '"=="'],
  ['contains', '=~ "*part*"'],
  ['icontains', '=~ r"(?i)part"'],
  ['startswith', '=~ "beginning*", of a path "/folder/**"'],
  ['endswith', '=~ "*end"'],
  ['like', '=~ "part*"'],
  ['glob', '=~ "part*"'],
  ['matches', '=~ r"regexp"'],
  ['regex', '=~ r"regexp"'],
  ['pmatch', 'in [~"/folder/**"]'],
  ['intersects', '"in": it holds when two lists have a member in common'],
  ['exists', '!= "" of a text, != 0 of a number'],
]);

function memberKinds(kind: TokenKind): ReadonlySet<TokenKind> | undefined {
  return memberGroups.find((group) => group.has(kind));
}

const memberGroups: readonly ReadonlySet<TokenKind>[] = [
  new Set<TokenKind>(['string', 'pattern', 'regexp']),
  new Set<TokenKind>(['ip', 'cidr']),
  new Set<TokenKind>(['int']),
  new Set<TokenKind>(['ident']),
];
