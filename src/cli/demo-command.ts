/** `locscale-gpu demo`: the command line of demo.ts. */
import { DEFAULT_DEMO_FOLDER, runDemo } from './demo.ts';
import { refusePositionals } from './job-options.ts';
import { engineChoiceOf, type Session } from './session.ts';

const DEFAULT_SEED = 1;

export async function runDemoCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0, 'The demo makes its own maps; its folder is chosen with -o FOLDER.');
  const { logger, progress, signal } = session;
  await runDemo({
    outputFolder: values.outfile ?? DEFAULT_DEMO_FOLDER,
    seed: values.seed ?? DEFAULT_SEED,
    ...engineChoiceOf(session),
    print: (line) => logger.line(line),
    warn: (line) => logger.warn(line),
    onProgress: (label, done, total) => progress.update(label, done, total),
    signal,
    command: ['locscale-gpu', ...session.argv],
  });
}
