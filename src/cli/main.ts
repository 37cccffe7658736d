/** From argv to an exit code: parse, dispatch to one command (loaded on use), report errors. */
import { cac } from 'cac';
import { RankFailure } from '../distributed/communicator.ts';
import type { LocScaleError } from '../errors.ts';
import { removeTemporaries } from '../files/temporary-files.ts';
import type { CommandName } from '../options/index.ts';
import type { LibraryOutput } from '../platform/library-output.ts';
import { exitCodeOf, type StopSignal, toLocScaleError } from './exit-codes.ts';
import { createLogger } from './logger.ts';
import { checkOptionStates, parseArgv } from './parse-argv.ts';
import { createProgress, type ProgressStream } from './progress.ts';
import { isReportingRank, runOnRanks } from './ranks.ts';
import type { Session } from './session.ts';

/** The streams of the process, or substitutes in tests. */
export interface Terminal {
  /** `settle` waits until everything is written, and returns the error of a failed stream. */
  readonly out: ProgressStream & { settle?(): Promise<LocScaleError | undefined> };
  readonly err: { write(text: string): unknown };
  readonly libraries: LibraryOutput;
}

/** Looked up before parsing, because the output of native libraries may be withheld from the start. */
export function isVerbose(argv: readonly string[]): boolean {
  return argv.includes('-v') || argv.includes('--verbose');
}

/** A command; loaded on use, so that --help starts quickly. */
type Runner = (session: Session) => Promise<void> | void;

/** Modules of the commands. */
const runners: Record<CommandName, () => Promise<Runner>> = {
  scale: async () => (await import('./scale.ts')).runScale,
  fsc: async () => (await import('./fsc.ts')).runFscCommand,
  mask: async () => (await import('./mask.ts')).runMaskCommand,
  locres: async () => (await import('./locres.ts')).runLocresCommand,
  postprocess: async () => (await import('./postprocess.ts')).runPostprocessCommand,
  assess: async () => (await import('./assess.ts')).runAssessCommand,
  resample: async () => (await import('./resample.ts')).runResampleCommand,
  symmetrise: async () => (await import('./symmetrise.ts')).runSymmetriseCommand,
  symmetry: async () => (await import('./symmetry.ts')).runSymmetryCommand,
  validate: async () => (await import('./validate.ts')).runValidate,
  demo: async () => (await import('./demo.ts')).runDemo,
  page: async () => (await import('./page.ts')).runPage,
  app: async () => (await import('../app/command.ts')).runApp,
  bench: async () => (await import('./bench.ts')).runBench,
  devices: async () => (await import('./devices.ts')).runDevices,
  models: async () => (await import('./models.ts')).runModels,
  relion: async () => (await import('./relion.ts')).runRelion,
  setup: async () => (await import('./setup.ts')).runSetup,
  version: async () => (await import('./version.ts')).runVersion,
  feature_enhance: async () => (await import('./feature-enhance.ts')).runFeatureEnhanceCommand,
};

/**
 * Runs the program; returns the exit code and never throws. `signal` stops it, `stoppedBy` returns the name
 * of that signal. All output goes through `terminal`, so that tests run commands in their own process.
 */
export async function main(
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
  stoppedBy: () => StopSignal | undefined = () => undefined,
): Promise<number> {
  const progress = createProgress(terminal.out);
  const settings = {
    verbose: isVerbose(argv),
    debug: argv.includes('--debug'),
    libraryText: () => terminal.libraries.release(),
    beforeLine: progress.clear,
  };
  const logger = createLogger(terminal, settings);
  try {
    await dispatch({ argv, logger, progress, signal, libraries: terminal.libraries }, stoppedBy);
    const failure = await terminal.out.settle?.();
    if (failure !== undefined) throw failure;
    return 0;
  } catch (thrown) {
    const error = toLocScaleError(thrown);
    const failure = error instanceof RankFailure ? error : undefined;
    const reportedElsewhere =
      failure?.announced === true || (error.tag === 'usage' && !isReportingRank(argv));
    if (!reportedElsewhere) logger.error(error);
    return failure?.exitCode ?? exitCodeOf(error, stoppedBy());
  } finally {
    progress.clear();
    removeTemporaries();
  }
}

/**
 * Parses, prints notes on options, and runs the command with its session. Help and version need no engine and
 * no rank.
 */
async function dispatch(
  unparsed: Omit<Session, 'parsed'>,
  stoppedBy: () => StopSignal | undefined,
): Promise<void> {
  const { argv, logger } = unparsed;
  const parsed = parseArgv(argv);
  const { values, command } = parsed;
  if (argv.length === 0 || values.help === true) {
    const { helpText } = await import('./help.ts');
    logger.line(helpText(command));
    return;
  }
  if (values.version === true) {
    (await import('./version.ts')).runVersion({ logger });
    return;
  }
  for (const note of checkOptionStates(parsed)) logger.note(note);
  await runOnRanks({ ...unparsed, parsed }, (shared) => routeToCommand(command, shared), stoppedBy);
}

/**
 * cac holds the commands and loads the one that runs. It gets the command's name only: options have been
 * parsed by LocScale's rules (parse-argv.ts), which cac's own parser does not know (`-hm a b`, prefixes of
 * names, values such as 007 that stay text).
 */
async function routeToCommand(command: CommandName, session: Session): Promise<void> {
  const cli = cac('locscale-gpu');
  for (const name of Object.keys(runners) as CommandName[])
    cli.command(name === 'scale' ? '' : name).action(async () => (await runners[name]())(session));
  cli.parse(['', 'locscale-gpu', ...(command === 'scale' ? [] : [command])], { run: false });
  await cli.runMatchedCommand();
}
