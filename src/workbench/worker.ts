/** A thread of a crew: replays what it is asked for and posts the facts. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { DiagnosticError } from '../support/diagnostic.js';
import type { ErrandAnswer, ErrandMessage } from './crew.js';
import { RuleSets } from './ruleset.js';
import { runScenario } from './scenario.js';

export function serve(): void {
  const { cwd } = workerData as { readonly cwd: string };
  const sets = new RuleSets(cwd);
  parentPort?.on('message', async ({ id, errand }: ErrandMessage) => {
    const answer = async (): Promise<ErrandAnswer> => {
      try {
        return { id, facts: await runScenario({ ...errand, rules: sets.load(errand.rules) }) };
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        return { id, diagnostics: error.diagnostics };
      }
    };
    parentPort?.postMessage(await answer());
  });
}

if (!isMainThread && import.meta.url.endsWith('worker.ts')) serve();
