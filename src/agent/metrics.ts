/** Figures of the agent for Prometheus, and whether it lives: `/metrics` and `/healthz`. */
import { createServer, type Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { OutputFacts } from './outputs/output.js';
import type { StreamFacts } from './stream.js';

export interface MetricsSource {
  streams(): readonly StreamFacts[];
  outputs(): readonly OutputFacts[];
  totals(): {
    readonly events: number;
    readonly lost: number;
    readonly gaps: number;
    readonly links: number;
    readonly refused: number;
    readonly damaged: number;
    readonly cut: number;
    readonly rules: number;
    readonly strings: number;
  };
}

/** Rule ids come from policies, so their number is bounded; stream names are bounded by the streams at once. */
export class Metrics {
  readonly registry = new Registry();
  readonly #detections = new Counter({
    name: 'seccam_detections_total',
    help: 'Matches of rules.',
    labelNames: ['rule', 'delivered'],
    registers: [this.registry],
  });
  readonly #actions = new Counter({
    name: 'seccam_actions_total',
    help: 'Actions of rules by outcome.',
    labelNames: ['rule', 'action', 'outcome'],
    registers: [this.registry],
  });
  readonly #reloads = new Counter({
    name: 'seccam_reloads_total',
    help: 'Reloads of rules.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly #delay = new Histogram({
    name: 'seccam_detection_delay_seconds',
    help: 'From the completion of the event to its detection.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30],
    registers: [this.registry],
  });

  constructor(source: MetricsSource) {
    const { registry } = this;
    collectDefaultMetrics({ register: registry });
    // Gauges that are named as counters; the same figures are there by type.
    for (const what of ['handles', 'requests', 'resources'])
      registry.removeSingleMetric(`nodejs_active_${what}_total`);
    const total = (name: string, help: string, key: keyof ReturnType<MetricsSource['totals']>): void => {
      measured(name, help, [], () => [[{}, source.totals()[key]]]);
    };
    total('seccam_events_total', 'Events taken from all streams.', 'events');
    total('seccam_events_lost_total', 'Events that streams say were lost.', 'lost');
    total('seccam_gaps_total', 'Gaps in streams.', 'gaps');
    total('seccam_links_total', 'Links of tracers since the start.', 'links');
    total('seccam_links_refused_total', 'Clients that were turned away.', 'refused');
    total('seccam_links_damaged_total', 'Links that were cut because of what came over them.', 'damaged');
    total('seccam_links_cut_total', 'Links that ended before their recording did.', 'cut');
    total('seccam_rules_loaded', 'Rules that decide.', 'rules');
    total('seccam_strings', 'Distinct strings kept in memory.', 'strings');
    new Gauge({
      name: 'seccam_streams',
      help: 'Streams that are connected.',
      registers: [registry],
      collect() {
        this.set(source.streams().length);
      },
    });
    perStream('seccam_stream_events', 'Events of a stream.', (facts) => facts.events);
    perStream('seccam_stream_lost', 'Events lost in a stream.', (facts) =>
      Math.max(facts.lost, facts.tracer?.lost ?? 0),
    );
    perStream(
      'seccam_stream_waiting_bytes',
      'Bytes that wait in the tracer.',
      (facts) => facts.tracer?.waiting ?? 0,
    );
    perOutput('seccam_output_sent_total', 'Detections that an output has delivered.', (facts) => facts.sent);
    perOutput(
      'seccam_output_dropped_total',
      'Detections that an output has dropped.',
      (facts) => facts.dropped,
    );
    perOutput('seccam_output_failing', 'Whether an output fails at present.', (facts) =>
      facts.problem === undefined ? 0 : 1,
    );

    function perStream(name: string, help: string, value: (facts: StreamFacts) => number): void {
      new Gauge({
        name,
        help,
        labelNames: ['stream'],
        registers: [registry],
        collect() {
          this.reset();
          for (const facts of source.streams()) this.set({ stream: facts.name }, value(facts));
        },
      });
    }
    function perOutput(name: string, help: string, value: (facts: OutputFacts) => number): void {
      measured(name, help, ['output'], () =>
        source.outputs().map((facts) => [{ output: facts.name }, value(facts)]),
      );
    }
    /** What only grows is a counter, by its name; its value is that of the source at each look. */
    function measured(
      name: string,
      help: string,
      labelNames: string[],
      values: () => (readonly [Record<string, string>, number])[],
    ): void {
      const common = { name, help, labelNames, registers: [registry] };
      if (name.endsWith('_total'))
        new Counter({
          ...common,
          collect() {
            this.reset();
            for (const [labels, value] of values()) this.inc(labels, value);
          },
        });
      else
        new Gauge({
          ...common,
          collect() {
            this.reset();
            for (const [labels, value] of values()) this.set(labels, value);
          },
        });
    }
  }

  detection(rule: string, delivered: boolean, delaySeconds: number): void {
    this.#detections.inc({ rule, delivered: String(delivered) });
    if (delaySeconds >= 0) this.#delay.observe(delaySeconds);
  }

  action(rule: string, action: string, outcome: string): void {
    this.#actions.inc({ rule, action, outcome });
  }

  reload(outcome: 'done' | 'refused'): void {
    this.#reloads.inc({ outcome });
  }

  /** Serves until closed. Rejects when the address cannot be had. */
  listen(host: string, port: number): Promise<Server> {
    const server = createServer((request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405).end();
      } else if (request.url === '/healthz') {
        response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      } else if (request.url === '/metrics') {
        this.registry.metrics().then(
          (text) => response.writeHead(200, { 'content-type': this.registry.contentType }).end(text),
          () => response.writeHead(500).end(),
        );
      } else {
        response.writeHead(404).end();
      }
    });
    server.headersTimeout = 5000;
    server.requestTimeout = 5000;
    server.maxConnections = 16;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve(server));
    });
  }
}
