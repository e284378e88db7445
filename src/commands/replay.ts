import { hostname } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { ReplaySummary, RulesOrigin } from '../outputs/answers.js';
import { costText } from '../outputs/costs.js';
import { detectionFormatNames } from '../outputs/detections/index.js';
import { columns, counted, printable, shellWord, widthFor } from '../outputs/text.js';
import { SeccamCommand } from './base.js';
import { openDetections } from './detections.js';
import { given, recordingFlags, recordingOptions } from './flags.js';
import { formatFlag } from './format.js';
import { wantsReport, writeReport } from './report.js';

export default class Replay extends SeccamCommand {
  static override summary = 'Show which rules fire on a recording.';
  static override description =
    'Without a recording it takes the newest one in the folder; "-" reads one from standard input. A folder that an agent saved replays in its order, without --rules by the rules that decided then. Exits with 0 unless --fail-on says otherwise.';
  static override examples = [
    'seccam replay story.seccam',
    'seccam replay -r rules --format json --fail-on "*" build.seccam',
  ];
  static override strict = false;
  static override args = { recording: Args.string({ description: 'one or more recordings' }) };
  static override flags = {
    ...recordingFlags,
    format: formatFlag([...detectionFormatNames, 'html']),
    limits: Flags.boolean({
      allowNo: true,
      default: true,
      description: 'show also what rate limits keep back',
    }),
    'fail-on': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'GLOB',
      description: "exit with 1 when such a rule fires: a glob of ids, tag:KEY=VALUE, or '*'",
    }),
    'security-profile': Flags.string({
      helpValue: 'FILE',
      description:
        'a profile of normal behaviour: what it explains fires no rule, what it does not is an anomaly',
    }),
    profile: Flags.boolean({ description: 'show what each rule and each condition costs, dearest first' }),
    verbose: Flags.boolean({
      char: 'v',
      description: 'say which rules cannot fire on the recording, and why',
    }),
    quiet: Flags.boolean({ char: 'q', description: 'no summary on standard error' }),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(Replay);
    const recordings = argv.map(String);
    const { replay } = await import('../workbench/replay.js');
    const output = openDetections(flags.format, hostname());
    let answer = 2;
    let failed = false;
    for await (const item of replay({
      ...recordingOptions(flags),
      ...(recordings.length > 0 ? { recordings } : {}),
      ...(recordings.includes('-') ? { stdin: process.stdin } : {}),
      ...given('failOn', flags['fail-on']),
      noLimits: !flags.limits,
      ...(flags.quiet ? { closest: false } : {}),
      profile: flags.profile,
      ...given('securityProfile', flags['security-profile']),
      report: wantsReport(flags.format),
    })) {
      if (item.kind === 'detection') output.detection(item.detection);
      else if (item.kind === 'diagnostic') failed = this.report([item.diagnostic]) || failed;
      else if (item.kind === 'report') writeReport(flags.format, item.data);
      else if (item.kind === 'start') {
        if (item.newest && !flags.quiet)
          this.remark(`replaying the newest recording, ${printable(item.recordings[0] ?? '')}`);
        if (!flags.quiet) this.remark(originText(item.rules));
      } else {
        const { profile, predicates } = item.summary;
        if (profile !== undefined) output.json({ schema: 'seccam/profile@1', rules: profile, predicates });
        output.end();
        answer = item.summary.answer;
        const unread = item.summary.events === 0 && failed;
        if (!flags.quiet && !unread)
          for (const line of summaryLines(item.summary, flags.verbose)) this.remark(line);
      }
    }
    return answer;
  }
}

function originText(origin: RulesOrigin): string {
  const paths = origin.paths.map(printable).join(', ');
  if (origin.from === 'flags') return `rules of ${paths}`;
  if (origin.from === 'recorded') return `the rules that decided then: ${paths}`;
  return origin.from === 'project' ? `rules of the project: ${paths}` : `the shipped starter rules: ${paths}`;
}

function summaryLines(summary: ReplaySummary, verbose: boolean): string[] {
  const lines: string[] = [];
  const silent = summary.silent ?? 0;
  const limited = summary.suppressed - (summary.explained ?? 0) - silent;
  if (silent > 0) lines.push(`${counted(silent)} more of silent rules, which are never shown`);
  if (limited > 0) lines.push(`${counted(limited)} more suppressed by rate limits (--no-limits shows them)`);
  if (summary.explained !== undefined)
    lines.push(
      `${counted(summary.anomalies ?? 0)} ${summary.anomalies === 1 ? 'anomaly' : 'anomalies'}; ${counted(summary.explained, 'detection')} explained by the security profile`,
    );
  if (summary.profile !== undefined) lines.push(...costText(summary.profile, summary.predicates ?? []));
  if (verbose && summary.cannotFire.length > 0)
    lines.push(
      'cannot fire on this recording:',
      ...columns(
        summary.cannotFire.map(({ rule, reason }) => [`  ${printable(rule)}`, printable(reason)]),
        { width: widthFor(process.stderr) },
      ),
    );
  const blocked =
    summary.cannotFire.length === 0
      ? ''
      : `, ${summary.cannotFire.length} cannot fire on this recording${verbose ? '' : ' (-v: which)'}`;
  const missing = summary.cannotFire.flatMap(
    ({ reason }) => /^"(\w+)" was not recorded$/.exec(reason)?.[1] ?? [],
  );
  if (missing.length > 0)
    lines.push(
      `${counted(missing.length, 'rule')} about what was not recorded: ${[...new Set(missing)].join(', ')} (seccam record --trace-for RULES, or --trace all)`,
    );
  lines.push(
    `${counted(summary.events, 'event')}, ${counted(summary.rulesLoaded, 'rule')} loaded${blocked}, ${counted(summary.detections, 'detection')}`,
  );
  if (summary.detections === 0 && summary.closest !== undefined) {
    const { rule, distance, seq, recording } = summary.closest;
    lines.push(
      `closest: ${printable(rule)}, ${counted(distance, 'condition')} away at event ${seq}`,
      `next: seccam explain ${printable(shellWord(recording))} --rule ${printable(rule)}`,
    );
  }
  return lines;
}
