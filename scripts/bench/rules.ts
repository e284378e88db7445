/** Policies of any size for measuring: the kinds of rules that people write, each with its own literals. */

const directories = [
  '/etc',
  '/root/.ssh',
  '/usr/bin',
  '/var/spool/cron',
  '/etc/systemd/system',
  '/home/*/.aws',
  '/opt/app',
  '/var/lib/secrets',
  '/proc/*',
  '/boot',
];
const programs = [
  'nginx',
  'apache2',
  'redis-server',
  'java',
  'node',
  'python3',
  'php-fpm',
  'mysqld',
  'postgres',
  'haproxy',
];

/** Templates in the order in which a set of rules uses them; `n` makes the literals of each rule its own. */
const templates: readonly ((n: number, directory: string, program: string) => string)[] = [
  (n, directory) => `open.file.path == "${directory}/secret-${n}" && open.flags & (O_WRONLY|O_RDWR) > 0`,
  (n, directory, program) =>
    `open.file.path =~ "${directory}/data${n}/*" && process.file.name != "${program}"`,
  (n, _directory, program) =>
    `exec.file.name in ["nc", "ncat", "socat${n}"] && process.ancestors.file.name == "${program}"`,
  (n, _directory, program) =>
    `exec.file.path in [~"/tmp/**", ~"/var/tmp/x${n}/**"] && process.parent.file.name not in ["${program}", "sh"]`,
  (n) => `exec.args =~ "*--token-${n}=*" || exec.args_flags in ["e${n}"]`,
  (n, _directory, program) =>
    `connect.addr.port == ${1000 + n} && connect.addr.ip not in [10.0.0.0/8, 127.0.0.0/8] && process.file.name != "${program}"`,
  (n, directory) => `unlink.file.path in ["${directory}/log${n}", ~"/var/log/*.${n}"] && process.uid != ${n}`,
  (n, directory) => `rename.file.destination.path =~ "${directory}/r${n}/**" && process.euid == 0`,
  (n, directory) =>
    `chmod.file.path == "${directory}/m${n}" && chmod.file.destination.rights & (S_ISUID|S_ISGID) > 0`,
  (n, directory, program) =>
    `open.file.name =~ "id_*_${n}" && open.file.path =~ "${directory}/**" && process.ancestors.file.path == "/usr/sbin/${program}"`,
];

/** The text of a policy with `count` rules. */
export function policyOf(count: number): string {
  const rules = Array.from({ length: count }, (_unused, n) => {
    const expression = templates[n % templates.length]!(
      n,
      directories[(n * 7) % directories.length]!,
      programs[(n * 3) % programs.length]!,
    );
    return `  - id: rule_${n}\n    expression: |\n      ${expression}`;
  });
  return `version: "1.0.0"\nrules:\n${rules.join('\n')}\n`;
}
