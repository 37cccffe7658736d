/**
 * Runs shared by several processes: ranks of mpirun or srun (-mpi), or one process per GPU of --gpu_ids,
 * started by this program. Rank 0 runs the command as if it were alone; the others wait for its orders. Only
 * rank 0 prints results and writes files.
 */
import process from 'node:process';
import { type Communicator, RankFailure } from '../distributed/communicator.ts';
import { detectLauncher } from '../distributed/launcher.ts';
import { connectOwnRanks, type OwnRanks, ownRanksOf, startRanks } from '../distributed/own-ranks.ts';
import { LocScaleError } from '../errors.ts';
import type { Team } from '../pipeline/team.ts';
import { mayFallBack } from './called-as.ts';
import { exitCodeOf, isStopCode, type StopSignal, toLocScaleError } from './exit-codes.ts';
import { stemOf } from './manifest.ts';
import type { Session } from './session.ts';

/** This process within the job. */
export interface Ranks {
  readonly rank: number;
  /** Rank and count on this machine, whose cores, memory and GPUs the processes share. */
  readonly localRank: number;
  readonly localSize: number;
  /** This process's share of the threads. */
  readonly threads?: number;
  /** Rank 0 only. */
  readonly team?: Team;
}

/** Commands that share their work. */
const SHARED_COMMANDS = ['scale', 'feature_enhance'];

/** Runs the command alone, or as the requested ranks. */
export async function runOnRanks(
  requested: Session,
  run: (session: Session) => Promise<void>,
  stoppedBy: () => StopSignal | undefined,
): Promise<void> {
  const session = mayFallBack(requested.parsed.values) ? await withoutMissingGpus(requested) : requested;
  const { command, values } = session.parsed;
  if (!SHARED_COMMANDS.includes(command)) return run(session);
  const given = ownRanksOf(process.env);
  const gpus = given === undefined && values.mpi !== true ? gpusOf(session) : 1;
  const started = gpus > 1 ? await startRanks(gpus, session.libraries.standardError()) : undefined;
  const communicator = await connect(session, started ?? given).catch(async (error: unknown) => {
    await started?.end();
    throw error;
  });
  // If another rank is lost, this one's work is useless: abort it.
  const gone = new AbortController();
  let failure: RankFailure | undefined;
  communicator.failure.catch((error: RankFailure) => {
    failure = error;
    gone.abort();
  });
  const signal = AbortSignal.any([session.signal, gone.signal]);
  try {
    const { rank, size, localRank, localSize } = communicator;
    const threads = size === 1 ? undefined : await fairThreads(session, communicator);
    const ranks: Ranks = { rank, localRank, localSize, threads };
    if (communicator.rank === 0) await lead({ ...session, signal, ranks }, communicator, run);
    else await followAs({ ...session, signal, ranks, logger: quiet(session.logger) }, communicator);
    await communicator.close();
  } catch (thrown) {
    const error = reportOnce(failure ?? toLocScaleError(thrown), communicator);
    if (communicator.size > 1 && !(error instanceof RankFailure)) {
      const code = exitCodeOf(error, stoppedBy());
      // MPI ends this process too, so messages must be printed before.
      const reported = nameRank(error, communicator);
      session.progress.clear();
      // A signal that stops all ranks is reported once.
      if (communicator.rank === 0 || error.tag !== 'aborted') session.logger.error(reported);
      session.libraries.release();
      communicator.abort(code, reported.message);
      throw new RankFailure(reported.message, { exitCode: code, announced: true });
    }
    throw error;
  } finally {
    await started?.end();
  }
}

/** Under the name `locscale` a missing GPU is no error: the session then uses the others, or the CPU. */
async function withoutMissingGpus(requested: Session): Promise<Session> {
  const { dropMissingGpus } = await import('./gpu-fallback.ts');
  return dropMissingGpus(requested, isReportingRank(requested.argv));
}

/** Collective. -np takes precedence. */
async function fairThreads(session: Session, communicator: Communicator): Promise<number> {
  const { measureCoreShare } = await import('../distributed/core-share.ts');
  const { threads, note } = await measureCoreShare(communicator);
  const decides = session.parsed.values.processes === undefined;
  if (note !== undefined && decides && communicator.rank === 0) session.logger.note(note);
  return threads;
}

/** Rank 0: runs the command with a team that hands tiles, bands and cubes to the other ranks. */
async function lead(
  session: Session & { ranks: Ranks },
  communicator: Communicator,
  run: (session: Session) => Promise<void>,
): Promise<void> {
  if (communicator.size === 1) return run(session);
  const { leadTeam } = await import('../distributed/lead.ts');
  const team = leadTeam(communicator);
  const { logger } = session;
  logger.line(`Team: ${team.description}`);
  await run({ ...session, ranks: { ...session.ranks, team } });
  await team.end();
  const { sent, received } = communicator.traffic;
  logger.line(`Between the processes: ${megabytes(sent)} sent, ${megabytes(received)} received by this one.`);
}

/**
 * Other ranks: open the engine, and the network if the run predicts, then serve orders of rank 0 until the
 * run ends. The reference is chosen by the same rules as on rank 0, so that both agree without a message.
 */
async function followAs(session: Session, communicator: Communicator): Promise<void> {
  const { command, values } = session.parsed;
  const { follow } = await import('../distributed/follow.ts');
  const { chooseInput } = await import('./job-options.ts');
  const { chooseScaling } = await import('./choose-scaling.ts');
  const { withEngine } = await import('./session.ts');
  const { chooseNetwork, withPredictor } = await import('./network.ts');
  const enhance = command === 'feature_enhance';
  const { kind } = enhance
    ? { kind: 'network' }
    : (await chooseScaling(session, chooseInput(values))).reference;
  const predicted = kind === 'network';
  const network = predicted ? await chooseNetwork(session) : undefined;
  const use = { monteCarlo: enhance && values.noMonteCarlo !== true, enhanced: enhance };
  await withEngine(session, (engine) =>
    withPredictor(session, network, use, async (predictor) => {
      await follow({ communicator, engine, predictor, signal: session.signal });
    }),
  );
}

/** Through files for ranks started by this program, else through MPI or a shared folder. */
async function connect(session: Session, own: OwnRanks | undefined): Promise<Communicator> {
  if (own !== undefined) return connectOwnRanks(own);
  const { openCommunicator } = await import('../distributed/open-communicator.ts');
  const { command, values } = session.parsed;
  return openCommunicator({
    mpi: values.mpi === true,
    environment: process.env,
    sharedFolder: await sharedFolderOf(command as 'scale', values),
    onWarning: (sentence) => session.logger.warn(sentence),
  });
}

/**
 * Next to the output, a folder that all machines can write to. Errors in the options are reported later by
 * rank 0.
 */
async function sharedFolderOf(command: 'scale', values: Session['parsed']['values']): Promise<string> {
  const { chooseOutfile } = await import('./job-options.ts');
  try {
    return stemOf(chooseOutfile(values, command));
  } catch {
    return 'locscale-gpu';
  }
}

/**
 * True on the rank that reports usage errors; all ranks parse the same arguments. Processes of mpirun are one
 * run with -mpi only.
 */
export function isReportingRank(argv: readonly string[]): boolean {
  const own = ownRanksOf(process.env);
  if (own !== undefined) return own.rank === 0;
  const mpi = argv.some((word) => word === '-mpi' || word === '--mpi');
  return !mpi || (detectLauncher(process.env)?.rank ?? 0) === 0;
}

/** GPUs that get their own process each: Dawn opens only one adapter per process reliably. */
function gpusOf({ parsed: { values }, withoutGpus }: Session): number {
  return withoutGpus === true || values.engine === 'cpu' || values.dryRun === true
    ? 1
    : (values.gpuIds?.length ?? 1);
}

/** Ranks other than 0 speak of failures only. */
function quiet(logger: Session['logger']): Session['logger'] {
  const nothing = (): void => undefined;
  return { ...logger, line: nothing, detail: nothing, warn: nothing, note: nothing };
}

/** Only rank 0 reports a signal, since every rank usually receives it. */
function reportOnce(error: LocScaleError, { rank }: Communicator): LocScaleError {
  if (!(error instanceof RankFailure) || rank !== 0 || !isStopCode(error.exitCode)) return error;
  return new RankFailure(error.message, { exitCode: error.exitCode, announced: false });
}

/** Prefixes messages of other ranks, whose output mixes with that of rank 0. */
function nameRank(error: LocScaleError, { rank, size }: Communicator): LocScaleError {
  if (rank === 0) return error;
  return new LocScaleError(error.tag, `Rank ${rank} of ${size}: ${error.message}`, {
    ...error,
    cause: error,
  });
}

/** Decimal megabytes, as used for network rates. */
function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
