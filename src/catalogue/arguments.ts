/**
 * What rules read of arguments and environment and no program wrote so: `args`, `args_flags`,
 * `args_options`, `argv` without argv0, and the names of environment variables.
 */
import type { StringTable } from '../support/strings.js';
import type { DerivedArguments, StringList, UserSession } from './event.js';

/** Derives from the full argument list and the environment (`NAME` or `NAME=value`) of one exec. */
export function deriveArguments(argv: StringList, envp: StringList, strings: StringTable): DerivedArguments {
  const texts = argv.items.slice(1).map((id) => strings.text(id));
  return {
    argv0: argv.items[0] ?? 0,
    argv: argv.items.slice(1),
    args: strings.intern(texts.join(' ')),
    flags: argumentFlags(texts).map((text) => strings.intern(text)),
    options: argumentOptions(texts).map((text) => strings.intern(text)),
    envs: envp.items.map((id) => strings.intern(variableName(strings.text(id)))),
  };
}

/**
 * Flags among arguments (argv0 left out): of `-xvf` each letter, and of `-xvf` or `--name` the whole
 * name when it has more than one character and no `=`. Letters count only when all of them are
 * alphanumeric.
 */
export function argumentFlags(args: readonly string[]): string[] {
  const flags: string[] = [];
  for (const argument of args) {
    const name = optionName(argument);
    if (name === '') continue;
    if (!argument.startsWith('--') && /^[A-Za-z0-9]+$/.test(name)) flags.push(...name);
    if (name.length > 1 && !name.includes('=')) flags.push(name);
  }
  return flags;
}

/** `name=value` of `--name=value`, and of `-n value` and `--name value` when the value does not begin with `-`. */
export function argumentOptions(args: readonly string[]): string[] {
  const options: string[] = [];
  args.forEach((argument, index) => {
    const name = optionName(argument);
    if (!/^[A-Za-z0-9]/.test(name)) return;
    if (name.includes('=')) {
      options.push(name);
      return;
    }
    const next = args[index + 1];
    if (next !== undefined && !next.startsWith('-')) options.push(`${name}=${next}`);
  });
  return options;
}

/** The argument without its leading `-` or `--`; empty when it has none. */
function optionName(argument: string): string {
  if (argument.startsWith('--')) return argument.slice(2);
  return argument.startsWith('-') ? argument.slice(1) : '';
}

/**
 * The ssh session in whose environment a program runs: sshd sets SSH_CONNECTION (client address and port,
 * server address and port) and SSH_CLIENT. How the user proved himself is not told there.
 */
export function sessionOf(envp: StringList, strings: StringTable): UserSession | null {
  let connection = '';
  let user = '';
  for (const id of envp.items) {
    const text = strings.text(id);
    if (text.startsWith('SSH_CONNECTION=') || (connection === '' && text.startsWith('SSH_CLIENT=')))
      connection = text.slice(text.indexOf('=') + 1);
    else if (text.startsWith('USER=') || (user === '' && text.startsWith('LOGNAME=')))
      user = text.slice(text.indexOf('=') + 1);
  }
  const [ip = '', port = ''] = connection.split(' ');
  if (ip === '') return null;
  return {
    sshUsername: strings.intern(user),
    sshPort: Number.parseInt(port, 10) || 0,
    sshClientIp: strings.intern(ip),
    sshAuthMethod: 0,
    sshPublicKey: 0,
  };
}

function variableName(text: string): string {
  const end = text.indexOf('=');
  return end < 0 ? text : text.slice(0, end);
}
