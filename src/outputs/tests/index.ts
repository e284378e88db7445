/** The formats of `seccam test` by name. */
import type { Paint } from '../text.js';
import type { TestFormat } from './format.js';
import { githubTests } from './github.js';
import { jsonTests } from './json.js';
import { junitTests } from './junit.js';
import { prettyTests } from './pretty.js';
import { sarifTests } from './sarif.js';
import { tapTests } from './tap.js';

export type { TestFormat } from './format.js';

export interface TestFormatOptions {
  readonly paint: Paint;
  readonly version: string;
  /** Code → its documentation. */
  readonly codes: ReadonlyMap<string, string>;
}

export const testFormats = {
  pretty: ({ paint }) => prettyTests(paint),
  tap: tapTests,
  junit: junitTests,
  sarif: ({ version, codes }) => sarifTests(version, codes),
  github: githubTests,
  json: jsonTests,
} as const satisfies Readonly<Record<string, (options: TestFormatOptions) => TestFormat>>;

export type TestFormatName = keyof typeof testFormats;
export const testFormatNames = Object.keys(testFormats) as TestFormatName[];
