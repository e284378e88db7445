/** What an output of the agent is: takes detections synchronously, keeps a bounded amount, counts what it drops. */
import type { DetectionLine } from '../../outputs/answers.js';
import {
  type DetectionFormat,
  type DetectionFormatName,
  detectionFormats,
} from '../../outputs/detections/index.js';
import { type Paint, plain } from '../../outputs/text.js';

export interface OutputFacts {
  /** `file:/var/log/seccam.json` */
  readonly name: string;
  readonly sent: number;
  readonly dropped: number;
  readonly waiting: number;
  /** What went wrong last, while it does. */
  readonly problem: string | undefined;
}

export interface Output {
  readonly name: string;
  detection(line: DetectionLine): void;
  /** Called when the bytes at hand have been decided: nothing is held back longer than that. */
  flush(): void;
  /** Delivers what waits, for a bounded time. */
  close(): Promise<void>;
  /** Opens files again (log rotation by others). */
  reopen?(): void;
  facts(): OutputFacts;
}

/** The output, for detections of some rules only. */
export function forRules(output: Output, wants: (rule: string) => boolean): Output {
  return {
    name: output.name,
    detection: (line) => {
      if (wants(line.rule_id)) output.detection(line);
    },
    flush: () => output.flush(),
    close: () => output.close(),
    reopen: () => output.reopen?.(),
    facts: () => output.facts(),
  };
}

export function formatOf(name: DetectionFormatName, hostname: string, paint: Paint = plain): DetectionFormat {
  return detectionFormats[name]({ paint, hostname });
}
