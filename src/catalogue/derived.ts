/**
 * Fields that no column holds as they are: computed from the columns that their rows name in `needs`.
 * Texts are JavaScript strings. What cannot be computed reads as the zero value of the field's type.
 */
import ipaddr from 'ipaddr.js';
import type { StringId, StringTable } from '../support/strings.js';
import { callName } from './calls.js';
import { constants } from './constants.js';
import { type DnsMessage, decodeDns } from './dns.js';
import type { Address, Event, FileFacts } from './event.js';
import { eventByName, eventRows } from './events.js';
import { filterHash, filterText, helpersOf, immediates, instructionCount } from './filter.js';
import { decodeMetadata, type MetadataMessage } from './metadata-service.js';

export type DerivedValue = boolean | number | string | readonly number[] | readonly string[];
export type Derivation = (event: Event, strings: StringTable) => DerivedValue;

/** Reads a column of one event's row by name. */
function column(type: string, name: string): (event: Event) => number {
  const at = Object.keys(eventByName(type)?.columns ?? {}).indexOf(name);
  return (event) => {
    const value = event.columns[at];
    return typeof value === 'number' ? value : 0;
  };
}

function fileColumn(type: string, name: string): (event: Event) => FileFacts | undefined {
  const at = Object.keys(eventByName(type)?.columns ?? {}).indexOf(name);
  return (event) => {
    const value = event.columns[at];
    return typeof value === 'object' ? (value as FileFacts) : undefined;
  };
}

/** Keeps the decoding of the last bytes: the fields of one event are read one after the other. */
function last<T>(
  decode: (id: StringId, strings: StringTable) => T,
): (id: StringId, strings: StringTable) => T {
  let key: StringId = -1;
  let table: StringTable | undefined;
  let collections = 0;
  let value: T;
  return (id, strings) => {
    if (id !== key || strings !== table || strings.collections !== collections) {
      value = decode(id, strings);
      key = id;
      table = strings;
      collections = strings.collections;
    }
    return value;
  };
}

const dnsMessage = last((id, strings) => decodeDns(strings.bytes(id)));
const dnsColumn = column('dns', 'message');
const dns =
  (read: (message: DnsMessage) => DerivedValue, zero: DerivedValue): Derivation =>
  (event, strings) => {
    const message = dnsMessage(dnsColumn(event), strings);
    return message === null ? zero : read(message);
  };

/** The DNS message of an event of type `dns`, or null. */
export function dnsMessageOf(event: Event, strings: StringTable): DnsMessage | null {
  return dnsMessage(dnsColumn(event), strings);
}

const metadataMessage = last((id, strings) => decodeMetadata(strings.text(id)));
const imdsColumn = column('imds', 'message');
const imds =
  (read: (message: MetadataMessage) => DerivedValue): Derivation =>
  (event, strings) =>
    read(metadataMessage(imdsColumn(event), strings));

const bytesOf = (type: string, name: string, read: (bytes: Uint8Array) => DerivedValue): Derivation => {
  const at = column(type, name);
  return (event, strings) => read(strings.bytes(at(event)));
};
const textOf = (type: string, name: string, read: (text: string) => DerivedValue): Derivation => {
  const at = column(type, name);
  return (event, strings) => read(strings.text(at(event)));
};
const pathOf = (type: string, read: (path: string) => DerivedValue): Derivation => {
  const at = fileColumn(type, 'file');
  return (event, strings) => read(strings.text(at(event)?.path ?? 0));
};

const attributeNamespace = (attribute: string): string =>
  attribute.includes('.') ? attribute.slice(0, attribute.indexOf('.')) : '';
const written = (text: string): string => text.replace(/\0.*$/s, '').trim();

const selinuxRoot = '/sys/fs/selinux/';
const booleans = `${selinuxRoot}booleans/`;
const selinuxText = (want: string, read: (text: string) => DerivedValue, zero: DerivedValue): Derivation => {
  const file = fileColumn('selinux', 'file');
  const bytes = column('selinux', 'bytes');
  return (event, strings) => {
    const path = strings.text(file(event)?.path ?? 0);
    return path.startsWith(want) ? read(written(strings.text(bytes(event)))) : zero;
  };
};

const exitCode = column('exit', 'code');
const exitSignal = column('exit', 'signal');
const socketType = column('socket', 'type');
const SOCK_TYPE_MASK = 0xf;
const SYSCTL_WRITE = Number(constants.get('SYSCTL_WRITE'));
const COMM_BYTES = 15;

/** What a message of a socket tells: events with the columns server, local, direction, socket and message. */
interface Carried {
  readonly source: Address;
  readonly destination: Address;
  readonly outgoing: boolean;
  readonly protocol: number;
  readonly size: number;
  /** A string. */
  readonly device: number;
}

const messages = new Map(
  eventRows
    .filter((row) => row.network !== undefined && 'server' in row.columns)
    .map((row) => [row.name, positionsOf(row.columns)] as const),
);

function positionsOf(columns: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  return new Map(Object.keys(columns).map((name, index) => [name, index]));
}

function carried(event: Event, strings: StringTable): Carried | undefined {
  const at = messages.get(event.type);
  if (at === undefined) return undefined;
  const read = (name: string) => event.columns[at.get(name) ?? -1];
  const outgoing = read('direction') === 0;
  const [server, local] = [read('server') as Address, read('local') as Address];
  return {
    source: outgoing ? local : server,
    destination: outgoing ? server : local,
    outgoing,
    protocol: Math.floor(Number(read('socket')) / 65536) & 0xffff,
    device: Number(read('interface') ?? 0),
    size: event.retval > 0 ? event.retval : strings.bytes(Number(read('message'))).length,
  };
}

const network =
  (
    read: (message: Carried, strings: StringTable, event: Event) => DerivedValue,
    zero: DerivedValue,
  ): Derivation =>
  (event, strings) => {
    const message = carried(event, strings);
    return message === undefined ? zero : read(message, strings, event);
  };

const layer3: Readonly<Record<number, number>> = { 2: 0x0800, 10: 0x86dd };

/** Not private, local, reserved or otherwise special. */
export function isPublicAddress(text: string): boolean {
  return ipaddr.isValid(text) && ipaddr.process(text).range() === 'unicast';
}

/** By the full name of the field. */
export const derivedFields: ReadonlyMap<string, Derivation> = new Map<string, Derivation>([
  ['exit.code', (event) => exitSignal(event) || exitCode(event)],
  ['setxattr.file.destination.namespace', textOf('setxattr', 'attribute', attributeNamespace)],
  ['removexattr.file.destination.namespace', textOf('removexattr', 'attribute', attributeNamespace)],
  ['mount.detached', () => false],
  ['mount.visible', () => true],
  ['prctl.is_name_truncated', bytesOf('prctl', 'new_name', (bytes) => bytes.length > COMM_BYTES)],
  [
    'load_module.argv',
    textOf('load_module', 'arguments', (text) => text.split(/\s+/).filter((part) => part !== '')),
  ],
  ['bpf.prog.helpers', bytesOf('bpf', 'instructions', helpersOf)],
  ['bpf.prog.tag', textOf('bpf', 'fdinfo', (text) => /^prog_tag:\s*(\S+)/m.exec(text)?.[1] ?? '')],
  ['socket.type', (event) => socketType(event) & SOCK_TYPE_MASK],
  ['setsockopt.filter_len', bytesOf('setsockopt', 'filter', instructionCount)],
  ['setsockopt.filter_instructions', bytesOf('setsockopt', 'filter', filterText)],
  ['setsockopt.filter_hash', bytesOf('setsockopt', 'filter', filterHash)],
  ['setsockopt.used_immediates', bytesOf('setsockopt', 'filter', immediates)],
  ['seccomp.filter_len', bytesOf('seccomp', 'program', instructionCount)],
  ['dns.id', dns((message) => message.id, 0)],
  ['dns.question.name', dns((message) => message.name, '')],
  ['dns.question.type', dns((message) => message.type, 0)],
  ['dns.question.class', dns((message) => message.class, 0)],
  ['dns.question.length', dns((message) => message.length, 0)],
  ['dns.question.count', dns((message) => message.questions, 0)],
  ['dns.response.code', dns((message) => message.code, 0)],
  ['sysctl.action', () => SYSCTL_WRITE],
  ['sysctl.file_position', () => 0],
  ['sysctl.name', pathOf('sysctl', (path) => path.replace(/^\/proc\/sys\//, ''))],
  ['sysctl.name_truncated', () => false],
  ['sysctl.value', textOf('sysctl', 'bytes', written)],
  ['sysctl.old_value', textOf('sysctl', 'before', written)],
  ['cgroup_write.pid', textOf('cgroup_write', 'bytes', (text) => Number.parseInt(text, 10) || 0)],
  [
    'selinux.bool.name',
    pathOf('selinux', (path) => (path.startsWith(booleans) ? path.slice(booleans.length) : '')),
  ],
  [
    'selinux.bool.state',
    selinuxText(booleans, (text) => (text === '1' ? 'on' : text === '0' ? 'off' : text), ''),
  ],
  [
    'selinux.bool_commit.state',
    selinuxText(`${selinuxRoot}commit_pending_bools`, (text) => text === '1', false),
  ],
  [
    'selinux.enforce.status',
    selinuxText(`${selinuxRoot}enforce`, (text) => (text === '1' ? 'enforcing' : 'permissive'), ''),
  ],
  ['imds.type', imds((message) => message.type)],
  ['imds.cloud_provider', imds((message) => message.cloudProvider)],
  ['imds.url', imds((message) => message.url)],
  ['imds.host', imds((message) => message.host)],
  ['imds.user_agent', imds((message) => message.userAgent)],
  ['imds.server', imds((message) => message.server)],
  ['imds.aws.is_imds_v2', imds((message) => message.isTokenRequest)],
  ['imds.aws.security_credentials.type', imds((message) => message.credentialsType)],
  ['network.device.netns', network((_message, _strings, event) => event.process.namespaces.net, 0)],
  ['network.device.ifname', network((message, strings) => strings.text(message.device), '')],
  [
    'network.l3_protocol',
    network((message) => layer3[message.destination.family || message.source.family] ?? 0, 0),
  ],
  ['network.l4_protocol', network((message) => message.protocol, 0)],
  ['network.source.ip', network((message, strings) => strings.text(message.source.ip), '')],
  ['network.source.port', network((message) => message.source.port, 0)],
  [
    'network.source.is_public',
    network((message, strings) => isPublicAddress(strings.text(message.source.ip)), false),
  ],
  ['network.destination.ip', network((message, strings) => strings.text(message.destination.ip), '')],
  ['network.destination.port', network((message) => message.destination.port, 0)],
  [
    'network.destination.is_public',
    network((message, strings) => isPublicAddress(strings.text(message.destination.ip)), false),
  ],
  ['network.network_direction', network((message) => (message.outgoing ? 1 : 2), 0)],
  ['network.size', network((message) => message.size, 0)],
  ['syscall.name', (event) => callName(event.arch, event.syscall) ?? ''],
]);
