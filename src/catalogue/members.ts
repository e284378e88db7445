/** The members of a tuple by name, of those too that read them on demand and have no own properties. */
export function membersOf(tuple: object): [name: string, value: unknown][] {
  const plain: unknown = 'toJSON' in tuple && typeof tuple.toJSON === 'function' ? tuple.toJSON() : tuple;
  return Object.entries(plain as object);
}
