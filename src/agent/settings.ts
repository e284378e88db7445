/**
 * The agent's settings: one zod schema, from which types, `schema/agent.json`, environment variables and
 * the checks follow. Where a value comes from is the affair of configuration.ts.
 */
import * as z from 'zod';

const duration = z
  .string('a duration such as 500ms, 30s, 10m, 12h')
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'a duration such as 500ms, 30s, 10m, 12h')
  .describe('A number and a unit: ms, s, m, h or d.');
const size = z
  .string('a size such as 512KiB, 64MiB, 1GiB')
  .regex(/^\d+(\.\d+)?(B|KiB|MiB|GiB)$/, 'a size such as 512KiB, 64MiB, 1GiB')
  .describe('A number and a unit: B, KiB, MiB or GiB.');
const hasPort = (address: string): boolean => !(Number(/:(\d+)$/.exec(address)?.[1] ?? 0) > 65535);
const addressOrNone = z
  .string('HOST:PORT, such as 127.0.0.1:5678, or an empty text')
  .regex(/^$|^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, 'HOST:PORT, such as 127.0.0.1:5678, or an empty text')
  .refine(hasPort, 'HOST:PORT with a port up to 65535')
  .default('');
const path = z.string().min(1);
const format = z.enum(['pretty', 'compact', 'json', 'falco']);

const notifiedOf = z.array(z.string()).default(['*']).describe('Globs of rule ids that are told here.');

const output = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('file'),
    rules: notifiedOf,
    path,
    format: format.default('json'),
    max_size: size
      .default('64MiB')
      .describe('The file is moved to PATH.1 and begun again when it grows beyond this.'),
    keep: z.number().int().min(0).max(1000).default(5).describe('How many moved files are kept.'),
  }),
  z.strictObject({
    type: z.literal('syslog'),
    rules: notifiedOf,
    address: z
      .string()
      .default('/dev/log')
      .describe('A Unix socket path, or udp:HOST:PORT or tcp:HOST:PORT.'),
    facility: z
      .enum([
        'daemon',
        'auth',
        'authpriv',
        'user',
        'local0',
        'local1',
        'local2',
        'local3',
        'local4',
        'local5',
        'local6',
        'local7',
      ])
      .default('authpriv'),
    format: format.default('json'),
  }),
  z.strictObject({
    type: z.literal('webhook'),
    rules: notifiedOf,
    url: z.url({ protocol: /^https?$/ }),
    secret_file: path
      .optional()
      .describe('With it each request carries X-Seccam-Signature: sha256=HMAC of "TIMESTAMP.BODY".'),
    format: z.enum(['json', 'falco']).default('json'),
    timeout: duration.default('10s'),
    queue: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe('Detections that wait at most; older ones are dropped and counted.'),
    batch: z.number().int().min(1).max(1000).default(100),
    headers: z.record(z.string(), z.string()).default({}),
  }),
]);

/** Keys of an output, by its type. */
export const outputKeys = new Map(
  output.options.map((one) => [one.shape.type.value as string, Object.keys(one.shape)]),
);

export const settingsSchema = z.strictObject({
  version: z.literal(1).default(1),
  rules: z
    .array(path)
    .default([])
    .describe('Policy files or folders. Empty: the starter rules that are shipped.'),
  profile: z
    .string()
    .default('')
    .describe(
      'A profile of normal behaviour (`seccam profile learn`): what it explains fires no rule, what it does not is an anomaly. Empty: none.',
    ),
  mode: z
    .enum(['monitor', 'enforce'])
    .default('monitor')
    .describe('Whether actions that change something (kill) are carried out or only reported.'),
  format: format.default('pretty').describe('Form of the detections on standard output.'),
  socket: z.string().default('/run/seccam/agent.sock').describe('Unix socket for tracers; empty: none.'),
  socket_mode: z
    .string()
    .regex(/^0[0-7]{3}$/, 'an octal mode such as 0600')
    .default('0666')
    .describe('Who may connect is decided by allow_uids; the mode is the first fence.'),
  allow_uids: z
    .array(z.number().int().min(0))
    .default([])
    .describe(
      'Users whose tracers may connect over the Unix socket. Empty: everybody who can reach it; a stream only ever speaks for itself.',
    ),
  listen: z
    .string('HOST:PORT, such as 127.0.0.1:5678, or an empty text')
    .regex(
      /^$|^(tls:)?(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/,
      'HOST:PORT, such as 127.0.0.1:5678, or an empty text',
    )
    .refine(hasPort, 'HOST:PORT with a port up to 65535')
    .default('')
    .describe(
      'TCP address for tracers; needs token_file. Links to other addresses than loopback ones, and to tls:HOST:PORT, are encrypted. Empty: none.',
    ),
  token_file: z
    .string()
    .default('')
    .describe('File with the secret that tracers over TCP must hold; mode 0600.'),
  control: z
    .string()
    .default('/run/seccam/control.sock')
    .describe('Unix socket for status, streams, reload, stop, config and dump; mode 0600.'),
  save: z.string().default('').describe('Folder in which every stream is kept as a recording; empty: none.'),
  all_results: z.boolean().default(false).describe('Show rules every result, failed calls too.'),
  outputs: z.array(output).default([]),
  metrics: addressOrNone.describe('Address for Prometheus: /metrics and /healthz. Empty: none.'),
  flight: z
    .strictObject({
      folder: z
        .string()
        .default('')
        .describe('Where detections save what their stream did before; empty: off.'),
      keep: duration
        .default('60s')
        .describe('How much of each stream is kept at least, as far as size allows.'),
      size: size.default('32MiB').describe('How many bytes of each stream are kept at most.'),
      after: duration.default('0s').describe('How long to go on recording after the detection.'),
      every: duration.default('60s').describe('At most one recording per rule in this time.'),
      rules: z.array(z.string()).default(['*']).describe('Globs of rule ids that save.'),
      most: z.number().int().min(1).default(100).describe('Recordings in the folder at most; the oldest go.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      streams: z.number().int().min(1).max(100_000).default(256).describe('Streams at once.'),
      buffer: size.default('16MiB').describe('Unread bytes that one stream may have in the agent.'),
      strings: z
        .number()
        .int()
        .min(10_000)
        .default(250_000)
        .describe('Distinct texts in memory from which those that nobody needs any more are let go.'),
      greeting: duration.default('5s').describe('How long a client may take to greet.'),
      rate: z
        .number()
        .int()
        .min(0)
        .default(0)
        .describe('Bytes per second that one stream may send on average; 0: no bound.'),
    })
    .prefault({}),
  response: z
    .strictObject({
      period: duration.default('1m').describe('Time over which kills are counted.'),
      per_rule: z
        .number()
        .int()
        .min(1)
        .default(20)
        .describe('Kills of one rule in that time; more disarm the rule for that time.'),
      per_executable: z
        .number()
        .int()
        .min(1)
        .default(10)
        .describe('Kills of one executable in that time; more are not carried out.'),
      never: z.array(z.string()).default([]).describe('Globs of executables that are never killed.'),
    })
    .prefault({}),
});

export type Settings = z.infer<typeof settingsSchema>;
export type OutputSettings = z.infer<typeof output>;

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  B: 1,
  KiB: 1 << 10,
  MiB: 1 << 20,
  GiB: 1 << 30,
};

function measured(text: string): number {
  const [, number, unit] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? [];
  return Number(number) * (units[unit ?? ''] ?? Number.NaN);
}

/** ms of a checked duration. */
export const milliseconds = measured;
/** Bytes of a checked size. */
export const bytes = measured;

/** The published schema of agent.yaml. */
export function settingsJsonSchema(): object {
  return {
    ...z.toJSONSchema(settingsSchema, { io: 'input' }),
    $id: 'seccam/agent@1',
    title: 'Configuration of the seccam agent',
  };
}
