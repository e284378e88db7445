/** Sockets, addresses, messages. */
import { type Call, event, type FieldRow } from '../row.js';
import { absent, address, int, refused, retval, str, string, u32, word } from './shape.js';

const socket = u32('The socket, packed as capture kind `socket`: family | type << 8 | protocol << 16.');
const socketOf = (arg: number) => ({ kind: 'socket', args: [arg], at: 'entry' }) as const;
const protocol: FieldRow = { type: 'int', doc: 'Protocol of the socket (IPPROTO_*).', from: 'socket', as: 'socket-protocol', constants: 'protocols' };

export const bind = event({
  name: 'bind',
  id: 31,
  since: '0.1',
  category: 'network',
  preset: 'lean',
  doc: 'A socket was given a local address.',
  result: 'exit',
  shown: [...refused, 'EADDRINUSE', 'EFAULT'],
  columns: { address: address('The address of the call.'), socket, local: address('The address of the socket after the call.') },
  addresses: { addr: 'address' },
  fields: { retval, protocol },
  calls: [
    {
      name: 'bind',
      captures: {
        address: { kind: 'address', args: [1, 2], at: 'both' },
        socket: socketOf(0),
        local: { kind: 'local-address', args: [0], at: 'exit' },
      },
    },
  ],
});

export const connect = event({
  name: 'connect',
  id: 32,
  since: '0.1',
  category: 'network',
  preset: 'lean',
  doc: 'A socket was connected, or the connection was begun.',
  result: 'exit',
  shown: [...refused, 'ECONNREFUSED', 'ETIMEDOUT', 'EINPROGRESS'],
  columns: { address: address('The address of the call.'), socket, local: address('The local address after the call.') },
  addresses: { addr: 'address' },
  fields: { retval, protocol },
  calls: [
    {
      name: 'connect',
      captures: {
        address: { kind: 'address', args: [1, 2], at: 'both' },
        socket: socketOf(0),
        local: { kind: 'local-address', args: [0], at: 'exit' },
      },
    },
  ],
});

export const accept = event({
  name: 'accept',
  id: 33,
  since: '0.1',
  category: 'network',
  preset: 'lean',
  doc: 'A connection was accepted.',
  result: 'exit',
  shown: [...refused, 'ECONNABORTED'],
  columns: { address: address('The peer.'), socket, local: address('The local address.') },
  addresses: { addr: 'address' },
  fields: { retval },
  calls: ['accept', 'accept4'].map((name) => ({
    name,
    captures: {
      address: { kind: 'result-address', args: [1, 2], at: 'exit' } as const,
      socket: { kind: 'result-socket', args: [], at: 'exit' } as const,
      local: { kind: 'result-local-address', args: [], at: 'exit' } as const,
    },
  })),
});

export const socketEvent = event({
  name: 'socket',
  id: 34,
  since: '0.1',
  category: 'network',
  preset: 'default',
  doc: 'A socket was made.',
  result: 'exit',
  shown: refused,
  columns: { domain: u32('Family (AF_*).'), type: u32('Type with its flags, as given.'), protocol: u32('Protocol as given.') },
  fields: {
    retval,
    domain: int('domain', 'Family (AF_*).', 'address-family'),
    type: { type: 'int', doc: 'Type (SOCK_*), without flags.', from: 'derived', needs: ['type'], constants: 'socket-types' },
    protocol: int('protocol', 'Protocol as given.', 'protocols'),
  },
  calls: [{ name: 'socket', captures: { domain: word(0), type: word(1), protocol: word(2) } }],
});

const filter = 'filter';
export const setsockopt = event({
  name: 'setsockopt',
  id: 35,
  since: '0.1',
  category: 'network',
  preset: 'default',
  doc: 'An option of a socket was set.',
  result: 'exit',
  shown: refused,
  columns: {
    socket,
    level: u32('Level.'),
    option: u32('Option.'),
    value: u32('The first word of the value.'),
    filter: string('SO_ATTACH_FILTER: the instructions, 8 bytes each.'),
  },
  fields: {
    retval,
    socket_type: { ...int('socket', 'Type of the socket.', 'socket-types'), as: 'socket-type' },
    socket_family: { ...int('socket', 'Family of the socket.', 'address-family'), as: 'socket-family' },
    socket_protocol: { ...int('socket', 'Protocol of the socket.', 'protocols'), as: 'socket-protocol' },
    level: int('level', 'Level.', 'socket-levels'),
    optname: int('option', 'Option.', 'socket-options'),
    filter_len: { type: 'int', doc: 'Number of instructions of the filter.', from: 'derived', needs: [filter] },
    is_filter_truncated: { type: 'bool', doc: 'The filter is longer than what was recorded.', from: filter, as: 'truncated' },
    filter_instructions: { type: 'string', doc: 'The instructions as text.', from: 'derived', needs: [filter] },
    filter_hash: { type: 'string', doc: 'SHA-256 of the instructions.', from: 'derived', needs: [filter] },
    used_immediates: { type: 'int[]', doc: 'The constants in the instructions.', from: 'derived', needs: [filter] },
  },
  calls: [
    {
      name: 'setsockopt',
      when: [{ arg: 2, test: 'is-not', values: [26] }],
      captures: { socket: socketOf(0), level: word(1), option: word(2), value: { kind: 'memory', args: [3], at: 'entry', param: 0 } },
    },
    {
      name: 'setsockopt',
      when: [{ arg: 2, test: 'is', values: [26] }],
      captures: {
        socket: socketOf(0),
        level: word(1),
        option: word(2),
        filter: { kind: 'indirect-bytes', args: [3], at: 'entry', param: 8 | (0 << 8) | (8 << 16) | (2 << 24) },
      },
    },
  ],
});

export const listen = event({
  name: 'listen',
  id: 210,
  since: '0.1',
  category: 'network',
  preset: 'default',
  doc: 'A socket began to listen.',
  result: 'exit',
  shown: [...refused, 'EADDRINUSE'],
  columns: { socket, local: address('The local address.'), backlog: u32('Length of the queue.') },
  addresses: { addr: 'local' },
  fields: { retval, protocol, backlog: int('backlog', 'Length of the queue.') },
  calls: [
    { name: 'listen', captures: { socket: socketOf(0), local: { kind: 'local-address', args: [0], at: 'exit' }, backlog: word(1) } },
  ],
});

const toMessage = (name: string): Call => ({
  name,
  captures: {
    socket: socketOf(0),
    address: { kind: 'message-address', args: [1], at: 'entry' },
    bytes: { kind: 'message-bytes', args: [1], at: 'entry', param: 256 },
  },
});

export const send = event({
  name: 'send',
  id: 211,
  since: '0.1',
  category: 'network',
  preset: 'all',
  doc: 'A message was sent to a named destination.',
  result: 'exit',
  shown: refused,
  columns: { address: address('The destination.'), socket, bytes: string('First bytes of the message.') },
  addresses: { addr: 'address' },
  fields: { retval, protocol, bytes: str('bytes', 'First bytes of the message; bytes that are not UTF-8 as \\xNN.') },
  calls: [
    {
      name: 'sendto',
      when: [{ arg: 4, test: 'not-null', values: [] }],
      captures: {
        socket: socketOf(0),
        address: { kind: 'address', args: [4, 5], at: 'entry' },
        bytes: { kind: 'bytes', args: [1, 2], at: 'entry', param: 256 },
      },
    },
    toMessage('sendmsg'),
    toMessage('sendmmsg'),
  ],
});

const dnsNeeds = ['message'];
const dnsField = (type: FieldRow['type'], doc: string, more: Partial<FieldRow> = {}): FieldRow => ({ type, doc, from: 'derived', needs: dnsNeeds, ...more });
const outgoing = { kind: 'constant', args: [], at: 'entry', param: 0 } as const;
const incoming = { kind: 'constant', args: [], at: 'entry', param: 1 } as const;
const peer = { kind: 'peer-address', args: [0], at: 'entry' } as const;
const local = { kind: 'local-address', args: [0], at: 'exit' } as const;
/** Found by what the columns before it tell. */
const device = { kind: 'native', args: [], at: 'exit' } as const;

export const dns = event({
  name: 'dns',
  id: 37,
  since: '0.1',
  category: 'network',
  preset: 'all',
  doc: 'A DNS question or answer: a message of a socket whose other end is port 53. Later events with an answered address have its names in `addr.hostname`.',
  result: 'exit',
  shown: [],
  columns: {
    message: string('Bytes of the message (of the first one for sendmmsg and recvmmsg).'),
    direction: u32('0 sent, 1 received.'),
    server: address('The other end.'),
    local: address('This end.'),
    socket,
    interface: string('Name of the interface by which the other end is reached, in the network namespace of the socket.'),
  },
  network: 'network',
  fields: {
    id: dnsField('int', 'Number of the question.'),
    'question.name': dnsField('string', 'The name that is asked for.', { ignoreCase: true }),
    'question.type': dnsField('int', 'Type of the question.', { constants: 'dns-types' }),
    'question.class': dnsField('int', 'Class of the question.', { constants: 'dns-classes' }),
    'question.length': dnsField('int', 'Bytes of the message.'),
    'question.count': dnsField('int', 'Number of questions.'),
    'response.code': dnsField('int', 'Code of the answer.', { constants: 'dns-codes' }),
  },
  calls: [
    {
      name: 'sendto',
      gate: 'port-53',
      captures: { message: { kind: 'bytes', args: [1, 2], at: 'entry', param: 1024 }, direction: outgoing, server: { kind: 'address', args: [4, 5], at: 'entry' }, local, socket: socketOf(0), interface: device },
    },
    ...(['sendmsg', 'sendmmsg'] as const).map(
      (name): Call => ({
        name,
        gate: 'port-53',
        captures: { message: { kind: 'message-bytes', args: [1], at: 'entry', param: 1024 }, direction: outgoing, server: { kind: 'message-address', args: [1], at: 'entry' }, local, socket: socketOf(0), interface: device },
      }),
    ),
    {
      name: 'write',
      gate: 'port-53',
      captures: { message: { kind: 'bytes', args: [1, 2], at: 'entry', param: 1024 }, direction: outgoing, server: peer, local, socket: socketOf(0), interface: device },
    },
    {
      name: 'recvfrom',
      gate: 'port-53',
      captures: { message: { kind: 'result-bytes', args: [1], at: 'exit', param: 1024 }, direction: incoming, server: { kind: 'result-address', args: [4, 5], at: 'exit' }, local, socket: socketOf(0), interface: device },
    },
    ...(['recvmsg', 'recvmmsg'] as const).map(
      (name): Call => ({
        name,
        gate: 'port-53',
        captures: { message: { kind: 'result-message-bytes', args: [1], at: 'exit', param: 1024 }, direction: incoming, server: { kind: 'message-address', args: [1], at: 'exit' }, local, socket: socketOf(0), interface: device },
      }),
    ),
    {
      name: 'read',
      gate: 'port-53',
      captures: { message: { kind: 'result-bytes', args: [1], at: 'exit', param: 1024 }, direction: incoming, server: peer, local, socket: socketOf(0), interface: device },
    },
  ],
});

const imdsField = (type: FieldRow['type'], doc: string): FieldRow => ({ type, doc, from: 'derived', needs: ['message'] });

export const imds = event({
  name: 'imds',
  id: 42,
  since: '0.1',
  category: 'network',
  preset: 'all',
  doc: 'A request to, or an answer of, the metadata service of a cloud machine (169.254.169.254).',
  result: 'exit',
  shown: [],
  columns: {
    message: string('First bytes of the message.'),
    direction: u32('0 sent, 1 received.'),
    server: address('The other end.'),
    local: address('This end.'),
    socket,
    interface: string('Name of the interface by which the other end is reached, in the network namespace of the socket.'),
  },
  network: 'network',
  fields: {
    type: imdsField('string', '`request` or `response`.'),
    cloud_provider: imdsField('string', 'Provider, as far as the request tells.'),
    url: imdsField('string', 'Path of the request.'),
    host: imdsField('string', 'Host header.'),
    user_agent: imdsField('string', 'User-Agent header.'),
    server: imdsField('string', 'Server header of the answer.'),
    'aws.is_imds_v2': imdsField('bool', 'The request carries a session token.'),
    'aws.security_credentials.type': imdsField('string', 'Type of the credentials in the answer.'),
  },
  calls: [
    ...(['sendto', 'write'] as const).map(
      (name): Call => ({
        name,
        gate: 'imds',
        captures: { message: { kind: 'bytes', args: [1, 2], at: 'entry', param: 1024 }, direction: outgoing, server: peer, local, socket: socketOf(0), interface: device },
      }),
    ),
    ...(['sendmsg'] as const).map(
      (name): Call => ({
        name,
        gate: 'imds',
        captures: { message: { kind: 'message-bytes', args: [1], at: 'entry', param: 1024 }, direction: outgoing, server: peer, local, socket: socketOf(0), interface: device },
      }),
    ),
    ...(['recvfrom', 'read'] as const).map(
      (name): Call => ({
        name,
        gate: 'imds',
        captures: { message: { kind: 'result-bytes', args: [1], at: 'exit', param: 1024 }, direction: incoming, server: peer, local, socket: socketOf(0), interface: device },
      }),
    ),
  ],
});

const noPackets = 'Single packets are seen by a filter in the kernel, not by system calls.';
const packetField = (type: FieldRow['type'], doc: string) => absent(type, doc, noPackets);

export const packet = event({
  name: 'packet',
  id: 43,
  since: '0.1',
  category: 'network',
  preset: 'all',
  doc: 'A packet that matches a packet filter.',
  result: 'derived',
  unavailable: noPackets,
  shown: [],
  columns: {},
  network: 'packet',
  fields: { filter: packetField('string', 'The packet filter.'), 'tls.version': packetField('int', 'Version of TLS.') },
  calls: [],
});

export const networkEvents = [bind, connect, accept, socketEvent, setsockopt, listen, send, dns, imds, packet] as const;
