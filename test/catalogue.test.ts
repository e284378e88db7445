/** The catalogue: rows are sound, ids are never reused, every field of the reference is accounted for, generated files are current. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { eventsPage, fieldsPage, fieldsSchema } from '../scripts/generated/catalogue.js';
import { archNumbers, callName, callNumber, isCallName } from '../src/catalogue/calls.js';
import { constantGroup, constantOnArm64, constants, nameConstant } from '../src/catalogue/constants.js';
import { eventByName, eventRows, recordedRows } from '../src/catalogue/events.js';
import { allFields, fieldByName, fieldsOfEvent } from '../src/catalogue/fields.js';
import { nativeHeader } from '../src/catalogue/native.js';
import { recordRows } from '../src/catalogue/records.js';
import { referenceFields, referenceSince } from '../src/catalogue/reference.js';
import { type CaptureKind, type ColumnType, CWD, NONE } from '../src/catalogue/row.js';
import { tupleRows } from '../src/catalogue/tuples.js';

const root = join(import.meta.dirname, '..');

/** Ids that were given. A line is added with a new row; none is ever changed or taken away. */
const given = `
1 exec, 2 fork, 3 exit, 4 open, 5 unlink, 6 rmdir, 7 rename, 8 mkdir, 9 link, 10 chmod, 11 chown, 12 utimes, 13 setxattr,
14 removexattr, 15 splice, 16 mount, 18 chdir, 19 setuid, 20 setgid, 21 capset, 22 signal, 23 ptrace, 24 setrlimit, 25 prctl,
26 mmap, 27 mprotect, 28 load_module, 29 unload_module, 30 bpf, 31 bind, 32 connect, 33 accept, 34 socket, 35 setsockopt,
36 unshare, 37 dns, 38 sysctl, 39 cgroup_write, 40 capabilities, 41 selinux, 42 imds, 43 packet, 200 syscall, 201 umount,
202 chroot, 203 pivot_root, 204 setgroups, 205 setns, 206 mknod, 207 truncate, 208 memfd_create, 209 io_uring_setup,
210 listen, 211 send, 212 write, 213 dup, 214 process_vm_writev, 215 process_vm_readv, 216 keyctl, 217 userfaultfd,
218 perf_event_open, 219 fsopen, 220 fsmount, 221 move_mount, 222 open_tree, 223 name_to_handle_at, 224 open_by_handle_at,
225 fanotify_init, 226 fanotify_mark, 227 kexec, 228 seccomp, 229 mount_setattr, 230 pidfd_getfd, 232 personality,
233 clock_set, 234 hostname, 235 reboot, 236 swap, 237 acct, 238 ports, 239 ioctl, 240 tee, 241 sendfile,
242 copy_file_range, 243 setsid
`;

/** What a capture kind may fill. */
const fills: Readonly<Record<CaptureKind, readonly ColumnType[]>> = {
  word: ['u32', 'i32', 'u64', 'i64'],
  string: ['string'],
  path: ['file'],
  descriptor: ['file'],
  'result-file': ['file'],
  strings: ['list'],
  address: ['address'],
  'result-address': ['address'],
  bytes: ['string'],
  memory: ['u32', 'i32', 'u64', 'i64'],
  task: ['credentials', 'namespaces', 'context'],
  socket: ['u32'],
  directory: ['string'],
  constant: ['u32', 'i32'],
  native: [
    'u32',
    'i32',
    'u64',
    'i64',
    'string',
    'list',
    'file',
    'credentials',
    'namespaces',
    'context',
    'address',
    'content',
  ],
  'message-address': ['address'],
  'message-bytes': ['string'],
  pid: ['i32'],
  pidfd: ['i32'],
  fdinfo: ['string'],
  time: ['i64'],
  'memory-string': ['string'],
  'indirect-bytes': ['string'],
  'vector-bytes': ['string'],
  'local-address': ['address'],
  'peer-address': ['address'],
  numbers: ['list'],
  'result-bytes': ['string'],
  'result-message-bytes': ['string'],
  'link-target': ['file'],
  opened: ['file'],
  'result-socket': ['u32'],
  'result-local-address': ['address'],
};

t.test('each event id is used once and never reused', (t) => {
  const pinned = given
    .trim()
    .split(/,\s*/)
    .map((item) => item.trim());
  t.strictSame(
    eventRows.map((row) => `${row.id} ${row.name}`),
    pinned.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
  );
  t.equal(new Set(eventRows.map((row) => row.name)).size, eventRows.length);
  t.strictSame(
    recordRows.map((row) => `${row.id} ${row.name}`),
    [
      '1 clock',
      '2 process',
      '3 user',
      '4 group',
      '5 mount',
      '6 descriptor',
      '7 gap',
      '8 blind_spot',
      '9 update',
      '10 counters',
      '11 end',
    ],
  );
  t.strictSame(
    tupleRows.map((row) => `${row.id} ${row.name}`),
    ['1 list', '2 file', '3 credentials', '4 namespaces', '5 context', '6 address', '7 content'],
  );
  t.end();
});

t.test('rows are sound', (t) => {
  const wrong: string[] = [];
  for (const row of eventRows) {
    const say = (what: string) => wrong.push(`${row.name}: ${what}`);
    const columns = Object.keys(row.columns);
    if (columns.length > 32) say('more than 32 columns: the bits of `missing` do not reach');
    if (row.shown !== 'all') for (const name of row.shown) if (!constants.has(name)) say(`no errno ${name}`);
    for (const call of row.calls) {
      if (!isCallName(call.name)) say(`no call ${call.name}`);
      const filled = Object.keys(call.captures);
      for (const name of filled) if (!columns.includes(name)) say(`no column ${name}`);
      for (const [name, capture] of Object.entries(call.captures)) {
        const type = row.columns[name]?.type;
        if (type !== undefined && !fills[capture.kind].includes(type))
          say(`${call.name}: ${capture.kind} cannot fill ${name}, which is ${type}`);
        if (capture.args.some((arg) => (arg < 0 || arg > 5) && arg !== CWD && arg !== NONE))
          say(`${call.name}: ${name} names an argument that is none`);
        if (capture.kind.startsWith('result-') && capture.at !== 'exit')
          say(`${call.name}: ${name} is known after the call only`);
        if (row.result === 'entry' && capture.at !== 'entry')
          say(`${call.name}: ${name} is read at an exit stop that the row does not ask for`);
      }
      for (const test of call.when ?? [])
        if (test.arg < 0 || test.arg > 5) say(`${call.name}: a test of argument ${test.arg}`);
    }
    for (const prefix of ['files', 'addresses'] as const) {
      for (const column of Object.values(row[prefix] ?? {})) {
        const type = row.columns[column]?.type;
        if (type !== (prefix === 'files' ? 'file' : 'address')) say(`${prefix}: ${column} is ${type}`);
      }
    }
    for (const [name, field] of Object.entries(row.fields)) {
      for (const column of field.needs ?? []) if (!columns.includes(column)) say(`${name} needs ${column}`);
      if (!/[.)]$/.test(field.doc)) say(`${name}: its doc is no sentence`);
    }
    if ((row.result === 'derived') !== (row.derivedFrom !== undefined || row.unavailable !== undefined))
      say('derived from what?');
    if (row.derivedFrom !== undefined && eventByName(row.derivedFrom)?.result === 'derived')
      say('derived from a derived event');
    if (!row.doc.endsWith('.')) say('its doc is no sentence');
  }
  t.strictSame(wrong, []);
  t.end();
});

t.test('sources of fields exist', (t) => {
  const wrong: string[] = [];
  const names = new Set<string>();
  const members = new Map(
    tupleRows.map((row) => [row.name as string, row.columns as Readonly<Record<string, { type: string }>>]),
  );
  for (const field of allFields) {
    if (names.has(field.name)) wrong.push(`${field.name} is there twice`);
    names.add(field.name);
    const { source } = field;
    if (source.kind === 'unavailable' && !source.reason.endsWith('.'))
      wrong.push(`${field.name}: the reason is no sentence`);
    if (field.constants !== undefined && constantGroup(field.constants) === undefined)
      wrong.push(`${field.name}: no constants ${field.constants}`);
    if (source.kind !== 'column') continue;
    const row = eventByName(field.events![0]!)!;
    let type: string | undefined = row.columns[source.column]?.type;
    if (type === undefined) wrong.push(`${field.name}: no column ${source.column}`);
    for (const member of source.member?.split('.') ?? []) {
      type = members.get(type ?? '')?.[member]?.type;
      if (type === undefined) wrong.push(`${field.name}: no member ${source.member}`);
    }
  }
  t.strictSame(wrong, []);
  t.ok(fieldsOfEvent('open').some((field) => field.name === 'open.file.destination.mode'));
  t.end();
});

t.test('every field of the reference is a field here, of the same type', (t) => {
  const suffix = /\.(length|root_domain)$/;
  const lists = new Set(allFields.flatMap((field) => (field.iterator === undefined ? [] : [field.iterator])));
  let count = 0;
  let unavailable = 0;
  const wrong: string[] = [];
  for (const [event, fields] of referenceFields()) {
    for (const { name, type } of fields) {
      count += 1;
      const field = fieldByName(name);
      const base = name.replace(suffix, '');
      if (field === undefined) {
        const owner = fieldByName(base);
        const measured = owner !== undefined && (owner.type === 'string' || owner.type.endsWith('[]'));
        if (!suffix.test(name) || !(measured || lists.has(base))) wrong.push(`${name} is missing`);
        continue;
      }
      if (field.type !== type) wrong.push(`${name} is ${field.type}, not ${type}`);
      if (event !== '*' && !field.events!.includes(event)) wrong.push(`${name} is not of ${event}`);
      if (field.source.kind === 'unavailable') unavailable += 1;
    }
  }
  t.strictSame(wrong, []);
  t.equal(count, 2247);
  t.ok(unavailable < 100, `${unavailable} of ${count} are not available, each with a reason`);
  for (const event of Object.keys(referenceSince)) t.ok(eventByName(event), `the event ${event} has a row`);
  t.end();
});

t.test('generated files are current: npm run generate', (t) => {
  const files: readonly (readonly [string, string])[] = [
    ['native/catalogue.h', nativeHeader()],
    ['docs/events.md', eventsPage()],
    ['docs/fields.md', fieldsPage()],
    ['schema/fields.json', fieldsSchema()],
  ];
  for (const [path, text] of files) t.ok(readFileSync(join(root, path), 'utf8') === text, path);
  t.end();
});

const compiler = spawnSync('cc', ['--version']).status === 0;

t.test(
  'the header for C compiles beside the headers of the system',
  { skip: compiler ? false : 'no C compiler' },
  (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'seccam-catalogue-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const headers = [
      'fcntl.h',
      'sched.h',
      'signal.h',
      'stdio.h',
      'time.h',
      'sys/ptrace.h',
      'sys/prctl.h',
      'sys/socket.h',
      'sys/mman.h',
      'sys/wait.h',
      'linux/seccomp.h',
      'linux/bpf.h',
    ];
    const lines = [
      ...headers.map((name) => `#include <${name}>`),
      '#define CATALOGUE_DATA',
      '#include "catalogue.h"',
      'int main(void)',
      '{',
      '\tfor (int n = 0; n < CATALOGUE_CALLS; n++)',
      '\t\tprintf("%s %d %s %d %d %d\\n", catalogue_calls[n].name, catalogue_events[catalogue_calls[n].event].id,',
      '\t\t       catalogue_captures[catalogue_calls[n].first_capture].kind ? "captures" : "", catalogue_calls[n].nr[0], catalogue_calls[n].nr[1], catalogue_calls[n].nr[2]);',
      '\tprintf("%s|%d|%s|%zu|%zu|%s", catalogue_names[0][257], FILE_TUPLE_WORDS, catalogue_columns[0].name, sizeof(catalogue_tests), sizeof(catalogue_arches), catalogue_json);',
      '}',
    ];
    writeFileSync(join(folder, 'main.c'), lines.join('\n'));
    const built = spawnSync(
      'cc',
      [
        '-Wall',
        '-Wextra',
        '-Wshadow',
        '-Werror',
        '-I',
        join(root, 'native'),
        '-o',
        join(folder, 'main'),
        join(folder, 'main.c'),
      ],
      { encoding: 'utf8' },
    );
    t.equal(built.stderr, '');
    const ran = spawnSync(join(folder, 'main'), { encoding: 'utf8' }).stdout;
    t.match(ran, /^execve 1 captures 59 221 11$/m, 'numbers on all architectures');
    t.match(ran, /^openat 4 captures 257 56 295$/m);
    t.match(ran, /^open 4 captures 2 -1 5$/m, 'what an architecture lacks is −1');
    const schema = JSON.parse(ran.slice(ran.indexOf('{"version"'))) as { events: { name: string }[] };
    t.strictSame(
      schema.events.map((row) => row.name),
      recordedRows.map((row) => row.name),
      'the JSON survives C',
    );
    t.end();
  },
);

t.test(
  'numbers of calls are those of the kernel’s headers',
  { skip: compiler && process.arch === 'x64' ? false : 'needs a C compiler on x86_64' },
  (t) => {
    const read = spawnSync('cc', ['-E', '-dM', '-x', 'c', '-'], {
      input: '#include <asm/unistd_64.h>\n',
      encoding: 'utf8',
    }).stdout;
    const wrong: string[] = [];
    let count = 0;
    for (const [, name, number] of read.matchAll(/^#define __NR_(\w+) (\d+)$/gm)) {
      if (!isCallName(name!)) continue;
      count += 1;
      if (callNumber('x86_64', name!) !== Number(number)) wrong.push(`${name} is ${number}`);
    }
    t.strictSame(wrong, []);
    t.ok(count > 300);
    t.equal(callName(archNumbers.aarch64, 56), 'openat');
    t.equal(callName(archNumbers.x32, 0x40000000 + 2), 'open');
    t.equal(callName(archNumbers.x86_64, 100_000), undefined);
    t.end();
  },
);

t.test('constants', (t) => {
  const values: readonly (readonly [name: string, value: number | boolean])[] = [
    ['EACCES', -13],
    ['EPERM', -1],
    ['SIGKILL', 9],
    ['O_CREAT', 64],
    ['O_ACCMODE', 3],
    ['CAP_SYS_ADMIN', 2 ** 21],
    ['AF_INET6', 10],
    ['AUDIT_AUID_UNSET', 4294967295],
    ['PTRACE_ATTACH', 16],
    ['BPF_PROG_LOAD', 5],
    ['AAAA', 28],
    ['CLONE_NEWUSER', 0x10000000],
    ['S_ISUID', 0o4000],
    ['COREDUMPED', 1],
    ['true', true],
  ];
  for (const [name, value] of values) t.equal(constants.get(name), value, name);
  const printed: readonly (readonly [group: string, value: number, text: string | undefined])[] = [
    ['open-flags', 0, 'O_RDONLY'],
    ['open-flags', 0o2001101, 'O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC'],
    ['errno', -2, 'ENOENT'],
    ['address-family', 2, 'AF_INET'],
    ['capabilities', 3, 'CAP_CHOWN|CAP_DAC_OVERRIDE'],
    ['protections', 5, 'PROT_READ|PROT_EXEC'],
    ['address-family', 999, undefined],
    ['nothing', 1, undefined],
    ['prctl-options', 15, 'PR_SET_NAME'],
    ['prctl-options', 8, 'PR_SET_KEEPCAPS'],
    ['prctl-options', 34, 'PR_MCE_KILL_GET'],
    ['prctl-options', 47, 'PR_CAP_AMBIENT'],
    ['address-family', 1, 'AF_UNIX'],
    ['protocols', 0, 'IPPROTO_IP'],
    ['socket-options', 27, 'SO_DETACH_FILTER'],
  ];
  for (const [group, value, text] of printed) t.equal(nameConstant(group, value), text, `${group} ${value}`);
  t.equal(constantOnArm64('O_DIRECTORY'), 0o40000);
  t.equal(constantOnArm64('O_CREAT'), 64);
  t.end();
});
