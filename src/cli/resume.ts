/** --resume: where finished steps are stored, and which are removed at the end of the run. */
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { LocScaleError } from '../errors.ts';
import { type CheckpointFolder, openCheckpointFolder } from '../files/checkpoint-folder.ts';
import { makeFolder } from '../files/staged-files.ts';
import { removeLeftovers } from '../files/temporary-files.ts';
import { stemOf } from './manifest.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';
import { packageVersion } from './version.ts';

/** LocScale's name for the folder of intermediate files. */
export const PROCESSING_FOLDER = 'processing_files';
/**
 * Useless once the map is written, unlike FSC, confidence map and prediction, which a run with another window
 * can reuse.
 */
const FINISHED = ['scaling'];

/** Undefined if nothing is to be stored. */
export async function openResume(session: Session, outfile: string): Promise<CheckpointFolder | undefined> {
  const { resume, noResume, outputProcessingFiles } = session.parsed.values;
  if (resume === true && noResume === true) {
    throw usage('Both --resume and --no_resume are given.', '--resume', 'Give one of them.');
  }
  if (noResume === true || (resume !== true && outputProcessingFiles === undefined)) return undefined;
  const folder = join(outputProcessingFiles ?? join(dirname(outfile), PROCESSING_FOLDER), 'checkpoints');
  await makeFolder(folder, outputProcessingFiles === undefined ? '--resume' : '-op');
  const prefix = `${basename(stemOf(outfile))}_`;
  await removeLeftovers(folder, (name) => name.startsWith(prefix));
  return openCheckpointFolder({
    folder,
    prefix,
    version: packageVersion(),
    intervalSeconds: intervalFromEnvironment(),
    onWarning: (message) => session.logger.warn(message),
  });
}

/** Seconds from LOCSCALE_CHECKPOINT_SECONDS; undefined for the default. */
export function intervalFromEnvironment(): number | undefined {
  const text = process.env.LOCSCALE_CHECKPOINT_SECONDS;
  if (text === undefined || text === '') return undefined;
  const seconds = Number(text);
  if (seconds > 0) return seconds;
  throw new LocScaleError('usage', `LOCSCALE_CHECKPOINT_SECONDS is "${text}", not a number of seconds.`, {
    where: 'environment',
    expected: 'a positive number',
    found: text,
    hint: 'Unset it, or give a number such as 60.',
  });
}

/** To be called when the results are written. */
export async function finishResume(checkpoints: CheckpointFolder | undefined): Promise<void> {
  for (const name of FINISHED) await checkpoints?.remove(name);
}
