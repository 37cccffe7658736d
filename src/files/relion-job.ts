/**
 * The folder of an external job of RELION (3.1 to 5), with the files that report its outcome to RELION's
 * pipeline:
 *   RELION_OUTPUT_NODES.star   the results, for the nodes of later jobs
 *   RELION_JOB_EXIT_SUCCESS, RELION_JOB_EXIT_FAILURE, RELION_JOB_EXIT_ABORTED
 *   RELION_JOB_ABORT_NOW       created by RELION ("Abort running"): the job must stop
 */
import { rm, writeFile } from 'node:fs/promises';
import { isLocScaleError, LocScaleError, stopIfAborted } from '../errors.ts';
import { encodeRelionNodes, type RelionNode } from '../formats/relion-nodes.ts';
import { reasonOf } from './file-errors.ts';
import { fileExists } from './read-files.ts';
import { makeFolder } from './staged-files.ts';

/** File names that RELION's pipeliner looks for. */
const SUCCESS = 'RELION_JOB_EXIT_SUCCESS';
const FAILURE = 'RELION_JOB_EXIT_FAILURE';
const ABORTED = 'RELION_JOB_EXIT_ABORTED';
const ABORT_NOW = 'RELION_JOB_ABORT_NOW';
const NODES = 'RELION_OUTPUT_NODES.star';

/** Polls the folder every second, because network file systems do not propagate change notifications. */
const LOOK_EVERY_MS = 1000;

/** Runs `body` as the job of `folder` and writes its outcome. Its signal also aborts on RELION's request. */
export async function inRelionFolder(
  folder: string,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await makeFolder(folder, '--o');
  try {
    for (const mark of [SUCCESS, FAILURE, ABORTED]) await rm(`${folder}/${mark}`, { force: true });
  } catch (cause) {
    const message = `${folder} cannot be written: ${reasonOf(cause)}.`;
    throw new LocScaleError('bad-output', message, { where: folder, cause });
  }
  const requested = new AbortController();
  const look = async (): Promise<void> => {
    if (await fileExists(`${folder}/${ABORT_NOW}`)) requested.abort();
  };
  const looking = setInterval(look, LOOK_EVERY_MS);
  try {
    await look();
    stopIfAborted(requested.signal);
    await body(AbortSignal.any([signal, requested.signal]));
    await writeFile(`${folder}/${SUCCESS}`, '');
  } catch (thrown) {
    const stopped = requested.signal.aborted || signal.aborted;
    const aborted = stopped || (isLocScaleError(thrown) && thrown.tag === 'aborted');
    // Fails on a full disk too; the original error is reported anyway.
    await writeFile(`${folder}/${aborted ? ABORTED : FAILURE}`, '').catch(() => undefined);
    await rm(`${folder}/${ABORT_NOW}`, { force: true }).catch(() => undefined);
    if (!requested.signal.aborted) throw thrown;
    throw new LocScaleError('aborted', 'RELION requested the job to stop.', {
      where: ABORT_NOW,
      cause: thrown,
    });
  } finally {
    clearInterval(looking);
  }
}

/** Nodes of the files that exist; paths are relative to the project, as RELION requires. */
export async function writeRelionNodes(folder: string, nodes: readonly RelionNode[]): Promise<void> {
  const written: RelionNode[] = [];
  for (const node of nodes) if (await fileExists(node.file)) written.push(node);
  await writeFile(`${folder}/${NODES}`, encodeRelionNodes(written));
}
