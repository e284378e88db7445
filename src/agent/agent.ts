/**
 * The agent: any number of streams before one engine. Owns rules, streams, what is kept of them and
 * where detections go; knows nothing of sockets that listen or of the command line.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Event } from '../catalogue/event.js';
import { eventByName, eventRows } from '../catalogue/index.js';
import type { DetectionLine } from '../outputs/answers.js';
import { Pipeline } from '../pipeline/index.js';
import { detectionLine } from '../pipeline/line.js';
import { type Detection, Engine, type LoadResult, loadRules } from '../rules/index.js';
import { type CompiledProfile, ProfileWatch, readProfile } from '../rules/profile/index.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { agentCodes } from './codes.js';
import { FlightRecorder } from './flight.js';
import { globMatcher } from './glob.js';
import { askEpoch, bitmapOf, bye, eventsWanted, type Hello, type Wish } from './message.js';
import type { Metrics } from './metrics.js';
import type { Output } from './outputs/output.js';
import { Response } from './response.js';
import { Saver } from './saver.js';
import { bytes, milliseconds, type Settings } from './settings.js';
import { type BlockTaker, LiveStream, type Peer, type StreamFacts } from './stream.js';

export interface AgentOptions {
  readonly settings: Settings;
  /** Policy files and folders; what the settings say, or the starter rules. */
  readonly rules: readonly string[];
  readonly outputs: readonly Output[];
  /** What the person who runs the agent should know, as it happens. */
  readonly onProblem: (item: Diagnostic) => void;
  readonly limits?: boolean;
}

export interface ReloadResult {
  readonly done: boolean;
  readonly rules: number;
  readonly hash: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Beyond this length on average the bytes count and not the number. */
const bytesPerString = 256;

/** Events without which no process is known. */
const ALWAYS = ['exec', 'fork', 'exit'] as const;

export class Agent {
  readonly strings = new StringTable();
  readonly outputs: readonly Output[];
  readonly since = Date.now();
  metrics: Metrics | undefined;
  readonly #options: AgentOptions;
  readonly #pipeline: Pipeline;
  readonly #response: Response;
  readonly #streams = new Map<string, LiveStream>();
  readonly #takers: BlockTaker[] = [];
  readonly #flight: FlightRecorder | undefined;
  readonly #saver: Saver | undefined;
  #engine: Engine;
  #watch: ProfileWatch | undefined;
  #profile: CompiledProfile | undefined;
  #loaded: LoadResult;
  #hash: string;
  #current: LiveStream | undefined;
  #numbers = 0;
  /** Strings from which the table is collected. */
  #crowded: number;
  #dirty = false;
  readonly #past = { events: 0, lost: 0, gaps: 0 };
  #links = 0;
  #refused = 0;
  #damaged = 0;
  #cut = 0;
  #detections = 0;
  #suppressed = 0;
  #silent = 0;
  #explained = 0;
  #reloads = 0;

  /** Loads the rules. Throws a `DiagnosticError` when one of them has an error or there are none. */
  constructor(options: AgentOptions) {
    this.#options = options;
    this.outputs = options.outputs;
    const { settings } = options;
    this.#crowded = settings.limits.strings;
    if (settings.profile !== '') this.#profile = readProfile(settings.profile);
    this.#loaded = this.#load();
    const errors = this.#loaded.diagnostics.filter((item) => item.severity === 'error');
    if (errors.length > 0) throw new DiagnosticError(this.#loaded.diagnostics);
    for (const item of this.#loaded.diagnostics) options.onProblem(item);
    this.#response = new Response({
      settings: () => settings,
      strings: this.strings,
      read: (field, event) => this.#loaded.rules.model.read(field, event),
      file: (field, event) => this.#loaded.rules.model.file(field, event),
      current: () => this.#current,
      onOutcome: (rule, action, outcome, stream) => {
        this.metrics?.action(rule, action, outcome);
        if (
          action === 'kill' &&
          (outcome === 'failed' || outcome === 'partial' || outcome === 'unreachable')
        ) {
          options.onProblem(
            diagnostic(
              agentCodes,
              'kill-failed',
              `a kill that "${rule}" asked for in "${stream?.name ?? '?'}" ended as: ${outcome}`,
            ),
          );
        }
      },
    });
    this.#engine = this.#makeEngine();
    this.#hash = hashOf(this.#loaded);
    this.#pipeline = new Pipeline({
      strings: this.strings,
      engine: this.#watch ?? this.#engine,
      allResults: settings.all_results,
      onDetection: (detection, event) => this.#detection(detection, event),
    });
    if (settings.save !== '') {
      this.#saver = new Saver(settings.save, (error, name) => {
        options.onProblem(
          diagnostic(agentCodes, 'save-failed', `the stream "${name}" is no longer saved: ${error.message}`),
        );
      });
      this.#saver.rules(this.#hash, this.#loaded);
      this.#takers.push(this.#saver);
    }
    if (settings.flight.folder !== '') {
      this.#flight = this.#makeFlight();
      this.#takers.push(this.#flight);
    }
  }

  get rules(): LoadResult['rules'] {
    return this.#loaded.rules;
  }

  /** Source texts of the policies, for excerpts of diagnostics. */
  get sources(): LoadResult['sources'] {
    return this.#loaded.sources;
  }

  streams(): LiveStream[] {
    return [...this.#streams.values()];
  }

  /** What a tracer is told: the events that the rules need, and those whose files they hash. */
  wanted(): Wish {
    const ids = (names: readonly string[]) => bitmapOf(names.flatMap((name) => eventByName(name)?.id ?? []));
    const hashing = this.#loaded.rules.rules.filter((rule) =>
      rule.actions.some((action) => action.kind === 'hash'),
    );
    // What a process ran that has ended is known from its exec only.
    const hashed = hashing.map(({ eventType }) => (eventType === 'exit' ? 'exec' : eventType));
    return { events: ids(this.wantedNames()), hashed: ids(hashed) };
  }

  /** Event names that the rules need; with a profile all that a recording has unless it was told otherwise. */
  wantedNames(): string[] {
    const ofProfile =
      this.#profile === undefined
        ? []
        : eventRows.filter((row) => row.preset !== 'all' && row.calls.length > 0).map((row) => row.name);
    const ofRules = this.#loaded.rules.rules.map((rule) => rule.eventType);
    return [...new Set<string>([...ALWAYS, ...ofRules, ...ofProfile])].sort();
  }

  refused(): void {
    this.#refused += 1;
  }

  /** Opens a stream; its bytes are given to `take`, and `end` is called when the link is gone. */
  open(
    peer: Peer,
    hello: Hello | undefined,
    link: Duplex | undefined,
    command: readonly string[] = hello?.command ?? [],
  ): LiveStream {
    this.#links += 1;
    this.#numbers += 1;
    const name = `${this.#numbers}-${
      (command[0] ?? 'stream')
        .split('/')
        .at(-1)!
        .replaceAll(/[^\w.-]/g, '_')
        .slice(0, 40) || 'stream'
    }`;
    const stream = new LiveStream({
      name,
      peer,
      hello,
      link,
      pipeline: this.#pipeline.openStream(name),
      takers: [...this.#takers, { block: () => undefined, ended: (ended) => this.#ended(ended) }],
      enter: (entered) => {
        this.#current = entered;
        if (entered === undefined) this.#leave();
      },
      onReply: (reply, from) => this.#response.reply(reply, from),
      onHashed: (hashed) => this.#response.hashed(hashed),
      onProblem: (item) => {
        if (item.severity === 'error') this.#damaged += 1;
        this.#options.onProblem(item);
      },
      onCut: () => {
        this.#cut += 1;
      },
      largestBlock: bytes(this.#options.settings.limits.buffer),
    });
    this.#streams.set(name, stream);
    return stream;
  }

  /** Hands on what the outputs hold. */
  flush(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    for (const output of this.outputs) output.flush();
  }

  /** Loads the rules again and goes over to them between two events; on errors they stay. Output files are opened again either way. */
  reload(): ReloadResult {
    for (const output of this.outputs) output.reopen?.();
    let loaded: LoadResult;
    try {
      loaded = this.#load();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      this.metrics?.reload('refused');
      return {
        done: false,
        rules: this.#loaded.rules.rules.length,
        hash: this.#hash,
        diagnostics: error.diagnostics,
      };
    }
    if (loaded.diagnostics.some((item) => item.severity === 'error')) {
      this.metrics?.reload('refused');
      return {
        done: false,
        rules: this.#loaded.rules.rules.length,
        hash: this.#hash,
        diagnostics: loaded.diagnostics,
      };
    }
    this.#loaded = loaded;
    const before = this.#engine;
    this.#engine = this.#makeEngine();
    this.#engine.adopt(before);
    this.#pipeline.engine = this.#watch ?? this.#engine;
    this.#hash = hashOf(loaded);
    this.#saver?.rules(this.#hash, loaded);
    this.#reloads += 1;
    this.metrics?.reload('done');
    const wanted = eventsWanted(this.wanted());
    for (const stream of this.#streams.values()) stream.send(wanted);
    return {
      done: true,
      rules: loaded.rules.rules.length,
      hash: this.#hash,
      diagnostics: loaded.diagnostics,
    };
  }

  /** Saves what the flight recorder keeps of the streams that match; the paths. */
  dump(name: string | undefined): string[] {
    const flight = this.#flight;
    if (flight === undefined) return [];
    return this.streams()
      .filter((stream) => name === undefined || stream.name === name)
      .flatMap((stream) => flight.dump(stream, 'dump') ?? []);
  }

  /** The live processes of the streams that match. */
  processes(
    name: string | undefined,
  ): { stream: string; pid: number; ppid: number; uid: number; path: string; args: string; since: string }[] {
    return this.streams()
      .filter((stream) => name === undefined || stream.name === name)
      .flatMap((stream) =>
        [...stream.pipeline.probe.live()].map((image) => ({
          stream: stream.name,
          pid: image.pid,
          ppid: image.ppid,
          uid: image.credentials.uid,
          path: this.strings.text(image.file.path),
          args: this.strings.text(image.derived.args),
          since: new Date(image.createdAt / 1e6).toISOString(),
        })),
      );
  }

  /** Ends every stream and closes the outputs. */
  async close(restart = false): Promise<void> {
    for (const stream of [...this.#streams.values()]) {
      stream.send(bye(restart));
      stream.end(true);
    }
    this.#saver?.close();
    this.flush();
    await Promise.all(this.outputs.map((output) => output.close()));
  }

  totals() {
    const live = this.streams().map((stream) => stream.facts());
    const sum = (pick: (facts: StreamFacts) => number): number =>
      live.reduce((total, facts) => total + pick(facts), 0);
    return {
      events: this.#past.events + sum((facts) => facts.events),
      lost: this.#past.lost + sum((facts) => facts.lost),
      gaps: this.#past.gaps + sum((facts) => facts.gaps),
      links: this.#links,
      refused: this.#refused,
      damaged: this.#damaged,
      cut: this.#cut,
      rules: this.#loaded.rules.rules.length,
      strings: this.strings.kept,
      collections: this.strings.collections,
    };
  }

  status() {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    return {
      pid: process.pid,
      since: new Date(this.since).toISOString(),
      mode: this.#options.settings.mode,
      hash: this.#hash,
      reloads: this.#reloads,
      wanted: this.wantedNames(),
      streams: this.#streams.size,
      ...this.totals(),
      detections: this.#detections,
      suppressed: this.#suppressed,
      ...(this.#silent === 0 ? {} : { silent: this.#silent }),
      ...(this.#profile === undefined ? {} : { explained: this.#explained }),
      flight_recordings: this.#flight?.saved ?? 0,
      outputs: this.outputs.map((output) => output.facts()),
      memory: { rss: memory.rss, heap: memory.heapUsed },
      cpu_ms: Math.round((cpu.user + cpu.system) / 1000),
    };
  }

  /** Between two chunks: nobody holds a string but by what the table knows. */
  #leave(): void {
    this.flush();
    const { strings } = this;
    if (strings.kept < this.#crowded && strings.bytesUsed < this.#crowded * bytesPerString) return;
    strings.collect();
    // What is in use may be more than the setting: then the pause grows with it.
    this.#crowded = Math.max(
      this.#options.settings.limits.strings,
      strings.kept * 2,
      (strings.bytesUsed * 2) / bytesPerString,
    );
    // A long epoch holds all that it has told of.
    if (strings.kept > this.#options.settings.limits.strings / 2)
      for (const stream of this.#streams.values()) stream.send(askEpoch());
  }

  #ended(stream: LiveStream): void {
    const facts = stream.facts();
    this.#past.events += facts.events;
    this.#past.lost += facts.lost;
    this.#past.gaps += facts.gaps;
    this.#streams.delete(stream.name);
    this.#response.gone(stream);
    this.flush();
  }

  #detection(detection: Detection, event: Event): void {
    const stream = this.#current;
    this.#detections += 1;
    if (detection.suppressedBy === 'rate-limit') this.#suppressed += 1;
    else if (detection.suppressedBy === 'silent') this.#silent += 1;
    else if (detection.suppressedBy === 'profile') this.#explained += 1;
    if (this.metrics !== undefined) {
      this.metrics.detection(detection.ruleId, detection.delivered, Date.now() / 1000 - event.wall / 1e9);
    }
    if (stream !== undefined && detection.suppressedBy !== 'profile')
      this.#flight?.detection(stream, detection.ruleId);
    if (!detection.delivered) return;
    const line: DetectionLine = detectionLine(detection, event, this.#loaded.rules.model);
    let outstanding = 0;
    const done = (): void => {
      outstanding -= 1;
      if (outstanding > 0) return;
      this.#put(line);
      if (this.#current === undefined) this.flush();
    };
    for (const report of detection.actions) if (this.#response.waits(report, done)) outstanding += 1;
    if (outstanding === 0) this.#put(line);
  }

  #put(line: DetectionLine): void {
    this.#dirty = true;
    for (const output of this.outputs) output.detection(line);
  }

  #load(): LoadResult {
    return loadRules(this.#options.rules, { strings: this.strings });
  }

  #makeEngine(): Engine {
    const engine = new Engine(this.#loaded.rules, {
      limits: this.#options.limits ?? true,
      clock: 'boot',
      perform: (action, event, rule) => this.#response.perform(action, event, rule.id),
      ...(this.#profile === undefined
        ? {}
        : { isNormal: (event: Event) => this.#watch?.explains(event) === true }),
    });
    engine.variables.onShared = (name, scope) => this.#flight?.changed(this.#current, { name, scope });
    engine.onLimited = (mark) => this.#flight?.limited(this.#current, mark);
    // What was told as an anomaly stays told when rules are loaded anew.
    if (this.#profile !== undefined) {
      this.#watch ??= new ProfileWatch(this.#profile, this.strings);
      this.#watch.engine = engine;
    }
    return engine;
  }

  #makeFlight(): FlightRecorder {
    const { flight } = this.#options.settings;
    return new FlightRecorder({
      folder: flight.folder,
      keep: milliseconds(flight.keep) * 1e6,
      size: bytes(flight.size),
      after: milliseconds(flight.after),
      every: milliseconds(flight.every),
      wants: globMatcher(flight.rules),
      most: flight.most,
      state: (stream) => ({ rules: this.#hash, ...this.#engine.save(stream.pipeline.probe.byNumber()) }),
      onSaved: () => undefined,
      onFailed: (error, rule, stream) => {
        this.#options.onProblem(
          diagnostic(
            agentCodes,
            'save-failed',
            `what "${stream.name}" did before "${rule}" could not be saved: ${error.message}`,
          ),
        );
      },
      shared: (marks) => this.#engine.variables.shared(marks),
      limits: (marks) => this.#engine.limits(marks),
      askEpoch: (stream) => void stream.send(askEpoch()),
    });
  }
}

/** Identifies a set of rules by the texts of its policies. */
function hashOf(loaded: LoadResult): string {
  const hash = createHash('sha256');
  for (const policy of loaded.rules.policies)
    hash.update(policy.name).update('\0').update(policy.text).update('\0');
  return `sha256:${hash.digest('hex')}`;
}
