/** `locscale-gpu app` in Firefox: the whole journey, with the page loaded again in the middle of a run. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../cli/run-cli.ts';
import { forLongJourneys, launchFirefox } from '../support/browser.ts';
import { RunningApp } from '../support/running-app.ts';
import { WebPage, writeTestMap } from '../support/web-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'locscale-app-firefox-'));
const saved = join(folder, 'saved');
const launched = await forLongJourneys(() => launchFirefox({ downloads: saved }));

const HALVES = ['half1.mrc', 'half2.mrc'];
const STEPS = 'document.querySelectorAll("#steps li").length';

describe.skipIf(launched.reason !== undefined)(`the app in Firefox ${launched.reason ?? ''}`, () => {
  const browser = launched.browser as Browser;
  let app: RunningApp;
  beforeAll(async () => {
    for (const name of ['saved', 'emd', 'large']) mkdirSync(join(folder, name), { recursive: true });
    for (const [seed, name] of HALVES.entries()) {
      await writeTestMap(folder, name, seed + 1);
      renameSync(join(folder, name), join(folder, 'emd', name));
      await writeTestMap(folder, name, seed + 1, 96, 1);
      renameSync(join(folder, name), join(folder, 'large', name));
    }
    app = await RunningApp.start(folder);
  });
  afterAll(async () => {
    await browser.close();
    await app.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const choose = async (tab: WebPage, sub: string): Promise<void> => {
    const link = `[...document.querySelectorAll('#server-entries button')].find(({ textContent }) => textContent === '${sub}/')`;
    await tab.shown(`${link} !== undefined`);
    await tab.page.evaluate(`${link}.click()`);
    for (const name of HALVES) {
      await tab.shown(`document.querySelector('[aria-label="Add ${name}"]') !== null`);
      await tab.page.click(`[aria-label="Add ${name}"]`);
    }
    await tab.shown('document.querySelectorAll(".card select").length === 2');
    await tab.ready();
  };

  it('finds and cancels a run after a reload, runs again, and saves the map of the command line', async () => {
    const tab = await WebPage.open({
      browser,
      url: `${app.address}#token=${app.token}&engine=cpu&locres=1`,
      folder: saved,
    });
    const { page } = tab;
    expect(await page.evaluate('location.hash')).toBe('#engine=cpu&locres=1');
    await choose(tab, 'large');
    await page.click('#start');
    await tab.shown(`${STEPS} > 2`);

    await page.reload();
    await tab.booted();
    await tab.shown(`${STEPS} > 2`);
    expect(await tab.text('run-note')).toContain('continues without this page');
    await page.click('#cancel');
    await tab.ready();
    expect(readdirSync(join(folder, 'large')).sort()).toEqual(HALVES);
    await page.close();

    const again = await WebPage.open({
      browser,
      url: `${app.address}#token=${app.token}&engine=cpu`,
      folder: saved,
    });
    // What was cancelled is there, to be changed and started again.
    await again.ready();
    for (const name of HALVES) await again.page.click(`[aria-label="Remove ${name}"]`);
    await choose(again, 'emd');
    await again.page.click('#start');
    await again.finished();
    expect(await again.text('storage')).toContain(`The files are in ${folder}/emd`);
    const args = ['-hm', 'emd/half1.mrc', 'emd/half2.mrc', '--reference', 'profile', '--engine', 'cpu'];
    expect((await runCommand(folder, [...args, '-o', 'command-line.mrc'])).code).toBe(0);
    const expected = readFileSync(join(folder, 'command-line.mrc'));
    expect(readFileSync(join(folder, 'emd/locscale_output.mrc')).equals(expected)).toBe(true);
    expect((await again.saved('locscale_output.mrc')).equals(expected)).toBe(true);
    await again.picture('app-firefox');
    await again.page.close();
  });
});
