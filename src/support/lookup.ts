/** A map's value at a key, made and kept when there is none yet. */
export function lookup<K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V;
export function lookup<K, V>(map: Map<K, V>, key: K, make: () => V): V;
export function lookup<V>(
  map: { get(key: unknown): V | undefined; set(key: unknown, value: V): unknown },
  key: unknown,
  make: () => V,
): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
