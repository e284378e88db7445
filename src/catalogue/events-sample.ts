import { CWD, event, NONE, PathMode } from './row.js';

export const open = event({
  name: 'open',
  id: 4,
  since: '0.1',
  category: 'file',
  preset: 'lean',
  doc: 'A file was opened, or an attempt to open it was made.',
  result: 'exit',
  shown: ['EACCES', 'EPERM'],
  columns: {
    file: { type: 'file', doc: 'What was opened: by the descriptor that the call returned, else by resolving the name.' },
    named: { type: 'string', doc: 'The path as the program named it.' },
    flags: { type: 'u32', doc: 'Flags of the call.' },
    mode: { type: 'u32', doc: 'Mode for a file that is made.' },
  },
  files: { file: 'file' },
  fields: {
    flags: { type: 'int', doc: 'Flags of the call.', from: 'flags', constants: 'open-flags' },
    'file.destination.mode': { type: 'int', doc: 'Mode for a file that is made.', from: 'mode', constants: 'file-mode' },
    'syscall.path': { type: 'string', doc: 'The path as the program named it.', from: 'named' },
    'syscall.flags': { type: 'int', doc: 'Flags of the call.', from: 'flags', constants: 'open-flags' },
    'syscall.mode': { type: 'int', doc: 'Mode of the call.', from: 'mode', constants: 'file-mode' },
  },
  calls: [
    {
      name: 'openat',
      captures: {
        file: { kind: 'path', args: [0, 1, NONE], at: 'exit', param: PathMode.follow },
        named: { kind: 'string', args: [1], at: 'both' },
        flags: { kind: 'word', args: [2], at: 'entry' },
        mode: { kind: 'word', args: [3], at: 'entry' },
      },
    },
    {
      name: 'open',
      captures: {
        file: { kind: 'path', args: [CWD, 0, NONE], at: 'exit', param: PathMode.follow },
        named: { kind: 'string', args: [0], at: 'both' },
        flags: { kind: 'word', args: [1], at: 'entry' },
        mode: { kind: 'word', args: [2], at: 'entry' },
      },
    },
  ],
});
