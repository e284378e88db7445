/** What a format of detections is: a header, a text per detection, a footer. All synchronous. */
import type { DetectionLine } from '../answers.js';
import type { Paint } from '../text.js';

export interface DetectionFormat {
  /** Before the first detection; default nothing. */
  begin?(): string;
  /** Whole lines, each ended. */
  detection(line: DetectionLine): string;
  /** After the last; default nothing. */
  end?(): string;
}

export interface FormatOptions {
  readonly paint: Paint;
  /** Name of this host for formats that demand one. */
  readonly hostname: string;
}
