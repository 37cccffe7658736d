/** The page in Firefox, on the CPU: the whole journey, in a tab that is hidden while it computes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { forLongJourneys, launchFirefox } from '../support/browser.ts';
import { builtPage, sharpenHere, WebPage } from '../support/web-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'locscale-firefox-'));
const launched = await forLongJourneys(() => launchFirefox({ downloads: folder }));

/** Errors, forbidden requests, and what was loaded from elsewhere: Firefox does not report them from outside. */
const WATCH = `{
  window.trouble = [];
  for (const name of ['error', 'unhandledrejection', 'securitypolicyviolation'])
    addEventListener(name, (event) => trouble.push(name + ': ' + (event.message ?? event.reason ?? event.blockedURI)));
}`;
const TROUBLE = `[...trouble, ...performance.getEntriesByType('resource').map(({ name }) => name)
  .filter((name) => !/^(data|blob):/.test(name) && new URL(name).origin !== location.origin)]`;

describe.skipIf(launched.reason !== undefined)(`the page in Firefox ${launched.reason ?? ''}`, () => {
  const browser = launched.browser as Browser;
  let server: PageServer;
  beforeAll(async () => {
    server = await servePage({ folder: builtPage });
  });
  afterAll(async () => {
    await server.close();
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('computes while its tab is hidden, gives the map of Node, and has it after a reload', async () => {
    const tab = await WebPage.open({ browser, url: `${server.url}#engine=cpu`, folder, before: [WATCH] });
    const { page } = tab;
    await page.click('#demo');
    await tab.ready();
    // Noted by the page itself: drawing stops in hidden tabs, events do not.
    await page.evaluate(`{
      window.seen = new Set();
      new MutationObserver(() => seen.add(document.visibilityState)).observe(
        document.getElementById('steps'), { childList: true, subtree: true });
    }`);
    const other = await browser.newPage();
    await page.bringToFront();
    await page.click('#start');
    await other.bringToFront();
    await tab.shown('document.visibilityState === "hidden"');
    const locks = 'navigator.locks.query().then(({ held }) => held.map(({ name }) => name))';
    expect(await page.evaluate(locks)).toContain('locscale-gpu run');
    await tab.finished();
    expect(await page.evaluate('document.visibilityState')).toBe('hidden');
    expect(await page.evaluate('seen.has("hidden")')).toBe(true);
    expect(await page.evaluate(locks)).not.toContain('locscale-gpu run');
    await other.close();
    await page.bringToFront();

    expect(await tab.text('numbers')).toMatch(/CPU, \d+ worker threads?\s+Correlation.*0\.757 → 0\.899/s);
    const halves = await Promise.all(['half1', 'half2'].map((role) => tab.given(role)));
    const expected = await sharpenHere(halves.map((bytes) => new Blob([bytes])));
    await tab.shown('document.getElementById("storage").textContent.startsWith("Finished")');
    expect((await tab.saved('locscale_output.mrc')).equals(expected)).toBe(true);
    await tab.picture('page-firefox');

    expect(await page.evaluate(TROUBLE)).toEqual([]);
    await page.reload();
    await tab.shown('!document.getElementById("earlier").hidden');
    await page.click('#earlier-list button');
    await tab.finished();
    expect((await tab.saved('locscale_output.mrc')).equals(expected)).toBe(true);
    expect(await page.evaluate(TROUBLE)).toEqual([]);
  });
});
