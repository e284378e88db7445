/** Finds the native parts, without loading them. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { tracerCodes } from './codes.js';
import type { Availability } from './options.js';

const LIBRARY = 'libseccam.so';
const EXECUTABLE = 'seccam-trace';

/** Folders to look in: a prebuilt one for this platform, then what a checkout builds. Found upwards from here, since the code may be bundled. */
function folders(): string[] {
  const override = process.env['SECCAM_NATIVE'];
  const found: string[] = override === undefined ? [] : [override];
  let at = dirname(fileURLToPath(import.meta.url));
  for (let depth = 0; depth < 6; depth++) {
    found.push(
      join(at, 'native', 'build', `${process.platform}-${process.arch}`),
      join(at, 'native', 'build'),
    );
    const up = dirname(at);
    if (up === at) break;
    at = up;
  }
  return found;
}

function find(name: string): string | undefined {
  return folders()
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Says which native parts there are, and why tracing cannot work when it cannot. Loads nothing. */
export function tracerAvailability(): Availability {
  const problems: Diagnostic[] = [];
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    problems.push(
      diagnostic(
        tracerCodes,
        'unsupported-platform',
        `Recording needs Linux on x86_64 or arm64, and this is ${process.platform} on ${process.arch}.`,
        {
          suggestions: [
            'record on a Linux machine and bring the recording here: replay, test and explain work everywhere',
          ],
        },
      ),
    );
    return { problems };
  }
  const library = find(LIBRARY);
  const executable = find(EXECUTABLE);
  if (library === undefined || executable === undefined) {
    problems.push(
      diagnostic(
        tracerCodes,
        'no-native-library',
        `"${library === undefined ? LIBRARY : EXECUTABLE}" is not there: the native part of seccam was not built.`,
        {
          suggestions: ['npm run build:native'],
        },
      ),
    );
  }
  return {
    problems,
    ...(library === undefined ? {} : { library }),
    ...(executable === undefined ? {} : { executable }),
  };
}
