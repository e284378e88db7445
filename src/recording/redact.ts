/** Takes secrets and names out of a recording. The same text gets the same mark, so that rules still see what is equal. */
import type { MapText } from './copier.js';
import { copiedHeader, type Rewritten, rewrite, type Source } from './rewrite.js';

export interface RedactOptions {
  readonly name: string;
  /** Patterns over arguments and environment; the group `secret`, or else the whole match, becomes a mark. */
  readonly args?: readonly string[];
  /** Glob → what stands in its place: `/home/*` → `/home/user`. `*` is one component. */
  readonly paths?: Readonly<Record<string, string>>;
}

const argumentUse = /(^|\.)(argv|envp|args|arguments|command_line|new_name|bytes|message)$/;

/** Marks count up by first appearance. */
class Marks {
  readonly #marks = new Map<string, string>();

  of(secret: string): string {
    let mark = this.#marks.get(secret);
    if (mark === undefined) {
      mark = `<redacted-${this.#marks.size + 1}>`;
      this.#marks.set(secret, mark);
    }
    return mark;
  }
}

function globPattern(glob: string): RegExp {
  const body = glob
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('[^/\\s:="\',;]+');
  return new RegExp(`(?<=^|[=:\\s"',;])${body}(?=$|[/:\\s"',;])`, 'g');
}

/** The function that changes texts; bytes that are not UTF-8 are kept as they are, byte for byte. */
export function redaction(options: Pick<RedactOptions, 'args' | 'paths'>): MapText {
  const marks = new Marks();
  const args = (options.args ?? []).map((pattern) => new RegExp(pattern, 'dg'));
  const paths = Object.entries(options.paths ?? {}).map(([glob, text]) => ({
    pattern: globPattern(glob),
    text,
  }));
  return (bytes, use) => {
    const before = bytes.toString('latin1');
    let text = before;
    if (argumentUse.test(use)) for (const pattern of args) text = markMatches(text, pattern, marks);
    for (const { pattern, text: instead } of paths)
      text = text.replace(pattern, () => Buffer.from(instead).toString('latin1'));
    return text === before ? bytes : Buffer.from(text, 'latin1');
  };
}

function markMatches(text: string, pattern: RegExp, marks: Marks): string {
  let result = '';
  let done = 0;
  for (const match of text.matchAll(pattern)) {
    const [start, end] = match.indices?.groups?.['secret'] ?? [match.index, match.index + match[0].length];
    if (start === end || start < done) continue;
    result += text.slice(done, start) + marks.of(text.slice(start, end));
    done = end;
  }
  return result + text.slice(done);
}

/** Every string of a JSON value changed. */
function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapStrings(item, map)]));
  return value;
}

export function redactRecording(
  source: Source,
  emit: (bytes: Uint8Array) => void,
  options: RedactOptions,
): Promise<Rewritten> {
  const text = redaction(options);
  const change = (use: string) => (given: string) => text(Buffer.from(given), use).toString();
  return rewrite(source, emit, {
    name: options.name,
    text,
    header: (header) => {
      const members = copiedHeader(header);
      return {
        ...members,
        command: mapStrings(members['command'], change('argv')),
        cwd: mapStrings(members['cwd'], change('cwd')),
        redacted: {
          ...(typeof members['redacted'] === 'object' ? members['redacted'] : {}),
          args: options.args ?? [],
          paths: Object.entries(options.paths ?? {}).map(([glob, text]) => `${glob}=${text}`),
        },
      };
    },
  });
}
