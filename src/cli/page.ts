/** `locscale-gpu page`: serves the page of dist/web, with the headers that allow it to use all cores. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LocScaleError } from '../errors.ts';
import { servePage } from '../files/folder-server.ts';
import type { Session } from './session.ts';

/** Serves until a signal arrives; the signal is a normal end here. */
export async function runPage({ parsed: { values }, logger, signal }: Session): Promise<void> {
  const server = await servePage({ folder: builtPage(), port: values.port });
  try {
    logger.line(`The page is at ${server.url} (Ctrl-C ends it).`);
    const { port } = new URL(server.url);
    if (process.env.SSH_CONNECTION !== undefined)
      logger.line(
        `From your own computer: "ssh -L ${port}:127.0.0.1:${port}" to this one, then open that ` +
          'address there.',
      );
    await untilStopped(signal);
  } finally {
    await server.close();
  }
}

/** The folder of the page in this package. Throws 'unsupported' if the page is not built. */
export function builtPage(): string {
  const folder = fileURLToPath(new URL('../../dist/web/', import.meta.url));
  if (existsSync(join(folder, 'index.html'))) return folder;
  throw new LocScaleError('unsupported', `The page is not built: ${folder} has no index.html.`, {
    where: folder,
    hint: 'Run "npm run build" in the repository, or install the package again.',
  });
}

export async function untilStopped(signal: AbortSignal): Promise<void> {
  // A signal that arrived before the listener was added would never be seen.
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
