/** Facts that a test declares instead of having them recorded: put onto the images of processes before rules look. */
import type { Context, Credentials, Event, Process } from '../catalogue/event.js';
import { fieldByName } from '../catalogue/fields.js';
import type { Leaf } from '../language/index.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import type { StringTable } from '../support/strings.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';
import { fieldsOf } from './doubt.js';
import type { Explanation } from './results.js';
import type { ContextEntry } from './testfile.js';

/** Fields of the process that `set:` may declare → where the image keeps them. */
const settable = {
  'process.auid': 'auid',
  'process.uid': 'uid',
  'process.gid': 'gid',
  'process.euid': 'euid',
  'process.egid': 'egid',
  'process.fsuid': 'fsuid',
  'process.fsgid': 'fsgid',
  'process.cap_effective': 'capEffective',
  'process.cap_permitted': 'capPermitted',
} as const satisfies Readonly<Record<string, keyof Credentials>>;

const texts = { 'process.tty_name': 'tty', 'process.comm': 'comm' } as const;

export function checkContext(context: ContextEntry): Diagnostic[] {
  const known = [...Object.keys(settable), ...Object.keys(texts)];
  return Object.entries(context.set ?? {}).flatMap(([field, value]) => {
    if (!known.includes(field)) {
      return [
        diagnostic(workbenchCodes, 'bad-value', `"${field}" cannot be declared`, {
          suggestions:
            nearest(field, known).length > 0
              ? nearest(field, known).slice(0, 1)
              : [`one of ${known.join(', ')}`],
        }),
      ];
    }
    const want = field in texts ? 'string' : 'number';
    return typeof value === want
      ? []
      : [
          diagnostic(
            workbenchCodes,
            'bad-value',
            `"${field}" is declared as ${JSON.stringify(value)}, want a ${want}`,
          ),
        ];
  });
}

export const isEmptyContext = (context: ContextEntry): boolean =>
  context.container === undefined && Object.keys(context.set ?? {}).length === 0;

/** Names of the declared fields, as of the acting process. */
export function declaredFields(context: ContextEntry): string[] {
  const container =
    context.container === undefined ? [] : ['container.id', 'container.created_at', 'container.tags'];
  return [...container, ...Object.keys(context.set ?? {})];
}

/** The fact of a process that a field reads, of whichever process it is. */
function factOf(field: string): string | undefined {
  const source = fieldByName(field)?.source;
  return source?.kind === 'process' || source?.kind === 'common' ? source.field : undefined;
}

/** Says of each leaf which of the fields that it read were declared. */
export function markDeclared(
  explanation: Explanation,
  leaves: readonly Leaf[],
  context: ContextEntry,
): Explanation {
  const declared = new Set(declaredFields(context).map((field) => field.replace(/^process\./, '')));
  if (declared.size === 0) return explanation;
  const notes = new Map(
    leaves.map((leaf) => [
      leaf.leaf,
      fieldsOf(leaf)
        .filter((field) => declared.has(factOf(field) ?? ''))
        .map((field) => `${field}: declared by the context, not recorded`),
    ]),
  );
  const at = explanation.at.map((event) => ({
    ...event,
    leaves: event.leaves.map((leaf) => ({
      ...leaf,
      notes: [...(notes.get(leaf.leaf) ?? []), ...leaf.notes],
    })),
  }));
  return { ...explanation, at };
}

export class Declared {
  readonly #container:
    | Pick<Context, 'containerId' | 'runtime' | 'containerCreatedAt' | 'containerTags'>
    | undefined;
  readonly #credentials: { -readonly [K in (typeof settable)[keyof typeof settable]]?: number } = {};
  readonly #texts: { tty?: number; comm?: number } = {};
  readonly #doneContexts = new WeakMap<Context, Context>();
  readonly #done = new WeakSet<object>();
  readonly #doneCredentials = new WeakMap<Credentials, Credentials>();

  constructor(context: ContextEntry, strings: StringTable) {
    const { container } = context;
    if (container !== undefined) {
      const colon = container.image?.lastIndexOf(':') ?? -1;
      const tags = [
        ...(container.image === undefined
          ? []
          : colon < 0
            ? [`image_name:${container.image}`]
            : [
                `image_name:${container.image.slice(0, colon)}`,
                `image_tag:${container.image.slice(colon + 1)}`,
              ]),
        ...(container.privileged === undefined ? [] : [`privileged:${container.privileged}`]),
        ...(container.tags ?? []),
      ];
      this.#container = {
        containerId: strings.intern(container.id ?? ''),
        runtime: strings.intern('declared'),
        containerCreatedAt: 0,
        containerTags: tags.map((tag) => strings.intern(tag)),
      };
    }
    for (const [field, value] of Object.entries(context.set ?? {})) {
      if (field in settable) this.#credentials[settable[field as keyof typeof settable]] = Number(value);
      else if (field in texts)
        this.#texts[texts[field as keyof typeof texts]] = strings.intern(String(value));
    }
  }

  /** Declares on the acting image and all above it. */
  apply(event: Event): void {
    for (let image: Process | null = event.process; image !== null; image = image.parent) this.#image(image);
    for (let image = event.target; image !== null; image = image.parent) this.#image(image);
  }

  #image(image: Process): void {
    if (this.#container !== undefined && !this.#done.has(image.context)) {
      let context = this.#doneContexts.get(image.context);
      if (context === undefined) {
        context = { ...image.context, ...this.#container };
        this.#doneContexts.set(image.context, context);
        this.#done.add(context);
      }
      image.context = context;
    }
    if (Object.keys(this.#credentials).length > 0 && !this.#done.has(image.credentials)) {
      let credentials = this.#doneCredentials.get(image.credentials);
      if (credentials === undefined) {
        credentials = { ...image.credentials, ...this.#credentials };
        this.#doneCredentials.set(image.credentials, credentials);
        this.#done.add(credentials);
      }
      image.credentials = credentials;
    }
    if (this.#texts.tty !== undefined) image.tty = this.#texts.tty;
    if (this.#texts.comm !== undefined) image.comm = this.#texts.comm;
  }
}
