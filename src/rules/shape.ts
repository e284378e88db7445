/**
 * What a policy file may hold, as one table: the loader checks with it, the zod schema and with it the JSON
 * schema for editors are made from it, and unknown keys are compared with it.
 */

export type Shape =
  /** Any scalar; taken as it is written, as the reference does (`version: 1.0` is "1.0"). */
  | {
      readonly kind: 'text';
      readonly doc: string;
      readonly among?: readonly string[];
      readonly expression?: true;
    }
  | { readonly kind: 'flag'; readonly doc: string }
  | { readonly kind: 'number'; readonly doc: string }
  /** `10s`, `1h30m`, or a number of ns. */
  | { readonly kind: 'duration'; readonly doc: string }
  /** A scalar or a list of scalars, with its YAML type. */
  | { readonly kind: 'value'; readonly doc: string }
  | { readonly kind: 'texts'; readonly doc: string; readonly among?: readonly string[] }
  | { readonly kind: 'map'; readonly doc: string }
  | { readonly kind: 'items'; readonly doc: string; readonly of: ObjectShape }
  | { readonly kind: 'object'; readonly doc: string; readonly of: ObjectShape }
  /** Known and not looked into. */
  | { readonly kind: 'anything'; readonly doc: string };

export interface ObjectShape {
  readonly name: string;
  /** The article before the name, in messages. */
  readonly article: 'a' | 'an';
  readonly required: readonly string[];
  readonly keys: Readonly<Record<string, Shape>>;
}

const set: ObjectShape = {
  name: 'set action',
  article: 'a',
  required: [],
  keys: {
    name: { kind: 'text', doc: 'Name of the variable; with a scope, rules read it as `${scope.name}`.' },
    value: { kind: 'value', doc: 'The value to set: text, number, true or false, or a list of one of them.' },
    field: { kind: 'text', doc: 'The field whose value at the event is set.' },
    expression: {
      kind: 'text',
      doc: 'An expression whose value is set; needs `default_value`.',
      expression: true,
    },
    default_value: { kind: 'value', doc: 'What the variable is while it is not set; gives its type.' },
    scope: {
      kind: 'text',
      doc: 'What has its own value; default: one value for all.',
      among: ['process', 'container', 'cgroup'],
    },
    scope_field: {
      kind: 'text',
      doc: 'Field with the pid of the process whose variable is set (scope `process`).',
    },
    append: { kind: 'flag', doc: 'Add to the list instead of replacing it.' },
    size: {
      kind: 'number',
      doc: 'Greatest number of elements of a list; the oldest goes first. Default 100.',
    },
    ttl: { kind: 'duration', doc: 'How long a value lasts, on the time of events.' },
    private: { kind: 'flag', doc: 'Not shown in detections.' },
    inherited: { kind: 'flag', doc: 'Children see the value of their parent (scope `process`).' },
  },
};

const kill: ObjectShape = {
  name: 'kill action',
  article: 'a',
  required: [],
  keys: {
    signal: { kind: 'text', doc: 'Name of the signal: SIGKILL, SIGTERM ….' },
    scope: { kind: 'text', doc: 'Who is killed.', among: ['process', 'container', 'cgroup'] },
    disable_container_disarmer: { kind: 'flag', doc: 'Kill on, however many containers were hit.' },
    disable_executable_disarmer: { kind: 'flag', doc: 'Kill on, however many executables were hit.' },
  },
};

const action: ObjectShape = {
  name: 'action',
  article: 'an',
  required: [],
  keys: {
    filter: {
      kind: 'text',
      doc: 'The action is carried out only when this is true of the event.',
      expression: true,
    },
    set: { kind: 'object', doc: 'Set a variable.', of: set },
    kill: { kind: 'object', doc: 'Send a signal.', of: kill },
    hash: {
      kind: 'object',
      doc: 'Take the hashes of a file.',
      of: {
        name: 'hash action',
        article: 'a',
        required: [],
        keys: {
          field: { kind: 'text', doc: 'The file: `open.file`, `exec.file`, `process.file` ….' },
          max_file_size: { kind: 'number', doc: 'Larger files are left alone (bytes).' },
        },
      },
    },
    log: {
      kind: 'object',
      doc: 'Write a line to the log.',
      of: {
        name: 'log action',
        article: 'a',
        required: [],
        keys: {
          level: { kind: 'text', doc: 'debug, info, warning or error.' },
          message: { kind: 'text', doc: 'The line; `${variable}` and `%{field}` are filled in.' },
        },
      },
    },
    coredump: {
      kind: 'object',
      doc: 'Known, reported, not carried out.',
      of: {
        name: 'coredump action',
        article: 'a',
        required: [],
        keys: {
          process: { kind: 'flag', doc: 'Dump the process.' },
          mount: { kind: 'flag', doc: 'Dump the mounts.' },
          dentry: { kind: 'flag', doc: 'Dump the directory entries.' },
          no_compression: { kind: 'flag', doc: 'Leave the dump as it is.' },
        },
      },
    },
    network_filter: {
      kind: 'object',
      doc: 'Known, reported, not carried out.',
      of: {
        name: 'network_filter action',
        article: 'a',
        required: [],
        keys: {
          filter: { kind: 'text', doc: 'Packets, as a pcap filter.' },
          policy: { kind: 'text', doc: 'drop or accept.' },
          scope: { kind: 'text', doc: 'process or cgroup.' },
        },
      },
    },
  },
};

const filters: Shape = {
  kind: 'texts',
  doc: 'Loaded only where one of these is true of the host (os, kernel.version.major, envs, hostname, origin …).',
};
const agentVersion: Shape = {
  kind: 'text',
  doc: 'Range of agent versions for which it is meant; this engine stands for 7.83.',
};

export const overrideFields = ['all', 'expression', 'actions', 'every', 'tags', 'product_tags'] as const;

const macro: ObjectShape = {
  name: 'macro',
  article: 'a',
  required: [],
  keys: {
    id: { kind: 'text', doc: 'The name by which rules and later macros use it.' },
    expression: { kind: 'text', doc: 'A condition, a list or a value.', expression: true },
    values: { kind: 'texts', doc: 'A list of texts; `~"…"` and `r"…"` are a pattern and a regexp.' },
    description: { kind: 'text', doc: 'For people.' },
    agent_version: agentVersion,
    filters,
    combine: {
      kind: 'text',
      doc: 'What becomes of an earlier macro of that id: `merge` adds values, `override` replaces it.',
      among: ['merge', 'override'],
    },
  },
};

const rule: ObjectShape = {
  name: 'rule',
  article: 'a',
  required: [],
  keys: {
    id: { kind: 'text', doc: 'The name of the rule, unique over all policies.' },
    version: { kind: 'text', doc: 'Version of the rule.' },
    expression: { kind: 'text', doc: 'The condition, in SECL.', expression: true },
    description: { kind: 'text', doc: 'For people.' },
    tags: { kind: 'map', doc: 'Labels that detections carry.' },
    product_tags: { kind: 'texts', doc: 'Labels such as `tactic:TA0002-execution`.' },
    agent_version: agentVersion,
    filters,
    disabled: { kind: 'flag', doc: 'Not loaded.' },
    combine: { kind: 'text', doc: 'What becomes of an earlier rule of that id.', among: ['override'] },
    override_options: {
      kind: 'object',
      doc: 'What `combine: override` replaces; default: the expression.',
      of: {
        name: 'override_options',
        article: 'an',
        required: [],
        keys: { fields: { kind: 'texts', doc: 'What to replace.', among: overrideFields } },
      },
    },
    actions: { kind: 'items', doc: 'What is done at each match, in order.', of: action },
    every: { kind: 'duration', doc: 'Deliver at most one in this time.' },
    limiter_token: {
      kind: 'texts',
      doc: 'Fields: each combination of their values has a rate limit of its own.',
    },
    silent: { kind: 'flag', doc: 'Matches and acts, but is never delivered.' },
    group_id: { kind: 'text', doc: 'Group of the rule.' },
    priority: { kind: 'number', doc: 'Higher is evaluated earlier. Default 0.' },
  },
};

/** The whole file. */
export const policyShape: ObjectShape = {
  name: 'policy',
  article: 'a',
  required: [],
  keys: {
    version: { kind: 'text', doc: 'Version of the policy.' },
    type: { kind: 'text', doc: 'Kind of policy.', among: ['policy', 'content_pack'] },
    replace_policy_id: {
      kind: 'text',
      doc: 'Name of a policy that is not loaded because this one stands for it.',
    },
    macros: { kind: 'items', doc: 'Names for conditions, lists and values.', of: macro },
    rules: { kind: 'items', doc: 'What to detect.', of: rule },
    hooks: {
      kind: 'anything',
      doc: 'Kernel hooks of on-demand events; they need eBPF and are reported, not loaded.',
    },
  },
};
