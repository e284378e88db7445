/** The expressions of policies, written the one way. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { findPolicies, formatPolicy } from '../rules/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { projectOf, rulesOrigin, shown } from './project.js';
import type { Answer } from './results.js';

export interface FmtOptions {
  readonly cwd?: string;
  /** Policies or folders of them. None: the rules of seccam.yaml. */
  readonly paths?: readonly string[];
  /** Write nothing, only tell what differs. */
  readonly check?: boolean;
}

export interface FmtResult {
  readonly files: number;
  /** Policies that were, or with `check` would be, rewritten. */
  readonly changed: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  readonly answer: Answer;
}

export function fmt(options: FmtOptions = {}): FmtResult {
  const cwd = options.cwd ?? process.cwd();
  const paths = options.paths ?? rulesOrigin({ cwd }, projectOf({ cwd })).paths;
  const found = findPolicies(paths.map((path) => resolve(cwd, path)));
  const diagnostics: Diagnostic[] = [...found.diagnostics];
  const changed: string[] = [];
  for (const source of found.sources) {
    const file = shown(source.file, cwd);
    const result = formatPolicy(file, source.text);
    diagnostics.push(...result.diagnostics);
    if (!result.changed) continue;
    changed.push(file);
    if (options.check !== true) writeFileSync(source.file, result.text);
  }
  const failed = diagnostics.some((item) => item.severity === 'error');
  return {
    files: found.sources.length,
    changed,
    diagnostics,
    answer: failed ? 2 : options.check === true && changed.length > 0 ? 1 : 0,
  };
}
