import type { CodeTable } from '../../support/diagnostic.js';

export const profileCodes = {
  'not-a-profile': {
    severity: 'error',
    doc: 'The file is not a profile of normal behaviour. `seccam profile learn RECORDING…` makes one.',
    example: 'profile: 1\nexecutables: none',
  },
} as const satisfies CodeTable;
