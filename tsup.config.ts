import { randomBytes } from 'node:crypto';
import { defineConfig, type Options } from 'tsup';

/** Everything is bundled but the native loader, and compilers that oclif would only use in development. */
const external = ['koffi', 'typescript', 'ts-node', 'tsx'];
const bundled: Options = {
  noExternal: [/^(?!koffi$|typescript$|ts-node$|tsx$)/],
  external,
  platform: 'node',
  target: 'node20',
};

/** Some of what we bundle is CommonJS: inside an ES module it needs what Node gives such modules. */
const commonJsNames = `import { createRequire as __createRequire } from 'node:module';
import { fileURLToPath as __fileURLToPath } from 'node:url';
import { dirname as __dirnameOf } from 'node:path';
const require = __createRequire(import.meta.url), __filename = __fileURLToPath(import.meta.url), __dirname = __dirnameOf(__filename);`;

export default defineConfig([
  {
    ...bundled,
    name: 'library',
    entry: { index: 'src/index.ts', language: 'src/language/index.ts' },
    format: 'esm',
    splitting: true,
    banner: { js: commonJsNames },
    dts: {
      entry: { index: 'src/index.ts', language: 'src/language/index.ts' },
      compilerOptions: { ignoreDeprecations: '6.0' },
    },
  },
  {
    // The script of the HTML report: for browsers, put into each report as it is.
    name: 'report',
    entry: { report: 'src/outputs/report/client.ts' },
    format: 'iife',
    outExtension: () => ({ js: '.js' }),
    noExternal: [/./],
    platform: 'browser',
    target: 'es2022',
    minify: true,
  },
  {
    // One classic script: V8's compiled code can be kept beside it, which ES modules of Node 20 do not
    // allow. Its first line names the build, so that code kept for another build is never used.
    ...bundled,
    name: 'command line',
    entry: { cli: 'src/commands/main.ts' },
    format: 'cjs',
    outExtension: () => ({ js: '.cjs' }),
    splitting: false,
    minify: true,
    banner: {
      js: `/* build ${randomBytes(6).toString('hex')} */\nconst __moduleUrl = require('node:url').pathToFileURL(__filename).href;`,
    },
    esbuildOptions(options) {
      options.define = { ...options.define, 'import.meta.url': '__moduleUrl' };
      // A script that runs from kept code cannot `import()`: koffi is required, as late.
      options.supported = { ...options.supported, 'dynamic-import': false };
    },
  },
]);
