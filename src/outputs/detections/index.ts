/** The formats of detections by name: what `replay` and `agent start` write. */
import { compactDetections } from './compact.js';
import { falcoDetections } from './falco.js';
import type { DetectionFormat, FormatOptions } from './format.js';
import { jsonDetections } from './json.js';
import { prettyDetections } from './pretty.js';

export type { DetectionFormat, FormatOptions } from './format.js';

export const detectionFormats = {
  pretty: prettyDetections,
  json: jsonDetections,
  compact: compactDetections,
  falco: falcoDetections,
} as const satisfies Readonly<Record<string, (options: FormatOptions) => DetectionFormat>>;

export type DetectionFormatName = keyof typeof detectionFormats;
export const detectionFormatNames = Object.keys(detectionFormats) as DetectionFormatName[];
