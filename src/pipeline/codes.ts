import type { CodeTable } from '../support/diagnostic.js';

export const pipelineCodes = {
  'recording-unreadable': {
    severity: 'error',
    doc: 'A recording could not be opened or read. Check its path and your permissions.',
    example: 'seccam replay no-such-file.seccam',
  },
  'order-unreadable': {
    severity: 'error',
    doc: 'A folder of saved streams has no readable `order.jsonl`, which says in which order the agent consumed them. Replay the recordings in it one by one; rules with shared variables may then decide otherwise.',
    example: 'seccam replay saved/',
  },
} as const satisfies CodeTable;
