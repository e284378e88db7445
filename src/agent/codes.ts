/** Codes of what is wrong with the agent, its configuration and its streams. */
import type { CodeTable } from '../support/diagnostic.js';

export const agentCodes = {
  'bad-configuration': {
    severity: 'error',
    doc: "A value of the agent's configuration is not of the form that is wanted. The message names the value, what it is and what is wanted; `seccam agent config` shows where each value came from.",
    example: 'listen: 5678',
  },
  'configuration-unreadable': {
    severity: 'error',
    doc: 'The configuration file could not be read, or is not YAML. Without `--config` the agent reads /etc/seccam/agent.yaml when it exists.',
    example: 'seccam agent start --config no-such-file.yaml',
  },
  'unknown-key': {
    severity: 'error',
    doc: 'The configuration has a key that the agent does not know: most often a misspelling.',
    example: 'soket: /run/seccam/agent.sock',
  },
  'token-needed': {
    severity: 'error',
    doc: 'Any user of a machine can connect to a loopback port, and other machines to other addresses, so the agent listens on TCP only with a token that tracers must know; links to other addresses than loopback ones are encrypted with it. Make one with `head -c 32 /dev/urandom | base64 > FILE`, mode 0600, and name it by `token_file`.',
    example: 'seccam agent start --listen 127.0.0.1:5678',
  },
  'token-unsafe': {
    severity: 'error',
    doc: 'The file with the token is empty, too short (16 bytes at least) or readable by others than its owner.',
    example: 'chmod 644 /etc/seccam/token',
  },
  'address-in-use': {
    severity: 'error',
    doc: 'The agent cannot listen at the address or socket path: another agent answers there, or it may not make it.',
    example: 'seccam agent start --socket /run/seccam/agent.sock',
  },
  'no-agent': {
    severity: 'error',
    doc: 'No agent answers at its control socket. It is not running, or runs with another `control` path, or as another user.',
    example: 'seccam agent status',
  },
  'nothing-to-do': {
    severity: 'error',
    doc: 'The agent has neither a program to run nor an address to listen at.',
    example: 'seccam agent start -r rules --no-socket',
  },
  'no-rules': {
    severity: 'error',
    doc: 'No rule was loaded, so there is nothing to detect. Name rules by `-r` or `rules:` in the configuration.',
    example: 'seccam agent start -r empty.policy',
  },
  'rules-not-replaced': {
    severity: 'error',
    doc: 'A reload found errors in the rules; the agent goes on with the rules that it has. Nothing is lost.',
    example: 'seccam agent reload',
  },
  'save-failed': {
    severity: 'error',
    doc: 'A stream could not be saved (disk full, no permission). What was saved stays readable up to its last whole block; detection goes on.',
    example: 'seccam agent start --save /mnt/full -- ./program',
  },
  'output-failed': {
    severity: 'warning',
    doc: 'An output of the agent (file, syslog, webhook) does not take what it is given. Detections wait in a bounded queue and are counted when they are dropped.',
    example: 'outputs: [{type: webhook, url: "http://127.0.0.1:1/"}]',
  },
  'socket-removed': {
    severity: 'warning',
    doc: 'The Unix socket for tracers was not there any more (a cleaner of temporary files, a folder that was made anew). The agent made it again; tracers connect by themselves.',
  },
  'stream-cut': {
    severity: 'warning',
    doc: 'A link ended without the end of its recording: the tracer was killed, or the agent was too slow to take everything in the seconds that a tracer waits when its program has ended. What came until there was decided; what the tracer still held is lost, and how much that was nobody knows. A tracer that connects again tells it as a gap.',
  },
  'stream-damaged': {
    severity: 'error',
    doc: 'What came over a link is not a recording. The link was cut; other streams are not affected.',
  },
  'stream-refused': {
    severity: 'warning',
    doc: 'A client was turned away: no or a wrong greeting, no or a wrong token, a user that is not allowed, or too many streams.',
  },
  'kill-failed': {
    severity: 'warning',
    doc: 'A kill that a rule asked for was not carried out, or not on every process it was meant for.',
  },
} as const satisfies CodeTable;
