/**
 * Events and detections as plain data: the lines of `replay`, `inspect` and `agent`. Made at once, while the
 * reused event is the current one; replay and the agent use the same code, so their lines are the same bytes.
 */
import type { Event, Process } from '../catalogue/event.js';
import type { DetectionLine, EventLine, ProcessLine } from '../outputs/answers.js';
import type { Detection, ProductModel } from '../rules/index.js';

/** Words for the flags of an event, by bit: see docs/recording-format.md. */
const flagWords = [
  'unknown-result',
  'argument-changed',
  'partial',
  'from-snapshot',
  'refused',
  'result-not-observed',
] as const;

/** Ancestors beyond this many are left out of a line. */
const mostAncestors = 16;

export function processLine(image: Process, event: Event, model: ProductModel): ProcessLine {
  const { strings } = model;
  const user = strings.text(event.world.user(image.credentials.uid, image.namespaces.mnt));
  const container = strings.text(image.context.containerId);
  return {
    pid: image.pid,
    path: strings.text(image.file.path),
    args: argumentsOf(image, model),
    uid: image.credentials.uid,
    ...(user === '' ? {} : { user }),
    ...(container === '' ? {} : { container }),
    ancestors: ancestorsOf(image)
      .slice(0, mostAncestors)
      .map((one) => ({ pid: one.pid, path: strings.text(one.file.path), args: argumentsOf(one, model) })),
  };
}

/** Without the program's own name, as SECL's `process.args`. */
const argumentsOf = (image: Process, model: ProductModel): string => model.strings.text(image.derived.args);

/** Nearest first. A fork that called exec at once is one process with what it became. */
export function ancestorsOf(image: Process): Process[] {
  const found: Process[] = [];
  let below = image;
  for (let one = image.parent; one !== null; one = one.parent) {
    const justForked = one.pid === below.pid && !one.isExec;
    below = one;
    if (!justForked) found.push(one);
  }
  return found;
}

export function eventLine(event: Event, shown: boolean, model: ProductModel): EventLine {
  const fields = model.fieldsOf(event);
  const process = processLine(event.process, event, model);
  const escaped = escapedFields(fields, model);
  const flags = flagWords.filter((_, bit) => (event.flags & (1 << bit)) !== 0);
  return {
    seq: event.seq,
    type: event.type,
    timestamp: String(event.timestamp()),
    elapsed: String(event.elapsed),
    pid: event.pid,
    tid: event.tid,
    retval: event.retval,
    process,
    fields,
    ...(escaped.length === 0 ? {} : { escaped }),
    shown,
    ...(flags.length === 0 ? {} : { flags }),
  };
}

export interface DetectionLineOptions {
  /** Name of the recording, when several are replayed. */
  readonly recording?: string | undefined;
}

export function detectionLine(
  detection: Detection,
  event: Event,
  model: ProductModel,
  options: DetectionLineOptions = {},
): DetectionLine {
  const fields = model.fieldsOf(event);
  const escaped = escapedFields(fields, model);
  return {
    rule_id: detection.ruleId,
    policy: detection.policy,
    ...(detection.description === '' ? {} : { description: detection.description }),
    tags: detection.tags,
    event: {
      seq: detection.seq,
      type: detection.eventType,
      timestamp: String(detection.timestamp),
      elapsed: String(event.elapsed),
      retval: event.retval,
    },
    process: processLine(event.process, event, model),
    fields,
    matched: detection.matched.map((part) => ({
      ...(part.field === undefined ? {} : { field: part.field }),
      value: part.value,
      start: part.start,
      end: part.end,
    })),
    ...(Object.keys(detection.variables).length === 0 ? {} : { variables: detection.variables }),
    ...(detection.actions.length === 0 ? {} : { actions: detection.actions }),
    ...(escaped.length === 0 ? {} : { escaped }),
    ...(options.recording === undefined ? {} : { recording: options.recording }),
    delivered: detection.delivered,
  };
}

/** Names of fields with bytes that were not UTF-8: written as `\xNN`. */
function escapedFields(fields: Readonly<Record<string, unknown>>, { strings }: ProductModel): string[] {
  const found: string[] = [];
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === 'string' && value.includes('\\x') && strings.isEscaped(strings.intern(value)))
      found.push(name);
  }
  return found;
}
