/**
 * Locates libmpi: the library of the mpirun that started this process, else the one named by the environment,
 * else whatever the dynamic loader finds.
 */
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { findMpiAncestors } from './ancestors.ts';
import type { Environment, Launcher, MpiFamily } from './launcher.ts';
import { bindMpi, identifyMpi, type Koffi, type MpiLibrary } from './mpi-library.ts';

/**
 * Library names per family, those with an ABI number first: Open MPI 2 to 5; MPICH, Intel MPI, Debian's
 * MPICH, Cray.
 */
const FILE_NAMES: Record<'linux' | 'darwin', Record<MpiFamily, readonly string[]>> = {
  linux: {
    'open-mpi': ['libmpi.so.40', 'libmpi.so.20', 'libmpi.so'],
    mpich: ['libmpi.so.12', 'libmpich.so.12', 'libmpi_cray.so.12', 'libmpi.so'],
  },
  darwin: {
    'open-mpi': ['libmpi.40.dylib', 'libmpi.dylib'],
    mpich: ['libmpi.12.dylib', 'libmpi.dylib'],
  },
};

/** Siblings of bin/. Intel MPI before 2021.11 has the library one folder deeper. */
const LIBRARY_FOLDERS = ['lib', 'lib64', 'lib/release'];
/** Environment variable: path of libmpi, or `none`. */
export const LIBRARY_VARIABLE = 'LOCSCALE_MPI_LIBRARY';

/** The library, or the reason why there is none. */
export async function findMpi(
  environment: Environment,
  launcher: Launcher,
): Promise<MpiLibrary | { readonly reason: string }> {
  const chosen = environment[LIBRARY_VARIABLE];
  if (chosen === 'none') return { reason: `${LIBRARY_VARIABLE} is none` };
  if (launcher.families.length === 0) {
    return {
      reason:
        `${launcher.name} offers MPI no way to find the other ranks ` +
        '(for srun: --mpi=pmix or --mpi=pmi2)',
    };
  }
  const { platform } = process;
  if (platform !== 'linux' && platform !== 'darwin')
    return { reason: `libmpi is not looked for on ${platform}` };
  if (hasLostLauncher(environment)) {
    return {
      reason:
        `a program in between, such as npx, has cut the connection to ${launcher.name}'s launcher (start ` +
        'locscale-gpu itself)',
    };
  }
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default;
  } catch {
    return { reason: 'the optional package koffi, which calls libmpi, is not installed' };
  }
  keepSignalHandlers();
  const folders = libraryFolders(environment);
  const rejected: string[] = [];
  for (const family of launcher.families) {
    const names = FILE_NAMES[platform][family];
    for (const path of chosen === undefined ? candidatePaths(folders, names) : [chosen]) {
      try {
        const identity = identifyMpi(koffi, path);
        if (identity.family === family) {
          return bindMpi(koffi, path, identity);
        }
        rejected.push(`${path} is ${identity.version}`);
      } catch (error) {
        // The loader does not know this bare name: expected for most candidates.
        if (path.includes('/')) rejected.push(`${path}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  const wanted = launcher.families.map((family) => (family === 'mpich' ? 'MPICH' : 'Open MPI')).join(' or ');
  const found = rejected.length === 0 ? '' : ` (${[...new Set(rejected)].join('; ')})`;
  return { reason: `no libmpi of ${wanted}, as ${launcher.name} needs it, was found${found}` };
}

/** Existing files in the folders, then bare names for the loader (LD_LIBRARY_PATH, ldconfig). */
function candidatePaths(folders: readonly string[], names: readonly string[]): string[] {
  const files = folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .filter((f) => existsSync(f));
  return [...files, ...names];
}

/**
 * Folders where libmpi may lie: next to the launcher that started this rank, of the environment, next to
 * mpirun in PATH.
 */
function libraryFolders(environment: Environment): string[] {
  const { I_MPI_ROOT, OPAL_PREFIX, MPI_HOME, PATH = '' } = environment;
  const onPath = PATH.split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'mpirun'))
    .find((file) => existsSync(file));
  const prefixes = [
    ...findMpiAncestors().map(({ file }) => dirname(dirname(file))),
    ...[I_MPI_ROOT, OPAL_PREFIX, MPI_HOME],
    onPath === undefined ? undefined : dirname(dirname(realpathSync(onPath))),
  ];
  const known = prefixes.filter((prefix) => prefix !== undefined).filter((prefix) => prefix !== '');
  return [...new Set(known.flatMap((prefix) => LIBRARY_FOLDERS.map((folder) => join(prefix, folder))))];
}

/**
 * UCX, used by MPICH and Open MPI, installs a SIGSEGV handler when it is loaded, but JavaScript engines need
 * that signal for WebAssembly. No other environment variable is changed.
 */
function keepSignalHandlers(): void {
  process.env.UCX_ERROR_SIGNALS ??= '';
}

/** fcntl.h of Linux. */
const O_NONBLOCK = 0o4000;

/**
 * Whether the inherited socket to the launcher (descriptor PMI_FD) has been lost. Node closes inherited
 * descriptors in its child processes, for example under npx; the number may then refer to another file, and
 * libmpi would hang on it. Checked on Linux only.
 */
export function hasLostLauncher(environment: Environment): boolean {
  const descriptor = environment.PMI_FD;
  if (process.platform !== 'linux' || descriptor === undefined) return false;
  const own = openedAs('self', descriptor);
  if (own === undefined || !own.startsWith('socket:')) return true;
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  const flags = Number.parseInt(/flags:\s*([0-7]+)/.exec(info)?.[1] ?? '0', 8);
  // MPICH's socket is blocking; the runtime's own descriptors are not.
  if ((flags & O_NONBLOCK) !== 0) return true;
  const parents = openedAs(String(process.ppid), descriptor);
  return parents?.startsWith('socket:') === true && parents !== own && findMpiAncestors(1).length === 0;
}

/** Target of an open file descriptor of a process. */
function openedAs(id: string, descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/${id}/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}
