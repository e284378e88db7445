/** Every verb by its id (`agent:start` is `seccam agent start`): what the built script and the manifest know. */
import type { Verb } from './base.js';
import ListCodes from './list/codes.js';
import { ListConstants, ListEvents, ListFields, ListFunctions } from './list/reference.js';
import ListRules from './list/rules.js';
import ListTests from './list/tests.js';

export const COMMANDS: Readonly<Record<string, Verb>> = {
  'list:codes': ListCodes,
  'list:constants': ListConstants,
  'list:events': ListEvents,
  'list:fields': ListFields,
  'list:functions': ListFunctions,
  'list:rules': ListRules,
  'list:tests': ListTests,
};
