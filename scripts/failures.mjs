/** Prints what failed in a TAP log: per file the failing points with their details, nothing else. */
import { readFileSync } from 'node:fs';

const lines = readFileSync(process.argv[2], 'utf8').split('\n');
let shown = 0;
for (let index = 0; index < lines.length; index++) {
  const point = /^(\s*)not ok \d+(.*)$/.exec(lines[index]);
  if (point === null || / # (SKIP|TODO)/i.test(point[2])) continue;
  console.log(lines[index].trim());
  shown++;
  const indent = point[1].length;
  for (
    let next = index + 1;
    next < lines.length && lines[next].startsWith(`${' '.repeat(indent)}  `);
    next++
  ) {
    console.log(lines[next].slice(indent));
  }
}
// A file that crashed may have no failing point: its noise is all there is to see.
if (shown === 0) console.log(lines.slice(-200).join('\n'));
