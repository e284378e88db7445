/** Globs of names in settings: `*` any run of characters, `?` one. */
export function globMatcher(patterns: readonly string[]): (text: string) => boolean {
  const list = patterns.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.')}$`,
        's',
      ),
  );
  return (text) => list.some((expression) => expression.test(text));
}
