import { defineConfig } from 'tsup';

/** oclif and its like are CommonJS: inside an ES module they need what Node gives such modules. */
const commonJsNames = `import { createRequire as __createRequire } from 'node:module';
import { fileURLToPath as __fileURLToPath } from 'node:url';
import { dirname as __dirnameOf } from 'node:path';
const require = __createRequire(import.meta.url), __filename = __fileURLToPath(import.meta.url), __dirname = __dirnameOf(__filename);`;

export default defineConfig({
  entry: { cli: 'src/commands/main.ts', index: 'src/index.ts', language: 'src/language/index.ts' },
  format: 'esm',
  target: 'node20',
  platform: 'node',
  clean: true,
  splitting: true,
  minify: true,
  // Everything is bundled but the native loader, and compilers that oclif would only use in development.
  noExternal: [/^(?!koffi$|typescript$|ts-node$|tsx$)/],
  external: ['koffi', 'typescript', 'ts-node', 'tsx'],
  banner: { js: commonJsNames },
  dts: {
    entry: { index: 'src/index.ts', language: 'src/language/index.ts' },
    compilerOptions: { ignoreDeprecations: '6.0' },
  },
});
