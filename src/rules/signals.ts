/**
 * Which rules need the signals that the tracer leaves out unless asked: signal 0, which only asks whether
 * a process is there, and SIGURG, which some runtimes send by the thousand.
 */
import type { LoadedRule } from './ruleset.js';

/** What the tracer's `--trace` calls the event `signal` with nothing left out. */
export const everySignal = 'signal:all';

/**
 * True for a rule about `signal` that may match one of them: it names SIGURG or a number 0 or 23, it
 * compares otherwise than for equality, or a part of it does not ask for the signal at all. In doubt true.
 */
export function wantsEverySignal(rule: Pick<LoadedRule, 'eventType' | 'expression'>): boolean {
  if (rule.eventType !== 'signal') return false;
  const { expression } = rule;
  const named = /^(\[[\sA-Z0-9,]*\]|SIG[A-Z0-9]+|\d+)$/;
  const asked = [...expression.matchAll(/\bsignal\.type\s*(?:==|in)\s*(\[[^\]]*\]|[\w${}.]+)/g)].map(
    (part) => part[1] ?? '',
  );
  return (
    /\bsignal\.type\s*(?!\s*==|\s*in\b)|!\s*\(|\bnot\b(?!\s+in)/.test(expression) ||
    expression.split(/\|\||\bor\b/).some((part) => !/\bsignal\.type\b/.test(part)) ||
    asked.some((value) => !named.test(value) || /\bSIGURG\b|\b(0|23)\b/.test(value))
  );
}
