/**
 * `locscale-gpu setup --shim FOLDER`: see shim.ts.
 * `locscale-gpu setup --cuda`: see network/run/install-cuda.ts.
 */
import { installCuda } from '../network/run/install-cuda.ts';
import { refusePositionals } from './job-options.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';

/** --cuda, --shim FOLDER, or both. */
export async function runSetup(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  const hint = 'Write locscale-gpu setup --cuda, or locscale-gpu setup --shim FOLDER.';
  refusePositionals(positionals, 0, hint);
  const { logger, signal } = session;
  const { cuda, shim } = values;
  if (cuda !== true && shim === undefined)
    throw usage('The command setup needs --cuda or --shim.', 'setup', hint);
  if (shim !== undefined) await (await import('./shim.ts')).installShim(session, shim);
  if (cuda === true) await installCuda({ say: logger.line, signal });
}
