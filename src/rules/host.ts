/** What `agent_version` and `filters` of a policy are decided on. */
import semver from 'semver';
import type { Field, Macro, Model, Scope } from '../language/index.js';
import { checkRule, compileRule } from '../language/index.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { ruleCodes } from './codes.js';
import type { Text } from './document.js';

/** The agent version that policies are decided for. */
export const agentVersion = '7.83.0';

/**
 * Facts of the host that rules are meant to run on. They are given, not looked up, so that a set of rules is
 * the same wherever a recording is replayed.
 */
export interface HostFacts {
  readonly os: string;
  /** `ID`, `VERSION_ID`, `PLATFORM_ID` of os-release. */
  readonly id: string;
  readonly versionId: string;
  readonly platformId: string;
  /** `6.1.0`, with anything after it. */
  readonly kernel: string;
  readonly envs: readonly string[];
  readonly hostname: string;
  readonly origin: string;
}

export const defaultHost: HostFacts = {
  os: 'linux',
  id: 'debian',
  versionId: '12',
  platformId: '',
  kernel: '6.1.0',
  envs: [],
  hostname: '',
  origin: 'ebpfless',
};

interface HostEvent {
  readonly [name: string]: unknown;
}

const isOs: Readonly<Record<string, (host: HostFacts) => boolean>> = {
  is_amazon_linux: (host) => host.id === 'amzn',
  is_cos: (host) => host.id === 'cos',
  is_debian: (host) => host.id === 'debian',
  is_oracle: (host) => host.id === 'ol',
  is_rhel: (host) => host.id === 'rhel' && /^[78]/.test(host.versionId),
  is_rhel7: (host) => host.id === 'rhel' && host.versionId.startsWith('7'),
  is_rhel8: (host) => host.id === 'rhel' && host.versionId.startsWith('8'),
  is_sles: (host) => host.id === 'sles',
  is_sles12: (host) => host.id === 'sles' && host.versionId.startsWith('12'),
  is_sles15: (host) => host.id === 'sles' && host.versionId.startsWith('15'),
};

function hostEvent(host: HostFacts): HostEvent {
  const [, major, minor, patch, abi, flavor] =
    /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-(\d+)(?:-([a-z]+))?)?/.exec(host.kernel) ?? [];
  return {
    os: host.os,
    'os.id': host.id,
    'os.version_id': host.versionId,
    'os.platform_id': host.platformId,
    ...Object.fromEntries(
      Object.entries(isOs).map(([name, test]) => [`os.${name}`, host.os === 'linux' && test(host)]),
    ),
    'kernel.version.major': Number(major ?? 0),
    'kernel.version.minor': Number(minor ?? 0),
    'kernel.version.patch': Number(patch ?? 0),
    'kernel.version.abi': Number(abi ?? 0),
    'kernel.version.flavor': flavor ?? '',
    'kernel.core.enabled': false,
    envs: host.envs,
    origin: host.origin,
    hostname: host.hostname,
  };
}

/** The small model of `filters`. */
function hostModel(): Model<HostEvent> {
  const fields = new Map<string, Field<HostEvent>>();
  for (const [name, value] of Object.entries(hostEvent(defaultHost))) {
    const type = typeof value === 'number' ? 'int' : typeof value === 'boolean' ? 'bool' : 'string';
    fields.set(name, {
      name,
      type,
      ...(Array.isArray(value) ? { multi: true } : {}),
      read: { kind: 'value', source: `event[${JSON.stringify(name)}]` },
    });
  }
  return {
    name: 'host',
    field: (name) => fields.get(name),
    iterator: () => undefined,
    fieldNames: () => fields.keys(),
    constants: new Map<string, boolean>([
      ['true', true],
      ['false', false],
    ]),
  };
}

/** Decides the conditions under which rules and macros are loaded. */
export class HostConditions {
  readonly #model = hostModel();
  readonly #scope: Scope<HostEvent> = {
    model: this.#model,
    variable: () => undefined,
    macros: new Map<string, Macro>(),
  };
  readonly #event: HostEvent;
  /** Filters repeat in every rule of a policy: text → result. */
  readonly #known = new Map<string, boolean>();

  constructor(host: HostFacts) {
    this.#event = hostEvent(host);
  }

  /** True when one of the filters is (or there are none). */
  accepts(filters: readonly Text[], diagnostics: Diagnostic[]): boolean {
    if (filters.length === 0) return true;
    let accepted = false;
    for (const filter of filters) if (this.#decide(filter, diagnostics)) accepted = true;
    return accepted;
  }

  #decide(filter: Text, diagnostics: Diagnostic[]): boolean {
    const known = this.#known.get(filter.text);
    if (known !== undefined) return known;
    const { rule, diagnostics: found } = checkRule(filter.text, this.#scope, {
      file: filter.placement.file,
      mapSpan: (start, end) => filter.placement.span(start, end),
    });
    if (rule === undefined) {
      for (const item of found) {
        diagnostics.push(
          item.code === 'unknown-field'
            ? diagnostic(
                ruleCodes,
                'wrong-filter',
                `a filter reads facts of the host, not of events: ${item.message}`,
                {
                  ...(item.span === undefined ? {} : { span: item.span }),
                  suggestions:
                    item.suggestions.length > 0
                      ? item.suggestions
                      : [`facts of the host are ${[...this.#model.fieldNames()].join(', ')}`],
                },
              )
            : item,
        );
      }
      return false;
    }
    const value = compileRule(rule, this.#model)(this.#event, 0, { get: () => undefined });
    this.#known.set(filter.text, value);
    return value;
  }
}

/**
 * Decides `agent_version`: a semver range in which `,` and blanks are "and", `||` is "or", and `!=` exists.
 * Undefined: not a range.
 */
export function acceptsVersion(range: string): boolean | undefined {
  let any = false;
  for (const alternative of range.split('||')) {
    let all = true;
    const comparators = alternative
      .replace(/([<>=!~^]+)\s+/g, '$1')
      .split(/[\s,]+/)
      .filter((part) => part !== '');
    for (const comparator of comparators) {
      const [, operator, version] = /^(!=|[<>=~^]*)(.*)$/.exec(comparator) ?? [];
      const text = `${operator === '!=' || operator === '==' ? '' : (operator ?? '').replace('=<', '<=').replace('=>', '>=')}${whole(version ?? '')}`;
      if (semver.validRange(text) === null) return undefined;
      const holds = semver.satisfies(agentVersion, text, { includePrerelease: true });
      if (operator === '!=' ? holds : !holds) all = false;
    }
    if (all) any = true;
  }
  return any;
}

/** `7.34-0` is `7.34.0-0`. */
function whole(version: string): string {
  const match = /^v?(\d+)(?:\.(\d+))?(-[\w.-]+)$/.exec(version);
  return match === null ? version.replace(/^v/, '') : `${match[1]}.${match[2] ?? '0'}.0${match[3]}`;
}
