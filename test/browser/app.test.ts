/** `locscale-gpu app` in Chromium: the page's screens, with the program's files, runs and results. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeWithAxe, lookWithAxe } from '../support/axe.ts';
import { COMPUTING_ARGS, forLongJourneys, launchBrowser } from '../support/browser.ts';
import { RunningApp } from '../support/running-app.ts';
import { Tunnel } from '../support/tunnel.ts';
import { WebPage, writeTestMap } from '../support/web-page.ts';

const OUTPUT = 'document.getElementById("server-output").value';

const launched = await forLongJourneys(() => launchBrowser({ args: COMPUTING_ARGS }));

describe.skipIf(launched.reason !== undefined)(`the app in Chromium ${launched.reason ?? ''}`, () => {
  const { browser } = launched as { readonly browser: NonNullable<typeof launched.browser> };
  let folder: string;
  let saved: string;
  let app: RunningApp;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-app-'));
    saved = join(folder, 'saved');
    for (const name of ['saved', 'emd', 'large']) mkdirSync(join(folder, name));
    for (const [seed, name] of ['half1.mrc', 'half2.mrc'].entries()) {
      await writeTestMap(folder, name, seed + 1);
      renameSync(join(folder, name), join(folder, 'emd', name));
      await writeTestMap(folder, name, seed + 1, 96, 1);
      renameSync(join(folder, name), join(folder, 'large', name));
    }
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    app = await RunningApp.start(folder);
  });
  afterEach(async () => {
    await app.stop();
  });

  const open = async (hash: string, address = app.address): Promise<WebPage> =>
    WebPage.open({ browser, url: `${address}${hash}`, folder: saved });
  const clickText = async ({ page }: WebPage, text: string): Promise<void> => {
    const found = await page.waitForSelector(`::-p-xpath(//button[normalize-space()="${text}"])`);
    await found?.click();
  };
  const add = async (tab: WebPage, sub: string): Promise<void> => {
    await clickText(tab, `${sub}/`);
    for (const name of ['half1.mrc', 'half2.mrc']) {
      await tab.page.waitForSelector(`[aria-label="Add ${name}"]`);
      await tab.shown(`document.querySelector(".crumbs [aria-current]").textContent === "${sub}"`);
      await tab.page.click(`[aria-label="Add ${name}"]`);
    }
    await tab.shown('document.querySelectorAll(".card select").length === 2');
    await tab.ready();
  };

  it('runs on files of its machine, writes there, and shows what came out after a reload, too', async () => {
    const tab = await open(`#token=${app.token}&engine=cpu&b=1&extend=3&softedge=6`);
    const { page, trouble } = tab;
    // The token is in no link that the page makes.
    expect(await page.evaluate('location.hash')).toBe('#engine=cpu&b=1&extend=3&softedge=6');
    expect(await tab.text('intro')).toContain(`below ${folder}`);
    expect(await page.evaluate('getComputedStyle(document.getElementById("drop")).display')).toBe('none');
    await add(tab, 'emd');
    await tab.picture('app-planned');
    expect(await page.evaluate(OUTPUT)).toBe('emd/locscale_output.mrc');
    await tab.shown('[...document.querySelectorAll("#sections canvas")].every(({ width }) => width > 0)');
    await page.click('#start');
    await tab.finished();
    expect(await tab.text('numbers')).toContain('CPU, 2 worker threads');
    expect(await tab.text('storage')).toContain(`The files are in ${folder}/emd`);
    const result = readFileSync(join(folder, 'emd/locscale_output.mrc'));
    expect((await tab.saved('locscale_output.mrc')).equals(result)).toBe(true);
    const { command } = JSON.parse(readFileSync(join(folder, 'emd/locscale_output.json'), 'utf8'));
    expect(command.join(' ')).toContain('--extend 3 --soft_edge 6');
    const mask = await tab.saved('locscale_output_mask.mrc');
    expect(new Float32Array(mask.buffer.slice(mask.byteOffset + 1024)).some((v) => v > 0.2 && v < 0.8)).toBe(
      true,
    );
    expect((await tab.saved('locscale_output_report.html')).toString()).toContain('<!doctype html>');
    await page.click('#tab-fsc');
    expect(await page.$eval('#part-fsc svg', (svg) => svg.innerHTML.length)).toBeGreaterThan(1000);
    await page.click('#sections canvas');
    await tab.shown('/\\d/.test(document.querySelector("#sections output").textContent)');
    await tab.picture('app-result');

    await page.reload();
    await tab.booted();
    await tab.finished();
    expect(await tab.text('storage')).toContain(`The files are in ${folder}/emd`);
    expect(await page.$$eval('.card strong', (names) => names.map(({ textContent }) => textContent))).toEqual(
      ['half1.mrc', 'half2.mrc'],
    );
    expect(trouble).toEqual([]);
    await page.close();
  });

  it('finds a run that continues without the tunnel, and without the page, and cancels it', async () => {
    const tunnel = await Tunnel.open(app.address);
    const tab = await open(`#token=${app.token}&engine=cpu&locres=1`, tunnel.url);
    await add(tab, 'large');
    await tab.page.click('#start');
    await tab.shown('document.querySelectorAll("#steps li").length > 2');
    await tunnel.break();
    await tab.shown('!document.getElementById("failure").hidden');
    expect(await tab.text('failure')).toMatch(/does not answer: .* tunnel .* the page finds it by itself/s);
    // Attempts that fail, of which there is one or more in this time, are no news.
    await tab.page.evaluate('window.said = document.getElementById("failure").firstElementChild');
    await new Promise((resolve) => setTimeout(resolve, 1800));
    expect(await tab.page.evaluate('said === document.getElementById("failure").firstElementChild')).toBe(
      true,
    );
    await tunnel.mend();
    await tab.shown('document.getElementById("failure").hidden');
    expect(await tab.text('run-note')).toContain('continues without this page');
    await tab.page.close();
    await tunnel.break();

    const later = await open(`#token=${app.token}`);
    await later.shown('document.querySelectorAll("#steps li").length > 2');
    expect(await later.text('run-note')).toContain('continues without this page');
    await later.page.keyboard.press('Escape');
    await later.ready();
    expect(await later.page.evaluate(OUTPUT)).toBe('large/locscale_output.mrc');
    expect(later.trouble).toEqual([]);
    await later.page.close();
  });

  describeWithAxe('looked at by axe-core', () => {
    it('has no violation in its list of files, its plan and its result', async () => {
      const tab = await open(`#token=${app.token}&engine=cpu`);
      await tab.page.waitForSelector('#server-entries li');
      await lookWithAxe(tab, 'app-list');
      await add(tab, 'emd');
      await lookWithAxe(tab, 'app-plan');
      await tab.page.click('#start');
      await tab.finished();
      await lookWithAxe(tab, 'app-result');
      await tab.page.close();
    });
  });

  it('says what is missing when its address has no token', async () => {
    const page = await browser.newPage();
    await page.goto(app.address);
    await page.waitForFunction('!document.getElementById("failure").hidden');
    expect(await page.$eval('#failure', ({ textContent }) => textContent)).toContain(
      'This address lacks its token',
    );
    await page.close();
  });

  it('is in no frame of another page', async () => {
    const page = await browser.newPage();
    await page.setContent(`<iframe src="${app.address}"></iframe>`);
    const [, frame] = page.frames();
    expect(await frame?.evaluate('document.querySelector("#machine")').catch(() => null)).toBeFalsy();
    await page.close();
  });
});
