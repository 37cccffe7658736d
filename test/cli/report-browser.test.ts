/**
 * The report in a real browser, from a file and without network: no error, the divider moves, the surfaces
 * turn, nothing is wider than the window. The pictures go to a temporary folder (LOCSCALE_SCREENSHOTS).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { decode } from 'fast-png';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectReportData } from '../../src/report/collect.ts';
import { renderReport } from '../../src/report/page.ts';
import { launchBrowser } from '../support/browser.ts';
import { sampleRecord, sampleRun } from '../unit/report/sample-run.ts';

const launched = await launchBrowser();
const folder = mkdtempSync(join(tmpdir(), 'locscale-report-'));
const screenshots = process.env.LOCSCALE_SCREENSHOTS ?? join(folder, 'screenshots');
const file = join(folder, 'a report.html');

beforeAll(async () => {
  const hostile = sampleRecord({ warnings: ['<script>window.attacked = true</script>'] });
  const reportData = await collectReportData(sampleRun());
  const { html } = await renderReport(reportData, hostile, { title: 'scaled.mrc', kind: 'scale' });
  writeFileSync(file, html);
  mkdirSync(screenshots, { recursive: true });
});
afterAll(async () => {
  await launched.browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * What the functions below use of a browser's page, where they run: the tests are compiled without its types.
 */
interface PageElement {
  value: string;
  hidden: boolean;
  readonly dataset: Record<string, string | undefined>;
  readonly naturalWidth: number;
  getClientRects(): { readonly length: number };
  dispatchEvent(event: Event): void;
}
declare const document: {
  readonly documentElement: { readonly scrollWidth: number };
  readonly images: Iterable<PageElement>;
  getElementById(id: string): PageElement | null;
};
declare const window: object;
declare function getComputedStyle(element: unknown): { readonly clipPath: string };
declare const HTMLCanvasElement: { prototype: { getContext: () => null } };

interface Opened {
  readonly page: Page;
  readonly problems: string[];
  readonly requests: string[];
}

async function openReport(width: number, dark = false): Promise<Opened> {
  const page = await (launched.browser as Browser).newPage();
  const problems: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    // What a software GPU says about its speed is not the page's.
    if (['error', 'warn'].includes(message.type()) && !/GPU stall|GL Driver/.test(message.text()))
      problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
  await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
  await page.waitForFunction(() => document.getElementById('solid-canvas')?.dataset.drawn !== undefined);
  return { page, problems, requests };
}

/** Colours in a picture of the 3D view that are far from its background. */
async function coloursOf(page: Page): Promise<Set<string>> {
  const canvas = await page.$('#solid-canvas');
  const { data, channels } = decode(await canvas!.screenshot());
  const colours = new Set<string>();
  for (let i = 0; i < data.length; i += channels * 7)
    colours.add(`${data[i]! >> 4},${data[i + 1]! >> 4},${data[i + 2]! >> 4}`);
  return colours;
}

describe.skipIf(launched.browser === undefined)(`the report in a browser ${launched.reason ?? ''}`, () => {
  it.each([
    [1400, false],
    [480, false],
    [1000, true],
  ])('at %d pixels loads nothing else, has no error and fits', async (width, dark) => {
    const { page, problems, requests } = await openReport(width, dark);
    expect(problems).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
    const layout = await page.evaluate(() => ({
      scroll: document.documentElement.scrollWidth,
      images: [...document.images].filter((image) => !image.hidden && image.naturalWidth === 0).length,
      attacked: 'attacked' in window,
    }));
    expect(layout).toEqual({ scroll: width, images: 0, attacked: false });
    const path = join(screenshots, `report-${width}${dark ? '-dark' : ''}.png`);
    await page.screenshot({ path: path as `${string}.png`, fullPage: true });
    await page.close();
  });

  it('moves the divider with the slider and with the pointer, in all three sections', async () => {
    const { page, problems } = await openReport(1200);
    const cuts = () =>
      page.$$eval('.compare .after', (panes) => panes.map((pane) => getComputedStyle(pane).clipPath));
    expect(new Set(await cuts()).size).toBe(1);
    const start = (await cuts())[0];
    await page.$eval('[data-compare] input[type=range]', (slider) => {
      (slider as PageElement).value = '80';
      slider.dispatchEvent(new Event('input'));
    });
    const moved = await cuts();
    expect(moved).toEqual(Array(3).fill('inset(0px 0px 0px 80%)'));
    expect(moved[0]).not.toBe(start);
    const pane = await page.$('.compare[data-axis=y]');
    await pane!.scrollIntoView();
    const box = (await pane!.boundingBox())!;
    await page.mouse.move(box.x + 0.7 * box.width, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.25 * box.width, box.y + 20, { steps: 3 });
    await page.mouse.up();
    const dragged = (await cuts()).map((text) => Number(/([\d.]+)%/.exec(text)![1]));
    for (const percent of dragged) expect(Math.abs(percent - 25)).toBeLessThan(1);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('shows the reference instead of the input on request', async () => {
    const { page } = await openReport(1200);
    const visible = () =>
      page.$$eval('.compare [data-map]', (images) =>
        images
          .filter((image) => image.getClientRects().length > 0)
          .map((image) => image.getAttribute('data-map')),
      );
    expect(await visible()).toEqual(['input', 'input', 'input']);
    await page.click('input[value=reference]');
    expect(await visible()).toEqual(['reference', 'reference', 'reference']);
    expect(await page.$eval('.compare .tag.left', (tag) => tag.textContent)).toBe('reference');
    await page.close();
  });

  it('draws surfaces that turn', async () => {
    const { page, problems } = await openReport(900);
    const drawn = () =>
      page.$eval('#solid-canvas', (canvas) => Number((canvas as PageElement).dataset.drawn));
    // Two surfaces with their shades; an empty view has the one colour of its background.
    expect((await coloursOf(page)).size).toBeGreaterThan(12);
    const before = await drawn();
    await page.focus('#solid-canvas');
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(
      (n) => Number(document.getElementById('solid-canvas')!.dataset.drawn) > n,
      {},
      before,
    );
    // A surface round all of the mask is larger than one round a twentieth of it.
    const share = async (percent: number): Promise<number> => {
      const last = await drawn();
      await page.$eval(
        '#solid-level',
        (slider, value) => {
          (slider as PageElement).value = String(value);
          slider.dispatchEvent(new Event('input'));
        },
        percent,
      );
      await page.waitForFunction(
        (n) => Number(document.getElementById('solid-canvas')!.dataset.drawn) > n,
        {},
        last,
      );
      const canvas = await page.$('#solid-canvas');
      const { data, channels } = decode(await canvas!.screenshot());
      let painted = 0;
      for (let i = 0; i < data.length; i += channels)
        if (
          Math.max(data[i]!, data[i + 1]!, data[i + 2]!) - Math.min(data[i]!, data[i + 1]!, data[i + 2]!) >
          25
        )
          painted++;
      return painted;
    };
    const small = await share(5);
    expect(await share(90)).toBeGreaterThan(1.5 * small);
    expect(small).toBeGreaterThan(100);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says so where there is no WebGL', async () => {
    const page = await (launched.browser as Browser).newPage();
    await page.evaluateOnNewDocument(() => {
      HTMLCanvasElement.prototype.getContext = () => null;
    });
    await page.goto(pathToFileURL(file).href);
    expect(await page.$eval('#solid-missing', (note) => note.getClientRects().length)).toBe(1);
    expect(await page.$eval('#solid-view', (view) => view.getClientRects().length)).toBe(0);
    await page.close();
  });
});
