/** Events about messages (`dns`, `imds`): the bytes that would have carried what an entry tells of them. */
import { encodeDns } from '../catalogue/dns.js';
import type { Value } from '../recording/index.js';
import { number } from './toldvalue.js';

/** Columns of the event for the told fields, by full name. */
export function carriedColumns(
  type: string,
  told: ReadonlyMap<string, { readonly value: unknown }>,
): Record<string, Value | Record<string, Value>> {
  const has = (name: string): boolean => told.has(name);
  const text = (name: string, otherwise = ''): string => String(told.get(name)?.value ?? otherwise);
  const count = (name: string, otherwise = 0): number => number(told.get(name)?.value ?? otherwise);
  const answer = has('dns.response.code') || text('imds.type') === 'response' || has('imds.server');
  const incoming = has('network.network_direction') ? count('network.network_direction') === 2 : answer;
  const [near, far] = incoming ? ['destination', 'source'] : ['source', 'destination'];
  const end = (side: string): Record<string, Value> => {
    const ip = text(`network.${side}.ip`).replace(/\/(32|128)$/, '');
    if (ip === '') return has(`network.${side}.port`) ? { port: count(`network.${side}.port`) } : {};
    return {
      ip,
      port: count(`network.${side}.port`),
      family: number(ip.includes(':') ? 'AF_INET6' : 'AF_INET'),
    };
  };
  return {
    direction: Number(incoming),
    local: end(near!),
    server: end(far!),
    socket: count('network.l4_protocol') * 65536,
    ...(has('network.device.ifname') ? { interface: text('network.device.ifname') } : {}),
    message:
      type === 'dns'
        ? encodeDns({
            id: count('dns.id'),
            name: text('dns.question.name'),
            type: count('dns.question.type'),
            class: count('dns.question.class', 1),
            isAnswer: answer,
            code: count('dns.response.code'),
          })
        : metadata(text, answer, told.get('imds.aws.is_imds_v2')?.value === true),
  };
}

/** A request or an answer of a metadata service. */
function metadata(
  text: (name: string, otherwise?: string) => string,
  answer: boolean,
  token: boolean,
): string {
  const lines: string[] = [];
  const header = (name: string, value: string): void => {
    if (value !== '') lines.push(`${name}: ${value}`);
  };
  header('Host', text('imds.host'));
  header('User-Agent', text('imds.user_agent'));
  header('Server', text('imds.server'));
  if (token) header('X-aws-ec2-metadata-token', 'told');
  const provider = text('imds.cloud_provider');
  if (provider === 'gcp') header('Metadata-Flavor', 'Google');
  if (provider === 'azure') header('Metadata', 'true');
  const credentials = text('imds.aws.security_credentials.type');
  const body = credentials === '' ? '' : JSON.stringify({ Type: credentials });
  const first = answer ? 'HTTP/1.1 200 OK' : `GET ${text('imds.url', '/')} HTTP/1.1`;
  return `${[first, ...lines].join('\r\n')}\r\n\r\n${body}`;
}
