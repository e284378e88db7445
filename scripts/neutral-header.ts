/** Takes what tells the machine (kernel release) out of the headers of recordings that are committed. In place. */
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const preamble = 16;
const head = 48;

for (const path of process.argv.slice(2)) {
  const file = readFileSync(path);
  const length = file.readUInt32LE(preamble + 8);
  const payload = file.subarray(preamble + head, preamble + head + length);
  const json = payload.subarray(8, payload.readUInt32LE(0));
  const header = JSON.parse(json.toString('utf8')) as { host?: Record<string, unknown> };
  const text = JSON.stringify({ ...header, host: { ...header.host, kernel: '6.1.0', os: 'Linux' } });
  if (Buffer.byteLength(text) > json.length) throw new Error(`${path}: the header does not shrink`);
  json.fill(0x20);
  json.write(text);
  file.writeUInt32LE(crc32(payload), preamble + 40);
  file.writeUInt32LE(crc32(file.subarray(preamble, preamble + 44)), preamble + 44);
  writeFileSync(path, file);
}
