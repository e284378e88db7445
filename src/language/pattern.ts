/** The two wildcard languages: plain patterns (`*` crosses anything) and path globs (`*` stays in a segment). */

/** Whether the whole of `text` matches `pattern`; linear, without backtracking beyond the last star. */
export function matchPattern(pattern: string, text: string, fold = false): boolean {
  return fold
    ? matchParts(foldCase(pattern).split('*'), foldCase(text))
    : matchParts(pattern.split('*'), text);
}

/** `parts` is the pattern split at its stars. */
function matchParts(parts: readonly string[], text: string): boolean {
  const first = parts[0]!;
  if (parts.length === 1) return text === first;
  const last = parts[parts.length - 1]!;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let at = first.length;
  for (let index = 1; index < parts.length - 1; index++) {
    const part = parts[index]!;
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Simple case folding, the same for all comparisons without case. */
export function foldCase(text: string): string {
  return text.toLowerCase();
}

/** A compiled plain pattern. */
export function compilePattern(pattern: string, fold: boolean): (text: string) => boolean {
  const parts = (fold ? foldCase(pattern) : pattern).split('*');
  return fold ? (text) => matchParts(parts, foldCase(text)) : (text) => matchParts(parts, text);
}

/** Why a plain pattern is not valid, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  return pattern.includes('**') ? '`**` is not allowed in patterns of fields that are not paths' : undefined;
}

/** Why a path glob is not valid, or undefined. */
export function globProblem(pattern: string): string | undefined {
  const segments = pattern.split('/');
  const wrong = segments.some((segment, index) =>
    segment === '**' ? index !== segments.length - 1 : segment.includes('**'),
  );
  return wrong ? '`**` is allowed only at the end of patterns' : undefined;
}

/**
 * A compiled path glob: segments match one to one, a last `**` matches one or more, a leading `*` means `/*`.
 * The empty segment after a slash at the end of a path is matched by `*` alone.
 * A pattern without a star is compared as it is.
 */
export function compileGlob(pattern: string, fold: boolean): (path: string) => boolean {
  if (!pattern.includes('*')) {
    const want = fold ? foldCase(pattern) : pattern;
    return fold ? (path) => foldCase(path) === want : (path) => path === want;
  }
  const { segments, deep, relative } = globSegments(pattern, fold);
  const matchers = segments.map(segmentMatcher);
  const prefix = relative ? '' : (fold ? foldCase(pattern) : pattern).slice(0, pattern.indexOf('*'));
  return (given) => {
    if (given === '') return false;
    let path = fold ? foldCase(given) : given;
    if (!path.startsWith(prefix)) return false;
    if (relative) path = path.slice(1);
    let start = 0;
    for (let index = 0; index < matchers.length; index++) {
      if (start > path.length) return false;
      const slash = path.indexOf('/', start);
      const end = slash === -1 ? path.length : slash;
      if (slash === -1 && start === end && path !== '')
        return !deep && index === matchers.length - 1 && segments[index] === '*';
      if (!matchers[index]!(path.slice(start, end))) return false;
      start = end + 1;
    }
    return deep ? start < path.length : start > path.length;
  };
}

/**
 * Whether a path can be the beginning of one that the glob matches (used to decide on parent directories):
 * every segment of the path fits its segment of the pattern. `/` holds everything.
 */
export function globContains(pattern: string, given: string, fold: boolean): boolean {
  if (given === '') return false;
  if (/^[^/]*\/$/.test(pattern)) return true;
  const { segments, relative } = globSegments(pattern, fold);
  let path = fold ? foldCase(given) : given;
  if (relative) path = path.slice(1);
  const parts = path.split('/');
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    if (index >= segments.length) return true;
    if (index === parts.length - 1 && part === '') return true;
    if (!segmentMatcher(segments[index]!)(part)) return false;
  }
  return true;
}

function globSegments(
  pattern: string,
  fold: boolean,
): { segments: string[]; deep: boolean; relative: boolean } {
  const segments = (fold ? foldCase(pattern) : pattern).split('/');
  const deep = segments[segments.length - 1] === '**';
  if (deep) segments.pop();
  return { segments, deep, relative: segments[0] === '*' };
}

function segmentMatcher(segment: string): (text: string) => boolean {
  if (segment === '*') return () => true;
  if (!segment.includes('*')) return (text) => text === segment;
  const parts = segment.split('*');
  return (text) => matchParts(parts, text);
}
