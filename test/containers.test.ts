/**
 * Real containers, made by podman and by crun from a folder with a shell in it, recorded from outside:
 * what the fields of the container say is what the runtime says of it.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfiguration } from '../src/agent/configuration.js';
import { Daemon } from '../src/agent/daemon.js';
import { replay } from '../src/pipeline/index.js';
import { createModel } from '../src/rules/index.js';
import { packageRoot } from '../src/support/package.js';
import { StringTable } from '../src/support/strings.js';
import { ContainerWorld } from './container-world.js';
import { executable as tracer } from './traced.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seccam-containers-')));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const rootfs = join(folder, 'rootfs');

/** A shell, three programs, and the libraries that they need. */
function makeRoot(): void {
  for (const name of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp'])
    mkdirSync(join(rootfs, name), { recursive: true });
  for (const name of ['sh', 'sleep', 'cat', 'true']) {
    cpSync(realpathSync(`/bin/${name}`), join(rootfs, 'bin', name));
    const needed = spawnSync('ldd', [`/bin/${name}`], { encoding: 'utf8' }).stdout;
    for (const [library] of needed.matchAll(/\/\S+\.so\S*/g)) {
      mkdirSync(join(rootfs, dirname(library)), { recursive: true });
      cpSync(realpathSync(library), join(rootfs, library));
    }
  }
}

const containers = new ContainerWorld(folder);
const { podman } = containers;
const run = `run --privileged ${containers.options}`;

function why(program: string, trial: string): string | false {
  if (!existsSync(rootfs)) makeRoot();
  return containers.why(program, trial);
}

interface Seen {
  readonly id: unknown;
  readonly tags: unknown;
  /** Without those of id and runtime. */
  readonly more: readonly string[];
  readonly cgroup: unknown;
  readonly version: unknown;
  readonly created: number;
}

/** Fields of the container at each exec, by the program's path and arguments. */
async function executions(recording: string): Promise<Map<string, Seen>> {
  const strings = new StringTable();
  const model = createModel(strings);
  const seen = new Map<string, Seen>();
  await replay([recording], {
    strings,
    onEvent: (event) => {
      if (event.type !== 'exec') return;
      const read = (field: string) => model.read(field, event);
      seen.set(`${String(read('exec.file.path'))} ${String(read('exec.args'))}`.trim(), {
        id: read('container.id'),
        tags: read('process.container.tags'),
        more: (read('process.container.tags') as readonly string[]).slice(2),
        cgroup: read('process.cgroup.id'),
        version: read('process.cgroup.version'),
        created: Number(read('container.created_at')),
      });
    },
  });
  return seen;
}

function isContainer(
  t: Test,
  seen: Seen | undefined,
  id: string,
  runtime: string,
  from: number,
  name = runtime,
): void {
  t.match(seen, { id, tags: [`container_id:${id}`, `runtime:${runtime}`], version: 2 }, name);
  t.match(seen?.cgroup, new RegExp(`^/$|${id}`), name);
  t.ok(
    seen !== undefined && seen.created >= from * 1e6 - 1e9 && seen.created <= Date.now() * 1e6 + 1e9,
    `${name}: created in between`,
  );
}

const noPodman = why('podman', `${podman} ${run} --rm --rootfs ${rootfs} /bin/true`);

t.test('podman, wrapped', { skip: noPodman }, async (t) => {
  const from = Date.now();
  const { status, stderr } = containers.run(
    `${tracer} -o wrapped.seccam --force --trace lean -- ${podman} ${run} --cidfile id --rootfs ${rootfs} /bin/sh -c '/bin/true within; /bin/sleep 0.1'`,
  );
  t.equal(status, 0, stderr);
  const seen = await executions(join(folder, 'wrapped.seccam'));
  const id = readFileSync(join(folder, 'id'), 'utf8').trim();
  isContainer(t, seen.get('/bin/true within'), id, 'podman', from);
  const outside = [...seen].find(([program]) => /\/podman .* run /.test(program))?.[1];
  t.match(outside, { id: '', tags: [] }, 'podman itself is in no container');
  const monitor = [...seen].find(([program]) => /\/conmon /.test(program))?.[1];
  t.match(monitor, { id: '' }, 'nor is the monitor of the container');
});

t.test('podman: the names of container and image are tags', { skip: noPodman }, async (t) => {
  const { status, stderr } = containers.run(
    `tar -C ${rootfs} -cf named.tar . && ${podman} import named.tar registry.example:5000/team/app:1.2 && ${tracer} -o named.seccam --force --trace lean -- ${podman} ${run} --pull=never --name a-name registry.example:5000/team/app:1.2 /bin/true named`,
  );
  t.equal(status, 0, stderr);
  t.strictSame((await executions(join(folder, 'named.seccam'))).get('/bin/true named')?.more, [
    'container_name:a-name',
    'image_name:registry.example:5000/team/app',
    'short_image:app',
    'image_tag:1.2',
  ]);
});

t.test('podman, attached', { skip: noPodman }, async (t) => {
  const from = Date.now();
  const { status, stderr } = containers.run(`
${podman} ${run} -d --cidfile id2 --rootfs ${rootfs} /bin/sh -c 'while :; do /bin/true attached; /bin/sleep 0.2; done' > /dev/null &&
pid=$(${podman} inspect --format '{{.State.Pid}}' $(cat id2)) &&
${tracer} -o attached.seccam --force --trace lean --duration 2000 --pid $pid
status=$?
${podman} rm -f -t 0 $(cat id2) > /dev/null
exit $status`);
  t.equal(status, 0, stderr);
  const seen = await executions(join(folder, 'attached.seccam'));
  const id = readFileSync(join(folder, 'id2'), 'utf8').trim();
  isContainer(t, seen.get('/bin/true attached'), id, 'podman', from);
});

t.test(
  'images of packaging/docker, built and run: the tracer is inside, the agent outside',
  { skip: noPodman },
  async (t) => {
    mkdirSync(join(folder, 'context/native/build'), { recursive: true });
    cpSync(tracer, join(folder, 'context/native/build/seccam-trace'));
    const dockerfile = (name: string): string => join(packageRoot(), 'packaging/docker', name);
    const build = `build --pull=never --isolation chroot`;
    const built =
      containers.run(`tar -C ${rootfs} -cf root.tar . && ${podman} import root.tar localhost/base &&
${podman} ${build} --from localhost/base -f ${dockerfile('application.Dockerfile')} -t localhost/wrapped context &&
${podman} ${build} -f ${dockerfile('attach.Dockerfile')} -t localhost/attach context`);
    t.equal(built.status, 0, built.stderr);

    const rules = join(folder, 'rules.policy');
    writeFileSync(
      rules,
      'version: 1.0.0\nrules:\n  - id: reads\n    expression: open.file.path == "/etc/secret" && container.id != ""\n    every: 1us\n',
    );
    writeFileSync(join(rootfs, 'etc/secret'), 'x');
    mkdirSync(join(folder, 'sock'));
    const given = {
      rules: [rules],
      socket: join(folder, 'sock/agent.sock'),
      control: '',
      save: join(folder, 'saved'),
    };
    const found = join(folder, 'found.json');
    const daemon = new Daemon({
      configuration: readConfiguration({
        file: '',
        environment: {},
        flags: Object.fromEntries(
          Object.entries(given).map(([name, value]) => [name, { value, flag: 'test' }]),
        ),
      }),
      targets: [{ name: 'json', file: found }],
      onProblem: (item) => t.fail(item.message),
      onRemark: () => undefined,
    });
    await daemon.listen();
    const detections = (): number => readFileSync(found, 'utf8').split('\n').length - 1;
    const saved = async (): Promise<Map<string, Seen>> => {
      for (let tries = 0; daemon.agent.streams().length > 0; tries++) {
        if (tries > 1000) throw new Error('a stream does not end');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const newest = readdirSync(join(folder, 'saved'))
        .filter((name) => name.endsWith('.seccam'))
        .sort((a, b) => Number.parseInt(b) - Number.parseInt(a))[0]!;
      return executions(join(folder, 'saved', newest));
    };

    const common = `${containers.options} -v ${folder}/sock:/run/seccam -v ${rootfs}/etc/secret:/etc/secret`;
    let number = 0;
    for (const [name, options, own] of [
      ['with a cgroup namespace of its own', '--privileged', true],
      ['in the cgroup namespace of the host', '--privileged --cgroupns host', true],
      ['with the default capabilities and system calls, without a cgroup', '--cgroups disabled', false],
      ['as a user without any capability', '--cgroups disabled --user 1000', false],
    ] as const) {
      const from = Date.now();
      const before = detections();
      const cid = join(folder, `cid${++number}`);
      const { status, stderr } = await containers.meanwhile(
        `${podman} run --rm --cidfile ${cid} ${common} ${options} localhost/wrapped /bin/sh -c '/bin/cat /etc/secret; exit 7'`,
      );
      t.equal(status, 7, `${name}: ${stderr}`);
      const seen = (await saved()).get('/bin/cat /etc/secret');
      const id = readFileSync(cid, 'utf8').trim();
      if (own) isContainer(t, seen, id, 'podman', from, name);
      else t.match(seen, { id, tags: [`container_id:${id}`, 'runtime:podman'], created: 0 }, name);
      t.equal(detections(), before + 1, `${name}: detected outside`);
    }

    const { status, stderr, stdout } = await containers.meanwhile(`
${podman} run -d --rm --name box --cidfile cid9 ${common} --privileged --entrypoint /bin/sh localhost/wrapped -c 'until [ -e /run/seccam/stop ]; do /bin/cat /etc/secret; /bin/sleep 0.1; done' > /dev/null &&
{ ${podman} run --rm --pid container:box ${common} --privileged localhost/attach --duration 1500 --pid 1; status=$?; touch sock/stop; ${podman} wait box >/dev/null 2>&1; exit $status; }`);
    t.equal(status, 0, `attached: ${stderr}${stdout}`);
    // From another container the cgroup lies outside of what is mounted, so nobody can tell its age.
    const id = readFileSync(join(folder, 'cid9'), 'utf8').trim();
    t.match(
      (await saved()).get('/bin/cat /etc/secret'),
      { id, tags: [`container_id:${id}`, 'runtime:podman'], cgroup: new RegExp(id), created: 0 },
      'attached',
    );
    await daemon.stop();
  },
);

const crunId = 'c0ffee'.padEnd(64, '0');
const bundle = join(folder, 'bundle');

/** A bundle without limits and device rules, which need privileges that not every root has. */
function makeBundle(args: readonly string[], cgroup: string): void {
  mkdirSync(bundle, { recursive: true });
  writeFileSync(
    join(bundle, 'config.json'),
    JSON.stringify({
      ociVersion: '1.0.0',
      process: { terminal: false, user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' },
      root: { path: rootfs },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: {
        cgroupsPath: cgroup,
        namespaces: [
          { type: 'pid' },
          { type: 'mount' },
          { type: 'ipc' },
          { type: 'uts' },
          { type: 'cgroup' },
        ],
      },
    }),
  );
}

makeBundle(['/bin/true'], `/crun/${crunId}`);
const noCrun = why('crun', `crun --root ${folder}/crun run -b ${bundle} trial`);

/** Files that runtimes keep of a container, as far as they are read; and the tags that come of them. */
const kept: Readonly<Record<string, readonly [file: string, content: unknown, tags: readonly string[]]>> = {
  docker: [
    `/var/lib/docker/containers/${crunId}/config.v2.json`,
    {
      Image: `sha256:${crunId}`,
      Config: { Hostname: 'x', Image: 'nginx:1.25' },
      Name: '/web',
      Driver: 'overlay2',
    },
    ['container_name:web', 'image_name:nginx', 'short_image:nginx', 'image_tag:1.25'],
  ],
  containerd: [
    `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${crunId}/config.json`,
    {
      annotations: {
        'io.kubernetes.cri.container-name': 'server',
        'io.kubernetes.cri.image-name': `registry.example/team/server:2@sha256:${crunId}`,
        'io.kubernetes.cri.sandbox-name': 'server-0',
        'io.kubernetes.cri.sandbox-namespace': 'prod',
      },
    },
    [
      'kube_container_name:server',
      'pod_name:server-0',
      'kube_namespace:prod',
      'image_name:registry.example/team/server',
      'short_image:server',
      'image_tag:2',
    ],
  ],
  crio: [
    `/run/containers/storage/overlay-containers/${crunId}/userdata/config.json`,
    {
      annotations: {
        'io.kubernetes.container.name': 'cache',
        'io.kubernetes.cri-o.ImageName': 'docker.io/library/redis',
        'io.kubernetes.pod.name': 'cache-1',
        'io.kubernetes.pod.namespace': 'default',
      },
    },
    [
      'kube_container_name:cache',
      'pod_name:cache-1',
      'kube_namespace:default',
      'image_name:docker.io/library/redis',
      'short_image:redis',
    ],
  ],
};

t.test('crun, and a cgroup as systemd makes them', { skip: noCrun }, async (t) => {
  for (const [name, cgroup, id, runtime] of [
    ['plain', `/crun/${crunId}`, crunId, 'crun'],
    ['docker under systemd', `/system.slice/docker-${crunId}.scope`, crunId, 'docker'],
    [
      'containerd under kubernetes',
      `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${crunId}.scope`,
      crunId,
      'containerd',
    ],
    ['cri-o', `/kubepods.slice/crio-${crunId}.scope`, crunId, 'crio'],
    ['ecs', `/ecs/task1/${crunId}`, crunId, 'ecs'],
    ['a unit of systemd', '/system.slice/web.service', '', ''],
  ] as const) {
    const from = Date.now();
    makeBundle(['/bin/sh', '-c', '/bin/true within; /bin/sleep 0.05'], cgroup);
    const [file, content, tags] = kept[runtime] ?? ['', {}, []];
    writeFileSync(join(folder, 'kept.json'), JSON.stringify(content));
    const lay = file === '' ? '' : `mkdir -p $(dirname ${file}); cp kept.json ${file};`;
    const { status, stderr } = containers.run(
      `mount -t tmpfs none /var/lib; mount -t tmpfs none /run; ${lay} ${tracer} -o crun.seccam --force --trace lean -- crun --root ${folder}/crun run -b ${bundle} box; status=$?; rmdir /sys/fs/cgroup/system.slice /sys/fs/cgroup/kubepods.slice/* /sys/fs/cgroup/kubepods.slice /sys/fs/cgroup/ecs/* /sys/fs/cgroup/ecs /sys/fs/cgroup/crun 2>/dev/null; exit $status`,
    );
    t.equal(status, 0, `${name}: ${stderr}`);
    const seen = (await executions(join(folder, 'crun.seccam'))).get('/bin/true within');
    if (id === '') t.match(seen, { id: '', tags: [], cgroup, version: 2, created: 0 }, name);
    else isContainer(t, seen, id, runtime, from);
    t.strictSame(seen?.more, tags, `${name}: what its runtime keeps`);
  }
});
