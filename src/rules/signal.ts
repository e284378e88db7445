/** Signals by name, as Linux numbers them on x86-64 and arm64. */
const names =
  'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS';

export const signalNumbers: Readonly<Record<string, number>> = {
  ...Object.fromEntries(names.split(' ').map((name, index) => [name, index + 1])),
  SIGIOT: 6,
  SIGCLD: 17,
  SIGPOLL: 29,
};
