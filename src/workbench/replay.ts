/** Recordings through rules: detections as they come, then what was and was not seen. */

import { resolve } from 'node:path';
import type { Event } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import {
  firstRules,
  type Input,
  isStreamFolder,
  readSavedRules,
  replayFolder,
  replay as replayInputs,
  type Summary,
} from '../pipeline/index.js';
import { detectionLine } from '../pipeline/line.js';
import { Engine, type LoadedRule } from '../rules/index.js';
import { isAnomaly, ProfileWatch, readProfile } from '../rules/profile/index.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { Channel } from './channel.js';
import { closestRule } from './closest.js';
import { workbenchCodes } from './codes.js';
import { Costs } from './costs.js';
import { fits } from './glob.js';
import { projectOf, rulesOrigin } from './project.js';
import { findRecordings } from './recordings.js';
import { ReportBook } from './report.js';
import type { DetectionLine, ReplayItem, ReplayOptions, ReplaySummary, RulesOrigin } from './results.js';
import { RuleSets, type RulesInUse, rulesOfTexts } from './ruleset.js';
import { gapsOf } from './scenario.js';

export async function* replay(options: ReplayOptions = {}): AsyncGenerator<ReplayItem> {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const { recordings, newest } = findRecordings(options.recordings, cwd, project);
  const folder =
    recordings.length === 1 && isStreamFolder(resolve(cwd, recordings[0]!))
      ? resolve(cwd, recordings[0]!)
      : undefined;
  const hash = folder === undefined || (options.rules ?? []).length > 0 ? undefined : firstRules(folder);
  const saved = hash === undefined ? undefined : readSavedRules(folder!, hash);
  const origin: RulesOrigin =
    saved === undefined
      ? rulesOrigin(options, project)
      : { from: 'recorded', paths: saved.map((policy) => policy.file) };
  let inUse =
    saved === undefined ? new RuleSets(cwd).load(origin.paths) : rulesOfTexts(saved, new StringTable());
  for (const item of inUse.diagnostics) yield { kind: 'diagnostic', diagnostic: item };
  if (inUse.rules.rules.length === 0) {
    if (inUse.diagnostics.some((item) => item.severity === 'error')) throw new DiagnosticError([]);
    throw new DiagnosticError([
      diagnostic(
        workbenchCodes,
        'no-rules',
        `No rule was loaded from ${origin.paths.map((path) => `"${path}"`).join(', ')}`,
      ),
    ]);
  }
  for (const wanted of options.failOn ?? []) {
    // A gate that waits for a rule that does not exist never closes.
    const isKnown = folder !== undefined || /[*?]|^tag:|^anomaly_/.test(wanted) || isRule(wanted, inUse);
    if (!isKnown)
      throw new DiagnosticError([
        diagnostic(workbenchCodes, 'unknown-rule', `No rule is called "${wanted}"`, {
          suggestions: ['seccam list rules'],
        }),
      ]);
  }
  const normal =
    options.securityProfile === undefined ? undefined : readProfile(options.securityProfile, cwd);
  yield { kind: 'start', recordings, newest, rules: origin };

  const channel = new Channel<ReplayItem>();
  const costs = options.profile === true ? new Costs(inUse) : undefined;
  const book = options.report === true ? new ReportBook(inUse.rules.model, inUse) : undefined;
  const matchedRules = new Set<string>();
  let failing = false;
  let current = recordings[0]!;
  let decides = hash;
  let explained = 0;
  let silent = 0;
  let anomalies = 0;
  const engineFor = (name: string) => {
    current = name;
    book?.begin(name);
    watching = watch?.();
    engine = makeEngine();
    return watched(engine);
  };
  const watch = normal === undefined ? undefined : () => new ProfileWatch(normal, inUse.strings);
  let watching = watch?.();
  const isNormal = watch === undefined ? undefined : (event: Event) => watching?.explains(event) === true;
  const makeEngine = (): Engine =>
    costs === undefined
      ? new Engine(inUse.rules, {
          limits: options.noLimits !== true,
          ...(folder === undefined ? {} : { clock: 'boot' as const }),
          ...(isNormal === undefined ? {} : { isNormal }),
          ...(book === undefined ? {} : { observer: book.observer }),
        })
      : costs.engine({
          limits: options.noLimits !== true,
          ...(isNormal === undefined ? {} : { isNormal }),
        });
  const watched = (decider: Engine) => {
    if (watching === undefined) return decider;
    watching.engine = decider;
    return watching;
  };
  let engine: Engine = makeEngine();
  const replayOptions = {
    strings: inUse.strings,
    allResults: options.allResults === true,
    engineFor,
    // A report keeps events.
    ...(book === undefined ? { collectFrom: 1_000_000 } : {}),
    ...(book === undefined
      ? {}
      : {
          onEvent: (event: Parameters<typeof detectionLine>[1], shown: boolean) => book.see(event, shown),
        }),
    onDetection: (
      detection: Parameters<typeof detectionLine>[0],
      event: Parameters<typeof detectionLine>[1],
    ) => {
      matchedRules.add(detection.ruleId);
      book?.detection(detection, event);
      if (options.failOn?.some((wanted) => failsOn(wanted, detection)) === true) failing = true;
      if (detection.suppressedBy === 'profile') explained += 1;
      if (detection.suppressedBy === 'silent') silent += 1;
      if (isAnomaly(detection)) anomalies += 1;
      if (!detection.delivered) return;
      const line = detectionLine(detection, event, inUse.rules.model, {
        recording: recordings.length > 1 ? current : undefined,
      });
      channel.put({ kind: 'detection', detection: line });
    },
    onDiagnostic: (item: Diagnostic) => channel.put({ kind: 'diagnostic', diagnostic: item }),
  };
  const inputs: Input[] = recordings.map((name) =>
    name === '-'
      ? options.stdin === undefined
        ? '-'
        : { name: '-', bytes: options.stdin }
      : inputOf(name, cwd),
  );
  const work =
    folder === undefined
      ? replayInputs(inputs, replayOptions)
      : replayFolder(folder, {
          ...replayOptions,
          engine: engineFor(recordings[0]!),
          onRules: (next, pipeline) => {
            if (hash === undefined || next === decides) return;
            decides = next;
            inUse = rulesOfTexts(readSavedRules(folder, next), inUse.strings);
            costs?.take(inUse);
            const before = engine;
            engine = makeEngine();
            engine.adopt(before);
            pipeline.engine = watched(engine);
          },
        });
  channel.follow(Promise.resolve(work));
  yield* channel;
  const summary = await work;
  for (const stream of summary.streams) {
    // That a recording was not finished has been said.
    const gaps = gapsOf({ ...stream, complete: true });
    if (gaps.length > 0)
      yield {
        kind: 'diagnostic',
        diagnostic: diagnostic(
          workbenchCodes,
          'gap-in-recording',
          `"${stream.name}" does not hold everything: ${gaps.join('; ')}`,
          { severity: 'warning' },
        ),
      };
  }
  if (book !== undefined) {
    book.end(summary.streams);
    yield { kind: 'report', data: book.data(recordings.join(', ')) };
  }
  const readable = !summary.damaged || options.acceptDamage === true;
  const suppressed = summary.detections - summary.delivered;
  const closest =
    summary.detections === 0 && summary.shown > 0 && options.closest !== false
      ? await closestRule(
          inUse,
          recordings.filter((name) => name !== '-'),
          cwd,
          options,
          summary.byType,
        )
      : undefined;
  const answer: ReplaySummary = {
    events: summary.events,
    rulesLoaded: inUse.rules.rules.length,
    cannotFire: cannotFire(inUse, summary),
    detections: summary.detections,
    suppressed,
    ...(silent === 0 ? {} : { silent }),
    ...(normal === undefined ? {} : { explained, anomalies }),
    ...(closest === undefined ? {} : { closest }),
    ...(costs === undefined ? {} : { profile: costs.rules(), predicates: costs.predicates() }),
    answer: !readable ? 2 : failing ? 1 : 0,
  };
  yield { kind: 'summary', summary: answer };
}

/** A path that is read from `cwd`, under the name that the user typed. */
export const inputOf = (name: string, cwd: string): Input =>
  cwd === process.cwd() ? name : resolve(cwd, name);

const isRule = (id: string, { rules }: RulesInUse): boolean =>
  rules.rules.some((rule) => rule.id === id || rule.sourceId === id) ||
  rules.entries.some((entry) => entry.id === id);

function failsOn(
  wanted: string,
  detection: { readonly ruleId: string; readonly tags: DetectionLine['tags'] },
): boolean {
  const tag = /^tag:([^=]+)=(.*)$/.exec(wanted);
  if (tag === null) return fits(wanted, detection.ruleId);
  return fits(tag[2]!, detection.tags[tag[1]!] ?? '');
}

/** Rules whose events none of the recordings holds. */
export function cannotFire(inUse: RulesInUse, summary: Summary): { rule: string; reason: string }[] {
  const found: { rule: string; reason: string }[] = [];
  const traced = summary.streams.every((stream) => stream.traced === undefined)
    ? undefined
    : new Set(summary.streams.flatMap((stream) => stream.traced ?? []));
  for (const rule of inUse.rules.rules) {
    const reason = whySilent(rule, inUse, summary, traced);
    if (reason !== undefined) found.push({ rule: rule.id, reason });
  }
  return found;
}

function whySilent(
  rule: LoadedRule,
  inUse: RulesInUse,
  summary: Summary,
  traced: ReadonlySet<string> | undefined,
): string | undefined {
  const { model } = inUse.rules;
  const unavailable = model.unavailableEvent(rule.eventType);
  if (unavailable !== undefined) return `"${rule.eventType}": ${unavailable}`;
  if (summary.byType.has(rule.eventType)) return undefined;
  if (
    traced !== undefined &&
    !traced.has(rule.eventType) &&
    eventByName(rule.eventType)?.result !== 'derived'
  )
    return `"${rule.eventType}" was not recorded`;
  return `no "${rule.eventType}" happened`;
}
