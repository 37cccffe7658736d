/**
 * Opens an address in the user's browser. Command lines can be read by everybody on a machine, and the
 * address is secret: the browser gets the name of a private file that leads to it.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Until then a browser that had to be started has read the file. */
const KEEP_MILLISECONDS = 60_000;

/** False if there is none. */
export async function openInBrowser(url: string, opener: readonly string[] = openerOf()): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'locscale-app-'));
  const file = join(folder, 'open.html');
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  await writeFile(file, `<!doctype html><meta http-equiv="refresh" content="0; url=${url}">\n`, {
    mode: 0o600,
  });
  const [command, ...first] = opener;
  const opened = await new Promise<boolean>((resolve) => {
    const child = spawn(command, [...first, file], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
    child.unref();
    // Some stay as long as the browser.
    setTimeout(() => resolve(true), 5000).unref();
  });
  if (!opened) await remove();
  else {
    const timer = setTimeout(remove, KEEP_MILLISECONDS);
    timer.unref();
    process.once('exit', () => void remove());
  }
  return opened;
}

/** Program and first arguments that open a file in the default browser. */
function openerOf(): readonly string[] {
  if (process.platform === 'darwin') return ['open'];
  return process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open'];
}
