/** Finds and reads seccam.yaml, and answers with its values or the defaults. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import semver from 'semver';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { packageRoot, packageVersion } from '../support/package.js';
import { workbenchCodes } from './codes.js';
import { type Document, readDocument } from './document.js';
import { exists, findFiles, isFile, isFolder } from './glob.js';
import { type ProjectFile, projectFileShape } from './projectfile.js';
import type { CommonOptions, RulesOrigin } from './results.js';

export interface Project {
  /** Folder of seccam.yaml; without one the working directory. Absolute. */
  readonly root: string;
  /** Absolute; undefined when there is none. */
  readonly file: string | undefined;
  readonly config: ProjectFile;
  readonly document: Document<ProjectFile> | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export const projectFileName = 'seccam.yaml';
const empty: ProjectFile = { version: 1 };

/** Looks upwards from `cwd`, stopping at the repository's root. Errors of the file are in `diagnostics`. */
export function findProject(cwd: string): Project {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = join(folder, projectFileName);
    if (isFile(file)) return readProject(file, cwd);
    if (exists(join(folder, '.git')) || dirname(folder) === folder) break;
  }
  return { root: resolve(cwd), file: undefined, config: empty, document: undefined, diagnostics: [] };
}

export function readProject(file: string, cwd: string): Project {
  const document = readDocument(
    readFileSync(file, 'utf8'),
    shown(file, cwd),
    projectFileShape,
    'project file',
  );
  const diagnostics = [...document.diagnostics];
  const wanted = document.value?.requires;
  if (
    wanted !== undefined &&
    (semver.validRange(wanted) === null ||
      !semver.satisfies(packageVersion(), wanted, { includePrerelease: true }))
  ) {
    diagnostics.push(
      diagnostic(
        workbenchCodes,
        semver.validRange(wanted) === null ? 'bad-value' : 'needs-other-version',
        `The project asks for seccam ${JSON.stringify(wanted)}; this is ${packageVersion()}`,
        {
          span: document.span(['requires']),
        },
      ),
    );
  }
  return {
    root: dirname(resolve(file)),
    file: resolve(file),
    config: document.value ?? empty,
    document,
    diagnostics,
  };
}

/** The project of `options.cwd`; throws when its file has errors. */
export function projectOf(options: { readonly cwd?: string }): Project {
  const project = findProject(options.cwd ?? process.cwd());
  if (project.diagnostics.some((item) => item.severity === 'error'))
    throw new DiagnosticError(project.diagnostics);
  return project;
}

/** The rules to load: those of the flags, else of the project, else the shipped starter set. Paths relative to `cwd`. */
export function rulesOrigin(options: CommonOptions, project: Project): RulesOrigin {
  const cwd = options.cwd ?? process.cwd();
  if (options.rules !== undefined && options.rules.length > 0) return { from: 'flags', paths: options.rules };
  const own =
    project.config.rules ??
    (isFolder(join(project.root, 'rules')) && project.file !== undefined ? ['rules'] : undefined);
  const packs = project.config.packs ?? [];
  if (own !== undefined || packs.length > 0) {
    const files = (own ?? []).flatMap((item) => {
      const found = findFiles(item, project.root);
      return found.length > 0 ? found : [join(project.root, item)];
    });
    return {
      from: 'project',
      paths: [...packs.map((name) => packFolder(name, project)), ...files].map((path) => shown(path, cwd)),
    };
  }
  return { from: 'starter', paths: [shown(starterRules(), cwd)] };
}

/** Test files of the project, absolute and sorted. */
export function testFiles(project: Project): string[] {
  const patterns = project.config.tests ?? ['tests/**/*.test.yaml'];
  return [...new Set(patterns.flatMap((pattern) => findFiles(pattern, project.root)))];
}

export function recordingsFolder(project: Project): string {
  return resolve(project.root, project.config.recordings?.folder ?? 'recordings');
}

/** A path as the user would type it from `cwd`. */
export function shown(path: string, cwd: string): string {
  const short = relative(cwd, resolve(cwd, path));
  return short === '' ? '.' : short.startsWith('../../') || isAbsolute(short) ? resolve(cwd, path) : short;
}

function packFolder(name: string, project: Project): string {
  if (name === '@seccam/linux') return starterRules();
  for (let folder = project.root; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (isFolder(found)) return isFolder(join(found, 'rules')) ? join(found, 'rules') : found;
    if (dirname(folder) === folder) return join(project.root, 'node_modules', name);
  }
}

export const starterRules = (): string => join(packageRoot(), 'rules');
