/**
 * Random weights of EMmerNet in the three layouts in which the real ones are published, written by
 * golden/emmernet/make_weights.py of the reference data (h5py and PyTorch write the files, not this
 * project) and kept in node_modules/.cache. The weights have seeds: the files are the same everywhere.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { describeAbsent } from './required.ts';
import { sharedDataPresent, sharedDataReason, sharedPath } from './shared-data.ts';

export interface EmmernetFiles {
  /** Keras 2 functional model, as in the archive. */
  readonly hdf5: string;
  /** PyTorch state dict. */
  readonly pt: string;
  /** Archive with the Keras file as emmernet/EMmerNet_highContext.hdf5. */
  readonly tarGz: string;
}

const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));
const pythons = ['python3', '/usr/bin/python3'];

/** Paths of the files, made at the first call (about 30 s, 260 MB), or the reason why there are none. */
export function emmernetFiles(): EmmernetFiles | { readonly reason: string } {
  if (!sharedDataPresent) return { reason: sharedDataReason };
  const maker = sharedPath('golden', 'emmernet', 'make_weights.py');
  const version = createHash('sha256').update(readFileSync(maker)).digest('hex').slice(0, 12);
  const folder = join(cache, `locscale-emmernet-${version}`);
  if (!existsSync(folder)) {
    const python = findPython();
    if (python === undefined)
      return { reason: 'no python3 with h5py and torch (Debian: python3-h5py python3-torch)' };
    make(python, maker, folder);
  }
  return {
    hdf5: join(folder, 'EMmerNet_highContext.hdf5'),
    pt: join(folder, 'emmernet_highcontext.pt'),
    tarGz: join(folder, 'emmernet.tar.gz'),
  };
}

/** Where several Pythons are installed, the system's is the one with the distribution's modules. */
export function findPython(modules = 'numpy, h5py, torch'): string | undefined {
  return pythons.find((python) => spawnSync(python, ['-c', `import ${modules}`]).status === 0);
}

/** Into a folder of another name first: test processes start side by side. */
function make(python: string, maker: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}-`);
  const { status, stderr } = spawnSync(python, [maker, temporary], { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(temporary, { recursive: true });
    throw new Error(`${maker} failed: ${stderr}`);
  }
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
}

/**
 * A `describe` for tests on these files: skipped visibly without them, a failure where "shared" is required.
 */
export function describeWithEmmernetFiles(name: string, body: (files: EmmernetFiles) => void): void {
  const files = emmernetFiles();
  if (!('reason' in files)) describe(name, { tags: ['reference-data'] }, () => body(files));
  else describeAbsent(name, 'shared', files.reason, () => it('reads the files', () => undefined));
}
