/**
 * The page for everybody: no violation of axe-core's rules in any state, light and dark; all of it by keyboard;
 * nothing cut off on narrow screens.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, FileChooser, KeyInput, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { describeWithAxe, loadAxe, lookWithAxe, NARROW } from '../support/axe.ts';
import { COMPUTING_ARGS, launchBrowser } from '../support/browser.ts';
import { itLong } from '../support/required.ts';
import { builtPage, hasView, WebPage, writeTestMap } from '../support/web-page.ts';

const withoutView = hasView ? '' : '(skipped: without tools/web)';
const launched = await launchBrowser({ args: COMPUTING_ARGS });
describe.skipIf(launched.reason !== undefined)(`the page for everybody ${launched.reason ?? ''}`, () => {
  const browser = launched.browser as Browser;
  let folder: string;
  let server: PageServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-everybody-'));
    server = await servePage({ folder: builtPage });
    for (const [i, name] of ['half1.mrc', 'half2.mrc'].entries()) await writeTestMap(folder, name, i + 1);
    for (const [i, name] of ['fine_half1.mrc', 'fine_half2.mrc'].entries())
      await writeTestMap(folder, name, i + 1, 48, 2);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = (hash = '#engine=cpu'): Promise<WebPage> =>
    WebPage.open({ browser, url: server.url + hash, folder });

  describeWithAxe('looked at by axe-core', () => {
    it('has no violation before, while and after it computes', async () => {
      const tab = await open('#engine=cpu&b=1');
      const { page } = tab;
      await lookWithAxe(tab, 'empty');
      await tab.choose('half1.mrc', 'half2.mrc');
      await tab.ready();
      for (const group of ['#settings', '#set-mask', '#set-more']) await page.click(`${group} summary`);
      await lookWithAxe(tab, 'planned');
      await page.click('#start');
      await tab.finished();
      await tab.shown('document.getElementById("storage").textContent.startsWith("Finished")');
      await lookWithAxe(tab, 'result');
      for (const part of await page.$$('[role=tab]')) {
        await part.click();
        await lookWithAxe(tab, `part-${await part.evaluate((one) => one.id)}`, '#parts');
      }
      await page.click('#again');
      await tab.shown('!document.getElementById("earlier").hidden');
      await lookWithAxe(tab, 'earlier');
      expect(tab.trouble).toEqual([]);
      await page.close();
    });

    it('has no violation in a run and after a failure', async () => {
      const tab = await open('#engine=cpu&ref=pseudo-model');
      await tab.choose('fine_half1.mrc', 'fine_half2.mrc');
      await tab.ready();
      await tab.page.click('#start');
      await tab.shown('document.querySelectorAll("#steps li").length > 2');
      // It may end meanwhile, but the page does not hear of it.
      await tab.page.evaluate('runWorker.onmessage = null');
      await lookWithAxe(tab, 'running');
      await tab.page.keyboard.press('Escape');
      await tab.ready();
      await tab.choose('half1.mrc');
      await tab.shown('document.querySelector(".card:last-child select") !== null');
      await tab.page.select('.card:last-child select', 'mask');
      await tab.shown('!document.getElementById("failure").hidden');
      await lookWithAxe(tab, 'failed');
      await tab.page.close();
    });

    it.skipIf(!hasView)(`has no violation with surfaces ${withoutView}`, async () => {
      const tab = await open('#engine=cpu&b=1');
      await tab.page.setViewport(NARROW);
      await tab.choose('half1.mrc', 'half2.mrc');
      await tab.ready();
      await tab.page.click('#start');
      await tab.finished();
      await tab.page.click('#solid-load');
      await tab.shown('document.querySelector(".solid-stage")?.dataset.ready === "1"');
      await loadAxe(tab.page);
      const found = await tab.page.evaluate(`axe.run('#solid').then(({ violations }) => violations.map(
        ({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | ')))`);
      expect(found).toEqual([]);
      await tab.page.close();
    });
  });

  /** What can be clicked or typed into and Tab does not reach from the top of the page; tabs are one stop. */
  async function missed({ page }: WebPage): Promise<unknown> {
    await page.evaluate('document.querySelector(".skip").focus(), (window.reached = new Set())');
    for (let i = 0; i < 150; i++) {
      await page.keyboard.press('Tab');
      const isNew = await page.evaluate(`{
        const { activeElement, body } = document;
        const isNew = activeElement !== body && !reached.has(activeElement);
        reached.add(activeElement);
        isNew;
      }`);
      if (!isNew) break;
    }
    return page.evaluate(`[...document.querySelectorAll(
        'a[href]:not(.skip), button, input, select, summary, canvas[tabindex], [role=tabpanel]')].flatMap((one) =>
      !one.disabled && one.checkVisibility() && !(one.role === 'tab' && one.tabIndex < 0) && !reached.has(one)
        ? [one.outerHTML.slice(0, 120)] : [])`);
  }

  /** The browser may see a key before it intercepts dialogs, most of all on a loaded machine: nothing opens then. */
  async function chooserBy(page: Page, open: () => Promise<void>): Promise<FileChooser> {
    const choosing = page.waitForFileChooser({ timeout: 240_000 });
    let waits = true;
    const end = (): void => {
      waits = false;
    };
    choosing.then(end, end);
    while (waits) {
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 100))');
      await open();
      for (let i = 0; i < 100 && waits; i++) await new Promise((next) => setTimeout(next, 50));
    }
    return choosing;
  }

  itLong('is used from the first file to the saved map by keyboard alone', async () => {
    const tab = await open();
    const { page } = tab;
    const press = async (...keys: KeyInput[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const tabTo = async (condition: string): Promise<void> => {
      for (let i = 0; i < 150; i++) {
        if (await page.evaluate(`document.activeElement.matches('${condition}')`)) return;
        await press('Tab');
      }
      throw new Error(`Tab does not reach ${condition}`);
    };
    expect(await missed(tab)).toEqual([]);
    const chooser = await chooserBy(page, () => press('o'));
    await chooser.accept(['half1.mrc', 'half2.mrc'].map((name) => join(folder, name)));
    await tab.ready();
    await tab.shown('!document.getElementById("sections").hidden');
    await tabTo('summary');
    await press('Enter');
    expect(await missed(tab)).toEqual([]);
    await tabTo('#start');
    await press('Enter');
    await tab.finished();
    // Where the result begins, not somewhere in what is gone.
    expect(await page.evaluate('document.activeElement.id')).toBe('result-title');
    await tab.shown('document.getElementById("storage").textContent.startsWith("Finished")');
    expect(await missed(tab)).toEqual([]);
    await tabTo('#sections canvas');
    const reading = (): Promise<unknown> => page.$eval('#sections output', (one) => one.textContent);
    const before = await reading();
    await press('ArrowUp');
    await tab.shown(`document.querySelector('#sections output').textContent !== ${JSON.stringify(before)}`);
    await tabTo('[role=tab]');
    await press('ArrowRight');
    expect(await page.evaluate('document.activeElement.getAttribute("aria-selected")')).toBe('true');
    await tabTo('[aria-label="Save locscale_output.mrc"]');
    await press('Enter');
    const path = join(folder, 'locscale_output.mrc');
    for (let i = 0; i < 400 && !existsSync(path); i++) await new Promise((next) => setTimeout(next, 50));
    expect(readFileSync(path).length).toBe(1024 + 4 * 20 ** 3);
    expect(tab.trouble).toEqual([]);
    await page.close();
  });
});
