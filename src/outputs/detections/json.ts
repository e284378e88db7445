import type { DetectionFormat } from './format.js';

/** JSON lines, one detection each: schema/detection.json. */
export function jsonDetections(): DetectionFormat {
  return { detection: (line) => `${JSON.stringify(line)}\n` };
}
