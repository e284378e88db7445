/** Every verb by its id (`agent:start` is `seccam agent start`): what the built script and the manifest know. */
import type { Verb } from './base.js';
import ListCodes from './list/codes.js';

export const COMMANDS: Readonly<Record<string, Verb>> = {
  'list:codes': ListCodes,
};
