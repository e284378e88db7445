/** Detections to all targets of `--format`. */
import type { DetectionLine } from '../outputs/answers.js';
import type { DetectionFormat, DetectionFormatName } from '../outputs/detections/index.js';
import { detectionFormats } from '../outputs/detections/index.js';
import { paintFor } from '../outputs/text.js';
import { openSink, targets } from './format.js';

export interface DetectionOutput {
  detection(line: DetectionLine): void;
  /** A further line of JSON, for targets that are JSON. */
  json(value: unknown): void;
  end(): void;
}

/** `live`: every detection is written at once instead of in batches. */
export function openDetections(values: readonly string[], hostname: string, live = false): DetectionOutput {
  const open = targets(values)
    .filter((target) => target.name !== 'html')
    .map((target) => {
      const sink = openSink(target, live);
      const format: DetectionFormat = detectionFormats[target.name as DetectionFormatName]({
        paint: paintFor(sink),
        hostname,
      });
      const begin = format.begin?.();
      if (begin !== undefined) sink.write(begin);
      return { name: target.name, sink, format };
    });
  return {
    detection(line) {
      for (const { sink, format } of open) sink.write(format.detection(line));
    },
    json(value) {
      for (const { name, sink } of open) if (name === 'json') sink.write(`${JSON.stringify(value)}\n`);
    },
    end() {
      for (const { sink, format } of open) {
        const end = format.end?.();
        if (end !== undefined) sink.write(end);
        sink.end();
      }
    },
  };
}
