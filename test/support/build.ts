/** Before any test: dist/ is what src/ is (worker threads and the command line run from there). */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function setup(): void {
  const build = fileURLToPath(new URL('../../tools/build.mjs', import.meta.url));
  const runtime = 'Deno' in globalThis ? ['run', '-A'] : [];
  const run = spawnSync(process.execPath, [...runtime, build], { stdio: 'inherit' });
  if (run.status !== 0) throw new Error('The build failed: the messages above say where.');
}
