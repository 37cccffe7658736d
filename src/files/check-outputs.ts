/** Checks output files before the computation starts. */
import { closeSync, openSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve, sep } from 'node:path';
import { LocScaleError } from '../errors.ts';
import { reasonOf } from './file-errors.ts';
import { targetOf, withOption } from './staged-files.ts';
import { discardTemporary, removeLeftovers, takeTemporaryName } from './temporary-files.ts';

/**
 * Rejects outputs that cannot be written, would overwrite an input (links are followed) or collide with each
 * other. Outputs of an earlier run will be replaced, as in LocScale; temporary files left by a killed run are
 * removed here. `optionOf`: the command-line option that chose the name.
 */
export async function checkOutputs(
  outputs: readonly string[],
  inputs: readonly string[],
  optionOf?: (output: string) => string,
): Promise<void> {
  const inputIdentities = new Map<string, string>();
  for (const input of inputs)
    for (const identity of await identitiesOf(input)) inputIdentities.set(identity, input);
  const seen = new Set<string>();
  for (const output of outputs) {
    const option = optionOf?.(output);
    for (const identity of await identitiesOf(output)) {
      const input = inputIdentities.get(identity);
      if (input === undefined) continue;
      throw new LocScaleError('bad-output', `The output ${output} would overwrite the input ${input}.`, {
        where: output,
        hint: `Choose another name${withOption(option)}.`,
      });
    }
    const target = await targetOf(output);
    const identity = await identityOfName(target);
    if (seen.has(identity))
      throw new LocScaleError('bad-output', `Two outputs have the name ${output}.`, {
        where: output,
        hint: `Choose another name${withOption(option)}.`,
      });
    seen.add(identity);
    await removeLeftovers(dirname(target), (name) => name === basename(target));
    await checkWritable(output, target, option);
  }
}

/** Equal for two names of the same directory entry, whether or not the file exists. */
async function identityOfName(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  return `${folder}${sep}${basename(path)}`;
}

/**
 * Names of a file that are equal for two paths to it: its real path and inode; of one that does not exist,
 * its absolute path.
 */
async function identitiesOf(path: string): Promise<string[]> {
  try {
    const info = await stat(path);
    // File systems without inode numbers report 0.
    return [await realpath(path), ...(info.ino === 0 ? [] : [`inode ${info.dev}:${info.ino}`])];
  } catch {
    return [resolve(path)];
  }
}

/**
 * Throws 'bad-output' if the target cannot be written: a folder, a device, no permission, no folder to be in.
 */
async function checkWritable(output: string, target: string, option: string | undefined): Promise<void> {
  const folder = dirname(target);
  const refuse = (reason: string, cause?: unknown): never => {
    throw new LocScaleError('bad-output', `${output} cannot be written: ${reason}.`, {
      where: output,
      hint: `Choose another folder or name${withOption(option)}.`,
      cause,
    });
  };
  const existing = await stat(target).catch(() => undefined);
  if (existing?.isDirectory() === true) refuse('it is a folder');
  // The final rename would replace the device itself (/dev/null, as superuser) by a file.
  if (existing?.isFile() === false) refuse('it is a device or a pipe, not a file');
  const parent = await stat(folder).catch(() => undefined);
  if (parent === undefined) refuse(`the folder ${resolve(folder)} does not exist`);
  else if (!parent.isDirectory()) refuse(`${folder} is not a folder`);
  // Creates a trial file, which alone reveals permissions, read-only disks and quotas.
  const probe = takeTemporaryName(target);
  try {
    closeSync(openSync(probe, 'wx'));
  } catch (error) {
    refuse(reasonOf(error), error);
  } finally {
    discardTemporary(probe);
  }
}

/** Rejects an output folder whose name belongs to a file. */
export async function checkFolderName(path: string, option: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined || existing.isDirectory()) return;
  throw new LocScaleError('bad-output', `The folder ${path} cannot be made: a file has its name.`, {
    where: path,
    hint: `Choose another name${withOption(option)}.`,
  });
}
