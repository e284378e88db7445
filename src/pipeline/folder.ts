/** `replay DIR`: the streams that an agent saved, interleaved as the agent consumed them. */

import type { PipelineOptions, StreamSummary, Summary } from './options.js';
import { readOrder } from './order.js';
import { Pipeline } from './pipeline.js';
import { total } from './replay.js';
import type { Stream } from './stream.js';

export interface FolderOptions extends PipelineOptions {
  /** From here on the agent decided by the rules with this hash. The engine of the pipeline may be replaced. */
  readonly onRules?: (hash: string, pipeline: Pipeline) => void;
}

/** Replays a folder of saved streams before one engine. Throws a `DiagnosticError` when it is not readable. */
export function replayFolder(folder: string, options: FolderOptions): Summary {
  const pipeline = new Pipeline(options);
  const open = new Map<string, Stream>();
  const done: StreamSummary[] = [];
  for (const item of readOrder(folder)) {
    if (item.kind === 'rules') {
      options.onRules?.(item.hash, pipeline);
      continue;
    }
    let stream = open.get(item.stream);
    if (stream === undefined) {
      stream = pipeline.openStream(item.stream);
      open.set(item.stream, stream);
    }
    if (item.kind === 'bytes') {
      stream.push(item.bytes);
    } else {
      done.push(stream.end());
      open.delete(item.stream);
    }
  }
  for (const stream of open.values()) done.push(stream.end());
  return total(done);
}
