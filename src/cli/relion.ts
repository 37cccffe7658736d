/** `locscale-gpu relion`: an external job of RELION. Results go into its folder (files/relion-job.ts). */
import { LocScaleError } from '../errors.ts';
import { fileExists } from '../files/read-files.ts';
import { inRelionFolder, writeRelionNodes } from '../files/relion-job.ts';
import type { RelionNode } from '../formats/relion-nodes.ts';
import type { OptionValues } from '../options/index.ts';
import { outputTables } from './output-tables.ts';
import { pathOf, type RunRequest } from './outputs.ts';
import { checkOptionStates, parseArgv } from './parse-argv.ts';
import { isReportingRank, runOnRanks } from './ranks.ts';
import {
  isRelionCommand,
  type RelionCommand,
  relionArgv,
  relionFolderOf,
  relionOutputs,
  sortRelionWords,
} from './relion-arguments.ts';
import type { Session } from './session.ts';
import { shellWords } from './shell-words.ts';

/** Entries of the commands that may be a job. */
const runners: Record<RelionCommand, () => Promise<(session: Session) => Promise<void>>> = {
  scale: async () => (await import('./scale.ts')).runScale,
  feature_enhance: async () => (await import('./feature-enhance.ts')).runFeatureEnhanceCommand,
  locres: async () => (await import('./locres.ts')).runLocresCommand,
};

/**
 * Entry of `locscale-gpu-relion`. Whatever happens, the outcome is reported to RELION by the files that it
 * looks for (RELION_JOB_EXIT_SUCCESS, _FAILURE, _ABORTED).
 */
export async function runRelion(session: Session): Promise<void> {
  const words = session.parsed.positionals;
  const folder = relionFolderOf(words);
  // Other ranks only compute; rank 0 reports to RELION.
  if (!isReportingRank(words)) return runJob(session, folder, words);
  await inRelionFolder(folder, session.signal, (signal) => runJob({ ...session, signal }, folder, words));
}

/**
 * Parses the job's options like a command line and runs the command. All ranks run it; one prints notes and
 * writes the list of output nodes.
 */
async function runJob(session: Session, folder: string, words: readonly string[]): Promise<void> {
  const { logger } = session;
  const argv = await relionArgv(sortRelionWords(words), folder, fileExists, (sentence) =>
    logger.note(sentence),
  );
  const parsed = parseArgv(argv);
  const { command } = parsed;
  if (!isRelionCommand(command)) throw new LocScaleError('usage', `A job cannot be the command ${command}.`);
  if (isReportingRank(words)) {
    logger.line(`Job ${folder}: locscale-gpu ${shellWords(argv)}`);
    for (const note of checkOptionStates(parsed)) logger.note(note);
  }
  const run = await runners[command]();
  await runOnRanks({ ...session, parsed }, run, () => undefined);
  if (isReportingRank(words)) await writeRelionNodes(folder, nodesOf(folder, command, parsed.values));
}

/** Outputs that RELION can use in later jobs. */
function nodesOf(folder: string, command: RelionCommand, values: OptionValues): RelionNode[] {
  const request: RunRequest = {
    // Conditions of the rows do not matter here: nodes of files that were not written do no harm, and RELION
    // lists files that exist.
    values,
    outfile: `${folder}/${relionOutputs[command]}`,
    input: { kind: 'half-maps', half1: '', half2: '' },
  };
  return outputTables[command].flatMap((row) =>
    row.node === undefined ? [] : [{ file: pathOf(row, request), kind: row.node }],
  );
}
