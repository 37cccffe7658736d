/** `locscale-gpu demo`: the command line of demo.ts. */
import { isLocScaleError } from '../errors.ts';
import { openBundled } from '../network/store/index.ts';
import { DEFAULT_DEMO_FOLDER, runDemo } from './demo.ts';
import { refusePositionals } from './job-options.ts';
import { withPredictor } from './network.ts';
import { engineChoiceOf, type Session } from './session.ts';

const DEFAULT_SEED = 1;

export async function runDemoCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0, 'The demo makes its own maps; its folder is chosen with -o FOLDER.');
  const { logger, progress, signal } = session;
  const options = {
    outputFolder: values.outfile ?? DEFAULT_DEMO_FOLDER,
    seed: values.seed ?? DEFAULT_SEED,
    ...engineChoiceOf(session),
    print: (line: string) => logger.line(line),
    warn: (line: string) => logger.warn(line),
    onProgress: (label: string, done: number, total: number) => progress.update(label, done, total),
    signal,
    command: ['locscale-gpu', ...session.argv],
  };
  try {
    // The bundled network, whatever else is imported: the demo is to give the same map everywhere.
    await withPredictor(session, await openBundled(), { monteCarlo: false, enhanced: false }, (predictor) =>
      runDemo({ ...options, predictor }),
    );
  } catch (error) {
    // Where onnxruntime does not run, the rest of the program can still be shown.
    if (!isLocScaleError(error) || error.parameter !== 'provider' || values.provider !== undefined)
      throw error;
    logger.warn(error.message);
    await runDemo(options);
  }
}
