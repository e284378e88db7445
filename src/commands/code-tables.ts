/** The codes of all rooms, for `list codes` and `docs/errors.md`. */

import { agentCodes } from '../agent/codes.js';
import { languageCodes } from '../language/codes.js';
import { pipelineCodes } from '../pipeline/codes.js';
import { recordingCodes } from '../recording/codes.js';
import { ruleCodes } from '../rules/codes.js';
import { lintCodes } from '../rules/lint/codes.js';
import { profileCodes } from '../rules/profile/codes.js';
import type { CodeRow, CodeTable } from '../support/diagnostic.js';
import { tracerCodes } from '../tracer/codes.js';
import { workbenchCodes } from '../workbench/codes.js';
import { commandCodes } from './codes.js';

/** Room → its table, in the order of the floors. */
export const codeTables: Readonly<Record<string, CodeTable>> = {
  language: languageCodes,
  tracer: tracerCodes,
  recording: recordingCodes,
  rules: { ...ruleCodes, ...lintCodes, ...profileCodes },
  pipeline: pipelineCodes,
  workbench: workbenchCodes,
  agent: agentCodes,
  commands: commandCodes,
};

export interface Code extends CodeRow {
  readonly code: string;
  readonly room: string;
}

/** All codes by name. A code that two rooms share is listed once, under the first. */
export function allCodes(): Code[] {
  const seen = new Map<string, Code>();
  for (const [room, table] of Object.entries(codeTables)) {
    for (const [code, row] of Object.entries(table))
      if (!seen.has(code)) seen.set(code, { code, room, ...row });
  }
  return [...seen.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}
