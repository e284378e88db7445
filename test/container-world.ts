/**
 * Where podman and crun run containers without a network and without limits that need privileges: a mount
 * namespace with nothing but a cgroup hierarchy of version 2, which is all that crun wants to see.
 */
import { spawn, spawnSync } from 'node:child_process';

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const world = `umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup || exit 99`;

export class ContainerWorld {
  /** podman, with all that it keeps in the folder. */
  readonly podman: string;
  /** What `podman run` needs here. */
  readonly options =
    '--network none --pids-limit=-1 --log-driver none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000';

  constructor(readonly folder: string) {
    this.podman = `podman --root ${folder}/store --runroot ${folder}/run --storage-driver vfs --cgroup-manager cgroupfs`;
  }

  /** Runs a shell script. */
  run(script: string): Finished {
    return spawnSync('unshare', ['-m', 'sh', '-c', `${world}\n${script}`], {
      encoding: 'utf8',
      cwd: this.folder,
      timeout: 120_000,
    });
  }

  /** Runs a shell script while this process goes on. */
  meanwhile(script: string): Promise<Finished> {
    const child = spawn('unshare', ['-m', 'sh', '-c', `${world}\n${script}`], { cwd: this.folder });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout, stderr })));
  }

  /** Why a program cannot do here what the script tries; false: it can. */
  why(program: string, trial: string): string | false {
    if (process.getuid?.() !== 0) return 'wants to be root';
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `${program} is not installed`;
    const { status, stderr } = this.run(trial);
    return status === 0
      ? false
      : `${program} cannot run a container here: ${stderr.trim().split('\n').at(-1)}`;
  }
}
