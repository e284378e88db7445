/** A real program that opens and runs files whose names try to drive whatever shows them. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { record } from '../src/workbench/record.js';

const bytes = (text: string, ...more: number[]): Buffer =>
  Buffer.concat([Buffer.from(text), Buffer.from(more)]);

/** A terminal, a page, a decoder and a reader would each do something with one of them. */
export const hostileNames: readonly Buffer[] = [
  bytes('\x1b]0;owned\x07\x1b[2J\x1b[31mred'),
  bytes('\u009b2J csi of one byte'),
  bytes('two\nlines\r\tand a tab'),
  bytes('not utf-8 ', 0xff, 0xfe, 0xc3, 0x28, 0xe2, 0x82),
  bytes('ends \u202egnp.exe \u2066\u200b\ufeff'),
  bytes('<'),
  bytes('<!-- <script>alert(1)<'),
  bytes('"onmouseover="alert(1)" \'quoted\' `ticks` \\ ${variable} %{field}'),
  bytes('&lt;b&gt; ]]> {{x}}'),
];
/** In a folder called `<`, so that the path says `</script>`. */
const closing = 'script><img src=x onerror=alert(1)>';

/** Records a shell that reads all of them, runs two of them, and is given all of them as arguments. */
export async function recordHostile(cwd: string, output: string): Promise<void> {
  const work = join(cwd, 'work');
  mkdirSync(work);
  const at = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${work}/`), name]);
  for (const name of hostileNames) if (name.toString() !== '<') writeFileSync(at(name), 'x');
  mkdirSync(join(work, '<'));
  copyFileSync('/bin/true', join(work, '<', closing));
  copyFileSync('/bin/true', at(bytes('run \x1b[7m', 0xff)));
  const script =
    'cd work; cat ./*  </dev/null >/dev/null 2>&1; for f in ./run* "./<"/*; do "$f" ./*; done; : ./*';
  await record({ cwd, command: ['/bin/sh', '-c', script], output, ancestors: false });
}

/** Everything that a terminal would obey or that hides text; lines may end. Colours alone are wanted, where they are. */
export const obeyed = /(?!\n)[\p{Cc}\p{Cf}\u2028\u2029\ufffd]/u;
