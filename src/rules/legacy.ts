/** Names that fields had in old policies; they load and mean the present field. */

const fileEvents = [
  'open',
  'unlink',
  'rmdir',
  'mkdir',
  'chmod',
  'chown',
  'utimes',
  'setxattr',
  'removexattr',
  'exec',
  'process',
  'process.ancestors',
];

function* rows(): Generator<[string, string]> {
  for (const event of fileEvents) {
    yield [`${event}.filename`, `${event}.file.path`];
    yield [`${event}.basename`, `${event}.file.name`];
    yield [`${event}.inode`, `${event}.file.inode`];
  }
  yield ['process.name', 'process.file.name'];
  yield ['process.ancestors.name', 'process.ancestors.file.name'];
  yield ['exec.name', 'exec.file.name'];
  for (const event of ['open', 'mkdir', 'chmod']) yield [`${event}.mode`, `${event}.file.destination.mode`];
  for (const id of ['uid', 'gid', 'user', 'group']) yield [`chown.${id}`, `chown.file.destination.${id}`];
  for (const [event, from, to] of [
    ['rename', 'old', 'new'],
    ['link', 'source', 'target'],
  ] as const) {
    for (const [old, now] of [
      ['filename', 'path'],
      ['basename', 'name'],
      ['inode', 'inode'],
    ] as const) {
      yield [`${event}.${from}.${old}`, `${event}.file.${now}`];
      yield [`${event}.${to}.${old}`, `${event}.file.destination.${now}`];
    }
  }
  for (const event of ['setxattr', 'removexattr']) {
    yield [`${event}.name`, `${event}.file.destination.name`];
    yield [`${event}.namespace`, `${event}.file.destination.namespace`];
  }
  yield ['async', 'event.async'];
}

export const legacyFields: ReadonlyMap<string, string> = new Map(rows());
