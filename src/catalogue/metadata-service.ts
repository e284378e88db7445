/** Requests to the metadata service of a cloud machine, and its answers: the first bytes of HTTP messages. */

export interface MetadataMessage {
  readonly type: 'request' | 'response' | '';
  readonly cloudProvider: string;
  readonly url: string;
  readonly host: string;
  readonly userAgent: string;
  readonly server: string;
  readonly isTokenRequest: boolean;
  readonly credentialsType: string;
}

export function decodeMetadata(text: string): MetadataMessage {
  const [head = '', body = ''] = text.split(/\r?\n\r?\n/, 2);
  const [first = '', ...lines] = head.split(/\r?\n/);
  const headers = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).trim().toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const request = /^(?:GET|PUT|POST|HEAD) (\S+) HTTP\/1/.exec(first);
  const header = (name: string): string => headers.get(name) ?? '';
  return {
    type: request !== null ? 'request' : first.startsWith('HTTP/1') ? 'response' : '',
    cloudProvider: providerOf(headers, request?.[1] ?? ''),
    url: request?.[1] ?? '',
    host: header('host'),
    userAgent: header('user-agent'),
    server: header('server'),
    isTokenRequest:
      headers.has('x-aws-ec2-metadata-token') || headers.has('x-aws-ec2-metadata-token-ttl-seconds'),
    credentialsType: /"Type"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? '',
  };
}

function providerOf(headers: ReadonlyMap<string, string>, url: string): string {
  if (headers.get('metadata-flavor') === 'Google' || url.startsWith('/computeMetadata/')) return 'gcp';
  if (headers.get('metadata') === 'true' || url.startsWith('/metadata/')) return 'azure';
  if (url.startsWith('/opc/')) return 'oracle';
  if (
    /^\/(?:latest|\d{4}-\d\d-\d\d|1\.0)\//.test(url) ||
    headers.get('server') === 'EC2ws' ||
    [...headers.keys()].some((name) => name.startsWith('x-aws-'))
  )
    return 'aws';
  return '';
}
