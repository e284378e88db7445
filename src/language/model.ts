/**
 * What the language is told about the world: fields, iterators, constants, variables.
 *
 * The language knows nothing of events. A model is data that a caller builds (the product's from the
 * catalogue, a test's from a few lines), and everything that differs between fields is a property here.
 */

import type { StringTable } from '../support/strings.js';

/** The scalar types of the language. An `int` is a JS number; a `cidr` is an `Address` (see address.ts) or its text. */
export type BaseType = 'bool' | 'int' | 'string' | 'cidr';

export type Scalar = boolean | number | string;

/**
 * How a value is taken out of an event.
 *
 * `source` is a *trusted* JavaScript expression that generated code inlines. Free variables: `event`, and
 * `item` for the sub-fields of an iterator (the element), `now` (ns). It must be cheap, must not throw, and
 * may give undefined or null, which reads as the type's zero value (or no elements).
 * - `value`: gives the value itself (array when the field is multi-valued; CIDRs as text or `Address`).
 * - `string-id`: gives a number of `Model.strings` (array of numbers when multi-valued). Predicates on it are
 *   decided once per distinct string. Number 0 is the empty string.
 * - `call`: where no expression fits.
 */
export type Read<E = never> =
  | { readonly kind: 'value'; readonly source: string }
  | { readonly kind: 'string-id'; readonly source: string }
  | { readonly kind: 'call'; readonly read: (event: E, item?: unknown, now?: number) => unknown };

/** How text of one field compares; each part is independent and the tree node carries it. */
export interface TextSemantics {
  /** A pattern on this field is a path glob (`*` stays within a segment, a last `**` crosses); default plain. */
  readonly glob?: boolean;
  /** Equality, lists and patterns ignore case. */
  readonly fold?: boolean;
  /** Equality also holds when it holds for the value so transformed. */
  readonly variants?: readonly ('title' | 'upper' | 'lower')[];
  /** The right operand is ignored and replaced by this set (a hook of the reference engine's models). */
  readonly set?: readonly string[];
  /** Further values of the same thing (symlink paths): a positive test holds when any of them satisfies it. */
  readonly aliases?: readonly AliasRead[];
}

/** One alias value, or several (`multi`); read like a field of the same kind. */
export interface AliasRead {
  readonly read: Read<never>;
  readonly multi?: boolean;
}

export interface Field<E = never> {
  /** The full name without subscripts: `process.ancestors.file.name`. */
  readonly name: string;
  readonly type: BaseType;
  readonly multi?: boolean;
  /** The event type that the field belongs to; absent: neutral, readable in every event. */
  readonly event?: string;
  /** Several event types have the field, and it says of none that the rule is about it. Not together with `event`. */
  readonly events?: readonly string[];
  /** The iterator that the field is a sub-field of; then `read` sees `item`. `IT.length` is a plain int field or implied. */
  readonly iterator?: string;
  readonly read: Read<E>;
  readonly text?: TextSemantics;
  /** Says why a literal compared with the field is impossible, or gives undefined when it is fine. */
  readonly validate?: (literal: Scalar) => string | undefined;
  /** Cost of reading, in the reference's scale (0 cheap, 50 a handler, 2000 an iterator); default 0. */
  readonly weight?: number;
  /** The value never changes for the life of `item`: results may be kept in the iterator's memo. */
  readonly fixed?: boolean;
  /** The sub-field reads all elements even under a register (a quirk of the reference's test model). */
  readonly ignoresRegister?: boolean;
  /** Names of the constants that the field's values are made of (for printing flags in explain), e.g. `O_`. */
  readonly constants?: string;
}

/**
 * A thing with elements, walked by `process.ancestors.file.name` (any element) or `process.ancestors[A]…`.
 * - `array`: `source` (over `event`) gives an array of elements or undefined.
 * - `chain`: `first` (over `event`) gives the first element or undefined, `next` (over `item`) the next.
 */
export interface Iterator<E = never> {
  readonly name: string;
  readonly event?: string;
  readonly walk:
    | { readonly kind: 'array'; readonly source: string }
    | { readonly kind: 'chain'; readonly first: string; readonly next: string }
    | { readonly kind: 'call'; readonly items: (event: E) => readonly unknown[] };
  /**
   * For chains: an assignable expression over `item` (`item.memo`) that generated code owns; initially
   * undefined. "Some element from here on satisfies predicate P" is kept there for predicates that read only
   * `fixed` sub-fields. Whoever changes an element's `next` must reset it to undefined on that element and
   * on every element from which it can be reached.
   */
  readonly memo?: string;
  readonly weight?: number;
}

export type ConstantValue = boolean | number | string;

/** A variable that rules may read. With `read` it is taken from the event, else from the `VariableReader`. */
export interface Variable<E = never> {
  readonly name: string;
  readonly type: BaseType;
  readonly multi?: boolean;
  readonly read?: Read<E>;
  /** Two reads of one evaluation may differ (`builtins.uuid4`); never shared or folded. */
  readonly fresh?: boolean;
}

export interface Model<E = never> {
  readonly name: string;
  /** The field of that exact name (no subscripts, aliases already resolved), or undefined. */
  field(name: string): Field<E> | undefined;
  iterator(name: string): Iterator<E> | undefined;
  /** All field names, for suggestions and completion. */
  fieldNames(): Iterable<string>;
  readonly constants: ReadonlyMap<string, ConstantValue>;
  /** Old field names → present ones. */
  readonly legacy?: ReadonlyMap<string, string>;
  /** Needed when any field reads as `string-id`. */
  readonly strings?: StringTable;
  /** A JS expression over `event` that gives the event type's name; needed by `RuleSet.evaluate`. */
  readonly eventType?: string;
}

/** Values of variables at evaluation. Absent (undefined) reads as the zero value of the variable's type. */
export interface VariableReader<E = never> {
  get(name: string, event: E): unknown;
}

/** What one expression is checked against: the model and what the caller has declared so far. */
export interface Scope<E = never> {
  readonly model: Model<E>;
  variable(name: string): Variable<E> | undefined;
  /** Checked macros by id; see `checkMacro`. Order of definition matters: only what is here can be named. */
  readonly macros: ReadonlyMap<string, import('./tree.js').Macro>;
  /** For suggestions. */
  variableNames?(): Iterable<string>;
  /** Why a macro that the caller knows of cannot be named here: it comes later, or did not load. A sentence's end. */
  macroTrouble?(id: string): string | undefined;
}
