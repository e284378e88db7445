/** Tokens of SECL. */

export type TokenKind =
  | 'ident'
  | 'int'
  | 'duration'
  | 'string'
  | 'pattern'
  | 'regexp'
  | 'variable'
  | 'reference'
  | 'ip'
  | 'cidr'
  | 'punctuation'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The text as written, delimiters included. */
  readonly text: string;
  /** What is between the delimiters, for strings, patterns, regexps, variables and references; else the text. */
  readonly value: string;
  /** 0-based offsets. */
  readonly start: number;
  readonly end: number;
}

export interface Comment {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** How a kind is called in messages. */
export const tokenNames: Readonly<Record<TokenKind, string>> = {
  ident: 'a name',
  int: 'a number',
  duration: 'a duration',
  string: 'a string',
  pattern: 'a pattern',
  regexp: 'a regexp',
  variable: 'a variable',
  reference: 'a field reference',
  ip: 'an address',
  cidr: 'a network',
  punctuation: 'an operator',
  end: 'the end of the expression',
};
