/** Whether this machine can trace, and what to do about each thing that stands in the way. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import type { Diagnostic } from '../support/diagnostic.js';
import { renderDiagnostic } from '../support/diagnostic.js';
import { tracerAvailability } from '../tracer/index.js';

/** `good`: as it must be. `limited`: some of it works, the advice says which. `bad`: tracing cannot work. */
export type Condition = 'good' | 'limited' | 'bad';

export interface Finding {
  readonly name: string;
  readonly condition: Condition;
  /** What was found, in words. */
  readonly have: string;
  /** What to do; absent when nothing is. */
  readonly advice?: string;
}

export interface DoctorResult {
  readonly findings: readonly Finding[];
  readonly diagnostics: readonly Diagnostic[];
  /** 0: programs can be recorded here. 1: they cannot. */
  readonly answer: 0 | 1;
}

/** Looks at the machine; changes nothing but loading the native library. */
export async function doctor(): Promise<DoctorResult> {
  const findings: Finding[] = [system(), node()];
  const linux = platform() === 'linux';
  if (linux) {
    const status = read('/proc/self/status');
    findings.push(kernel());
    if (status === undefined) findings.push(withoutProc);
    else
      findings.push(
        ptraceScope(status),
        seccomp(status),
        capabilities(status),
        successor(status),
        namespaces(),
        container(),
      );
  }
  findings.push(...(await native(linux)), compiler());
  return {
    findings,
    diagnostics: [],
    answer: findings.some((item) => item.condition === 'bad') ? 1 : 0,
  };
}

const withoutProc: Finding = {
  name: 'proc',
  condition: 'bad',
  have: 'nothing is mounted at /proc',
  advice:
    'mount -t proc proc /proc: paths and processes are looked up there, and so is what this command asks the kernel',
};

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function field(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
}

function system(): Finding {
  const have = `${platform()} on ${arch()}`;
  if (platform() !== 'linux') {
    return {
      name: 'system',
      condition: 'bad',
      have,
      advice: 'recording needs Linux; replay, test, explain and check work here',
    };
  }
  if (arch() !== 'x64' && arch() !== 'arm64') {
    return {
      name: 'system',
      condition: 'bad',
      have,
      advice: 'recording needs x86_64 or aarch64; everything offline works here',
    };
  }
  return { name: 'system', condition: 'good', have };
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 20);
  const have = `Node.js ${process.versions.node}`;
  return recent
    ? { name: 'node', condition: 'good', have }
    : { name: 'node', condition: 'bad', have, advice: 'install Node.js 20.20 or later' };
}

/** PTRACE_GET_SYSCALL_INFO is of 5.3, what the tracer leans on. */
function kernel(): Finding {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const have = `Linux ${release()}`;
  if (major > 5 || (major === 5 && minor >= 3)) return { name: 'kernel', condition: 'good', have };
  return {
    name: 'kernel',
    condition: 'bad',
    have,
    advice: 'the tracer needs Linux 5.3 or later (PTRACE_GET_SYSCALL_INFO)',
  };
}

/** Yama: kernel documentation, admin-guide/LSM/Yama. */
function ptraceScope(status: string): Finding {
  const name = 'ptrace';
  const text = read('/proc/sys/kernel/yama/ptrace_scope');
  const tracer = Number(field(status, 'TracerPid') ?? 0);
  if (tracer > 0) {
    return {
      name,
      condition: 'limited',
      have: `this process is traced by process ${tracer}`,
      advice:
        'programs can be recorded, but the other tracer must follow no children (strace without -f, gdb)',
    };
  }
  switch (text) {
    case undefined:
      return { name, condition: 'good', have: 'no Yama restrictions' };
    case '0':
      return { name, condition: 'good', have: 'kernel.yama.ptrace_scope = 0' };
    case '1':
      return {
        name,
        condition: 'good',
        have: 'kernel.yama.ptrace_scope = 1: own children may be traced',
        advice: 'attaching with --pid needs CAP_SYS_PTRACE, or: sysctl kernel.yama.ptrace_scope=0',
      };
    case '2':
      return hasCapability(status, 19)
        ? { name, condition: 'good', have: 'kernel.yama.ptrace_scope = 2, and we have CAP_SYS_PTRACE' }
        : {
            name,
            condition: 'bad',
            have: 'kernel.yama.ptrace_scope = 2: only CAP_SYS_PTRACE may trace',
            advice: 'run as root, or: sysctl kernel.yama.ptrace_scope=1',
          };
    default:
      return {
        name,
        condition: 'bad',
        have: `kernel.yama.ptrace_scope = ${text}: nobody may trace`,
        advice: 'boot with a smaller value: 3 cannot be taken back while the system runs',
      };
  }
}

function hasCapability(status: string, bit: number): boolean {
  const effective = field(status, 'CapEff');
  return effective !== undefined && ((BigInt(`0x${effective}`) >> BigInt(bit)) & 1n) === 1n;
}

function seccomp(status: string): Finding {
  const name = 'seccomp';
  const actions = read('/proc/sys/kernel/seccomp/actions_avail');
  const mode = field(status, 'Seccomp');
  if (mode === undefined || (actions !== undefined && !actions.includes('trace'))) {
    return {
      name,
      condition: 'limited',
      have: 'the kernel has no seccomp filters',
      advice: 'record --disable-seccomp works, at several times the cost',
    };
  }
  if (mode === '2') {
    return {
      name,
      condition: 'good',
      have: `available; ${field(status, 'Seccomp_filters') ?? 'a'} filter(s) of this environment apply already`,
      advice: 'calls that those filters refuse never reach the tracer',
    };
  }
  return { name, condition: 'good', have: 'filters with SECCOMP_RET_TRACE' };
}

function capabilities(status: string): Finding {
  const name = 'privileges';
  const uid = process.getuid?.();
  const who = uid === 0 ? 'root' : `user ${uid}`;
  if (hasCapability(status, 19)) return { name, condition: 'good', have: `${who} with CAP_SYS_PTRACE` };
  return {
    name,
    condition: 'good',
    have: `${who} without CAP_SYS_PTRACE`,
    advice:
      'your own programs can be recorded; set-user-ID programs lose their privileges while they are traced',
  };
}

/**
 * Live, a guardian takes over the programs of a tracer that is killed (native/guardian.h). Yama lets only
 * ancestors seize; and without the capability nobody may seize what has changed its user.
 */
function successor(status: string): Finding {
  const name = 'guardian';
  if (hasCapability(status, 19))
    return { name, condition: 'good', have: 'takes over live programs when the tracer is killed' };
  const scope = read('/proc/sys/kernel/yama/ptrace_scope') ?? '0';
  if (process.getuid?.() !== 0 && scope === '0')
    return {
      name,
      condition: 'good',
      have: 'takes over live programs of this user when the tracer is killed',
    };
  return {
    name,
    condition: 'limited',
    have:
      scope === '0'
        ? 'none: without CAP_SYS_PTRACE a program that drops root cannot be seized when the tracer is killed, and its traced calls would fail with ENOSYS for ever'
        : `none: kernel.yama.ptrace_scope = ${scope} and no CAP_SYS_PTRACE, so traced calls would fail with ENOSYS for ever when the tracer is killed`,
    advice:
      'for trace and agent start: add CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE), or choose --on-tracer-death kill or accept-enosys; record is not concerned',
  };
}

/** `record --scratch` and `run:` of tests need them. */
function namespaces(): Finding {
  const name = 'scratch world';
  const limit = read('/proc/sys/user/max_user_namespaces');
  const switchedOff =
    read('/proc/sys/kernel/unprivileged_userns_clone') === '0' ||
    read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1';
  const able = spawnSync(
    'unshare',
    ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--net', 'true'],
    { stdio: 'ignore', timeout: 10_000 },
  );
  if (able.status === 0) return { name, condition: 'good', have: 'user, mount, pid and network namespaces' };
  const why =
    limit === '0'
      ? 'user.max_user_namespaces is 0'
      : switchedOff
        ? 'unprivileged user namespaces are switched off'
        : 'namespaces cannot be made here';
  return {
    name,
    condition: 'limited',
    have: why,
    advice:
      'record --scratch and tests with run: are skipped; recordings made elsewhere are replayed as usual',
  };
}

function container(): Finding {
  const name = 'container';
  const signs: [string, string][] = [
    ['/.dockerenv', 'Docker'],
    ['/run/.containerenv', 'Podman'],
    ['/var/run/secrets/kubernetes.io', 'Kubernetes'],
  ];
  const found = signs.find(([path]) => existsSync(path))?.[1];
  if (found === undefined)
    return { name, condition: 'good', have: isInitialPidNamespace() ? 'none' : 'a pid namespace of its own' };
  return {
    name,
    condition: 'good',
    have: found,
    advice: 'if recording is refused, give the container the capability SYS_PTRACE',
  };
}

function isInitialPidNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]';
  } catch {
    return false;
  }
}

async function native(linux: boolean): Promise<Finding[]> {
  const availability = await tracerAvailability();
  const built = availability.library === undefined ? 'not built' : availability.library;
  const findings: Finding[] = [];
  if (availability.problems.length === 0) findings.push({ name: 'tracer', condition: 'good', have: built });
  for (const problem of availability.problems) {
    const advice = problem.suggestions.map((item) => item.text).join('; ') || 'make -C native';
    findings.push({
      name: 'tracer',
      condition: linux ? 'bad' : 'limited',
      have: renderDiagnostic({ ...problem, suggestions: [] }),
      advice,
    });
  }
  if (linux && availability.executable === undefined) {
    findings.push({
      name: 'seccam-trace',
      condition: 'limited',
      have: 'the static tracer is not built',
      advice: 'agent start needs it: make -C native',
    });
  }
  return findings;
}

function compiler(): Finding {
  const name = 'compiler';
  const found = ['cc', 'gcc', 'clang'].find((program) => onPath(program));
  if (found !== undefined && onPath('make')) return { name, condition: 'good', have: `${found} and make` };
  return {
    name,
    condition: 'limited',
    have: 'no C compiler or no make',
    advice: 'only needed to build the tracer from source: apt-get install gcc libc6-dev make',
  };
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(':')
    .some((folder) => folder !== '' && existsSync(`${folder}/${program}`));
}
