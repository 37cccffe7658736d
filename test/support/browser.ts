/**
 * A headless browser for tests of the report: the one in LOCSCALE_BROWSER, else Chromium out of the
 * development package @sparticuz/chromium (x86-64 Linux), which unpacks itself into the temporary folder.
 */
import { existsSync } from 'node:fs';
import { inspect } from 'node:util';
import type { Browser } from 'puppeteer-core';
import { COMPUTING_ARGS } from './chromium-args.mjs';
import { startFirefox } from './firefox.mjs';
import { isLong, isRequired } from './required.ts';

export type Launched =
  | { readonly browser: Browser; readonly reason?: undefined }
  | { readonly browser?: undefined; readonly reason: string };

/** Journeys of the page that take minutes together: with LOCSCALE_LONG=1, as `.ci/run` does. */
export async function forLongJourneys(launch: () => Promise<Launched>): Promise<Launched> {
  if (isLong) return await launch();
  return { reason: '(skipped: takes minutes; LOCSCALE_LONG=1 runs it)' };
}

export { COMPUTING_ARGS };

export async function launchBrowser(options: { args?: string[] } = {}): Promise<Launched> {
  try {
    const [{ default: puppeteer }, { default: chromium }] = await Promise.all([
      import('puppeteer-core'),
      import('@sparticuz/chromium'),
    ]);
    const own = process.env.LOCSCALE_BROWSER;
    // The browser brings a software GPU of its own, which the names of the tests' drivers would hide from it.
    const { VK_DRIVER_FILES: _, VK_ICD_FILENAMES: __, ...env } = process.env;
    const browser = await puppeteer.launch({
      executablePath: own ?? (await chromium.executablePath()),
      // Surfaces are drawn by a software GPU.
      args:
        options.args ??
        (own === undefined
          ? chromium.args
          : ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader']),
      headless: own === undefined ? 'shell' : true,
      env,
    });
    return { browser };
  } catch (error) {
    const reason = wordsOf(error).split('\n')[0];
    if (isRequired('browser'))
      throw new Error(`LOCSCALE_REQUIRE lists a browser, and none starts: ${reason}`);
    return { reason: `(skipped: no browser starts here: ${reason})` };
  }
}

/** Debian's Firefox, or the one in LOCSCALE_FIREFOX. What it saves goes to `downloads`. */
export async function launchFirefox({ downloads }: { downloads: string }): Promise<Launched> {
  const executablePath = process.env.LOCSCALE_FIREFOX ?? '/usr/bin/firefox-esr';
  try {
    if (!existsSync(executablePath)) throw new Error(`there is no ${executablePath}`);
    const browser = await startFirefox({
      executablePath,
      preferences: {
        'browser.download.folderList': 2,
        'browser.download.dir': downloads,
        'browser.helperApps.neverAsk.saveToDisk': 'application/octet-stream,text/plain,text/html',
      },
    });
    return { browser };
  } catch (error) {
    const reason = wordsOf(error).split('\n')[0];
    if (isRequired('firefox')) throw new Error(`LOCSCALE_REQUIRE lists firefox, and none starts: ${reason}`);
    return { reason: `(skipped: no Firefox starts here: ${reason})` };
  }
}

/**
 * What was thrown, in words. A browser that ends while it is being connected to rejects with the event of its
 * WebSocket, which as text is "[object Object]": its message, or that of its error, says more.
 */
export function wordsOf(thrown: unknown): string {
  if (thrown === null || typeof thrown !== 'object') return String(thrown);
  const { message, error, cause, type, code } = thrown as Record<string, unknown>;
  if (typeof message === 'string' && message !== '') return message;
  const inner = error ?? cause;
  if (inner !== undefined && inner !== null && inner !== thrown) return wordsOf(inner);
  const named = [type, code].filter((part) => typeof part === 'string' || typeof part === 'number');
  return named.length > 0 ? `event "${named.join(' ')}"` : inspect(thrown, { depth: 0 });
}
