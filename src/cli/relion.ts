/**
 * `locscale-gpu relion`: an external job of RELION (3.1 to 5). Results go into the folder of the job, with the files
 * by which RELION's pipeline knows how a job has ended:
 *   RELION_OUTPUT_NODES.star   the results, for the nodes of later jobs
 *   RELION_JOB_EXIT_SUCCESS, RELION_JOB_EXIT_FAILURE, RELION_JOB_EXIT_ABORTED
 *   RELION_JOB_ABORT_NOW       made by RELION ("Abort running"): the job is to stop
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { reasonOf } from '../files/file-errors.ts';
import { fileExists } from '../files/read-files.ts';
import { encodeRelionNodes, type RelionNode } from '../formats/relion-nodes.ts';
import type { OptionValues } from '../options/index.ts';
import { toLocScaleError } from './exit-codes.ts';
import { outputTables } from './output-tables.ts';
import { pathOf, type RunFacts } from './outputs.ts';
import { checkOptionStates, parseArgv } from './parse-argv.ts';
import { runOnRanks, speaksForAll } from './ranks.ts';
import {
  inWords,
  isRelionCommand,
  type RelionCommand,
  relionArgv,
  relionFolderOf,
  relionOutputs,
  sortRelionWords,
} from './relion-arguments.ts';
import type { Session } from './session.ts';

const SUCCESS = 'RELION_JOB_EXIT_SUCCESS';
const FAILURE = 'RELION_JOB_EXIT_FAILURE';
const ABORTED = 'RELION_JOB_EXIT_ABORTED';
const ABORT_NOW = 'RELION_JOB_ABORT_NOW';
const NODES = 'RELION_OUTPUT_NODES.star';

/** A look at the folder a second: notifications of changes do not cross network file systems. */
const LOOK_EVERY_MS = 1000;

const runners: Record<RelionCommand, () => Promise<(session: Session) => Promise<void>>> = {
  scale: async () => (await import('./scale.ts')).runScale,
  feature_enhance: async () => (await import('./feature-enhance.ts')).runFeatureEnhanceCommand,
  locres: async () => (await import('./locres.ts')).runLocresCommand,
};

export async function runRelion(session: Session): Promise<void> {
  const words = session.parsed.positionals;
  const folder = relionFolderOf(words);
  // Other ranks of one job compute only: the first tells RELION.
  if (!speaksForAll(words)) return runJob(session, folder, words);
  try {
    await mkdir(folder, { recursive: true });
    for (const mark of [SUCCESS, FAILURE, ABORTED]) await rm(`${folder}/${mark}`, { force: true });
  } catch (cause) {
    throw new LocScaleError('bad-output', `${folder} cannot be written: ${reasonOf(cause)}.`, {
      where: '--o',
      cause,
    });
  }
  const asked = new AbortController();
  const look = async (): Promise<void> => {
    if (await fileExists(`${folder}/${ABORT_NOW}`)) asked.abort();
  };
  const looking = setInterval(look, LOOK_EVERY_MS);
  try {
    await look();
    stopIfAborted(asked.signal);
    await runJob({ ...session, signal: AbortSignal.any([session.signal, asked.signal]) }, folder, words);
    await writeFile(`${folder}/${SUCCESS}`, '');
  } catch (thrown) {
    const stopped = asked.signal.aborted || session.signal.aborted;
    const aborted = stopped || toLocScaleError(thrown).tag === 'aborted';
    // A full disk leaves no room for this file either; the error itself says so.
    await writeFile(`${folder}/${aborted ? ABORTED : FAILURE}`, '').catch(() => undefined);
    await rm(`${folder}/${ABORT_NOW}`, { force: true }).catch(() => undefined);
    if (!asked.signal.aborted) throw thrown;
    throw new LocScaleError('aborted', 'RELION asked the job to stop.', { where: ABORT_NOW, cause: thrown });
  } finally {
    clearInterval(looking);
  }
}

async function runJob(session: Session, folder: string, words: readonly string[]): Promise<void> {
  const { logger } = session;
  const argv = await relionArgv(sortRelionWords(words), folder, fileExists, (sentence) =>
    logger.note(sentence),
  );
  const parsed = parseArgv(argv);
  const { command } = parsed;
  if (!isRelionCommand(command)) throw new LocScaleError('usage', `A job cannot be the command ${command}.`);
  if (speaksForAll(words)) {
    logger.line(`Job ${folder}: locscale-gpu ${inWords(argv)}`);
    for (const note of checkOptionStates(parsed)) logger.note(note);
  }
  const run = await runners[command]();
  await runOnRanks({ ...session, parsed }, run, () => undefined);
  if (speaksForAll(words)) await writeNodes(folder, nodesOf(folder, command, parsed.values));
}

/** Of the files that are there; paths are relative to the project, as everything in RELION. */
function nodesOf(folder: string, command: RelionCommand, values: OptionValues): RelionNode[] {
  const facts: RunFacts = {
    values,
    outfile: `${folder}/${relionOutputs[command]}`,
    input: { kind: 'half-maps', half1: '', half2: '' },
  };
  return outputTables[command].flatMap((row) =>
    row.node === undefined ? [] : [{ file: pathOf(row, facts), kind: row.node }],
  );
}

async function writeNodes(folder: string, nodes: readonly RelionNode[]): Promise<void> {
  const written: RelionNode[] = [];
  for (const node of nodes) if (await fileExists(node.file)) written.push(node);
  await writeFile(`${folder}/${NODES}`, encodeRelionNodes(written));
}
