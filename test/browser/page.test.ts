/**
 * The page in Chromium, as its visitors use it: the generated demo, files of their own, wrong files, a
 * cancelled run.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import type { Browser, ElementHandle } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { laterIn, sizesOf } from '../../tools/build-web.mjs';
import { COMPUTING_ARGS, launchBrowser } from '../support/browser.ts';
import { relativeL2 } from '../support/compare.ts';
import { isRequired, itLong } from '../support/required.ts';
import {
  builtPage,
  hasView,
  SCRIPTS_OF_NETWORKS,
  sharpenHere,
  WebPage,
  writeTestMap,
} from '../support/web-page.ts';

const launched = await launchBrowser({ args: COMPUTING_ARGS });

describe('the folder of the page', () => {
  it('is small: what comes first, what a run needs, and the view in three dimensions', () => {
    // Gzipped, as hosts send it.
    // Those of networks have limits of their own (networks.test.ts).
    const others = ['LICENCES.txt', ...laterIn(builtPage)];
    const sizes = sizesOf(builtPage).filter(
      ({ name }) => !others.includes(name) && !SCRIPTS_OF_NETWORKS.test(name),
    );
    const kilobytes = (test: (name: string) => boolean): number =>
      sizes.filter(({ name }) => test(name)).reduce((sum, { gzip }) => sum + gzip, 0) / 1e3;
    expect(kilobytes((name) => /^(index|page|run-worker|rotation-plan|windows)/.test(name))).toBeLessThan(
      180,
    );
    expect(kilobytes((name) => !name.startsWith('molstar'))).toBeLessThan(530);
    const view = kilobytes((name) => name.startsWith('molstar'));
    expect(view).toBeLessThan(850);
    if (isRequired('web')) expect(view).toBeGreaterThan(100);
  });
});

describe.skipIf(launched.reason !== undefined)(`the page in Chromium ${launched.reason ?? ''}`, () => {
  let folder: string;
  const servers: PageServer[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-page-'));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await launched.browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function visit({ isolated = true, hash = '' } = {}) {
    const asked: string[] = [];
    const onRequest = (path: string): number => asked.push(path);
    const server = await servePage({ folder: builtPage, isolated, onRequest });
    servers.push(server);
    const browser = launched.browser as Browser;
    const tab = await WebPage.open({ browser, url: `${server.url}${hash}`, folder });
    return { tab, page: tab.page, trouble: tab.trouble, asked };
  }
  const writeMap = (name: string, seed: number, edge?: number, voxel?: number): Promise<Blob> =>
    writeTestMap(folder, name, seed, edge, voxel);

  it('sharpens the generated demo as Node does, contacts no other host, and shows and saves what came out', async () => {
    const { tab, page, asked, trouble } = await visit();
    await tab.picture('page-empty');
    await page.click('#demo');
    await tab.ready();
    expect(await tab.text('plan')).toMatch(
      /soft bands, scaled to an average protein\s+Box\s+108 × 108 × 108/,
    );
    await tab.picture('page-planned');
    const before = asked.length;
    await page.click('#start');
    await tab.finished();
    expect(await tab.text('numbers')).toMatch(
      /Half-map FSC = 0\.143\s+3\.48 Å.*Computed on\s+CPU, \d+ worker threads?\s+Correlation with the truth\s+0\.757 → 0\.899/s,
    );
    // Parts of the program, all from its own folder.
    expect(asked.slice(before).every((path) => /^\/[\w-]+\.js$/.test(path))).toBe(true);
    await page.click('#tab-fsc');
    expect(await page.$eval('#part-fsc svg', (svg) => svg.innerHTML.length)).toBeGreaterThan(1000);
    await tab.picture('page-result');

    const record = JSON.parse((await tab.saved('locscale_output.json')).toString());
    const inputs = await Promise.all(['half1', 'half2'].map((role) => tab.given(role)));
    expect(record.inputs.map(({ sha256 }: { sha256: string }) => sha256)).toEqual(inputs.map(sha256Of));
    const expected = await sharpenHere(inputs.map((bytes) => new Blob([bytes])));
    expect((await tab.saved('locscale_output.mrc')).equals(expected)).toBe(true);
    expect((await tab.saved('locscale_output.cxc')).toString()).toContain('open "locscale_output.mrc"');
    expect((await tab.saved('locscale_output_report.html')).toString()).toContain('<!doctype html>');
    expect(trouble).toEqual([]);
    await page.close();
  });

  itLong('takes dropped files, on a host without headers, and repeats settings from a link', async () => {
    const halves = [await writeMap('run_half1_unfil.mrc', 1), await writeMap('run_half2_unfil.mrc', 2)];
    await writeMap('mask.mrc', 5);
    const { tab, page, trouble } = await visit({ isolated: false, hash: '#engine=cpu&b=1&keep=1&extend=3' });
    const type = async (field: string, text: string): Promise<void> => {
      await page.click(`[aria-describedby="help-${field}"]`, { count: 3 });
      await page.keyboard.type(text);
      await page.keyboard.press('Tab');
    };
    await tab.choose('run_half2_unfil.mrc', 'mask.mrc', 'run_half1_unfil.mrc');
    await tab.ready();
    const roles = await page.$$eval('.card', (cards) =>
      cards.map((card) => [card.querySelector('strong')?.textContent, card.querySelector('select')?.value]),
    );
    expect(roles).toEqual([
      ['run_half2_unfil.mrc', 'half2'],
      ['mask.mrc', 'mask'],
      ['run_half1_unfil.mrc', 'half1'],
    ]);
    await page.select('#role-2', 'unused');
    await tab.ready();
    await page.click('#settings summary');
    expect(await page.$eval('#set-mask summary', (one) => one.textContent)).toBe('Mask (2 set)');
    await page.click('#set-mask summary');
    await type('softEdge', '-6');
    await tab.shown('!document.getElementById("lacking").hidden');
    expect(await tab.text('lacking')).toBe('“Soft edge” cannot be “-6”. Expected: a number from 0 to 200 Å.');
    await type('softEdge', '6');
    await tab.ready();
    expect(await page.evaluate('location.hash')).toContain('&keep=1&extend=3&softedge=6');
    await page.keyboard.press('Enter');
    await tab.finished();
    expect(await tab.text('numbers')).toContain('CPU, the calling thread');
    expect(await tab.text('output-list')).toContain('locscale_output_bfactor.mrc');
    const maskShape = { keepPieces: 1, extendAngstrom: 3, softEdgeAngstrom: 6 };
    const expected = await sharpenHere(halves, { measureBFactors: true, maskShape });
    expect((await tab.saved('locscale_output.mrc')).equals(expected)).toBe(true);
    const mask = await tab.saved('locscale_output_mask.mrc');
    const values = new Float32Array(mask.buffer.slice(mask.byteOffset + 1024));
    expect(values.some((value) => value > 0.2 && value < 0.8)).toBe(true);
    expect(trouble).toEqual([]);
    await page.close();
  });

  it.skipIf(!hasView)(
    `draws surfaces and a model ${hasView ? '' : '(skipped: without tools/web)'}`,
    async () => {
      await writeMap('half1_s.mrc', 1);
      await writeMap('half2_s.mrc', 2);
      const atoms = Array.from({ length: 12 }, (_, i) => atomLine(i, 20 + 1.5 * i));
      writeFileSync(join(folder, 'model.pdb'), `${atoms.join('\n')}\nEND\n`);
      const { tab, page, asked, trouble } = await visit({ hash: '#engine=cpu&ref=profile&b=1' });
      // Software draws every pixel.
      await page.setViewport({ width: 460, height: 400 });
      await tab.choose('half1_s.mrc', 'half2_s.mrc', 'model.pdb');
      await tab.ready();
      await page.click('#start');
      await tab.finished();
      await page.click('#solid-load');
      await tab.shown('document.querySelector(".solid-stage")?.dataset.ready === "1"');
      await page.select('#solid select:last-of-type', 'local B factor').catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const stage = (await page.$('.solid-stage')) as ElementHandle<never>;
      const { data, channels } = decode(await stage.screenshot());
      const colours = new Set<number>();
      for (let i = 0; i < data.length; i += channels)
        colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      // A shaded surface, not an empty canvas.
      expect(colours.size).toBeGreaterThan(100);
      expect(asked.filter((path) => path.includes('molstar'))).toHaveLength(1);
      expect(trouble).toEqual([]);
      await page.close();
    },
  );

  itLong('computes on WebGPU when it is chosen', async () => {
    const halves = [await writeMap('h1.mrc', 1), await writeMap('h2.mrc', 2)];
    const { tab, page, trouble } = await visit({ hash: '#engine=gpu' });
    await tab.choose('h1.mrc', 'h2.mrc');
    await tab.ready();
    await page.click('#start');
    await tab.finished();
    expect(await tab.text('numbers')).toMatch(/GPU, google swiftshader/i);
    const voxels = (file: Buffer): Float32Array =>
      new Float32Array(file.buffer.slice(file.byteOffset + 1024));
    const [there, here] = [await tab.saved('locscale_output.mrc'), await sharpenHere(halves)];
    expect(relativeL2(voxels(there), voxels(here))).toBeLessThan(1e-5);
    expect(trouble).toEqual([]);
    await page.close();
  });

  it('says what is wrong with a file, with a pair of files, and with what is missing', async () => {
    await writeMap('half_map_1.mrc', 1);
    await writeMap('half_map_2.mrc', 2, 24);
    const { tab, page, trouble } = await visit();
    // A real drop of what is no map.
    await page.evaluate(`{
      const data = new DataTransfer();
      data.items.add(new File(['no map at all'], 'notes.mrc'));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));
    }`);
    await tab.shown('document.querySelector(".problem") !== null');
    expect(await tab.text('cards')).toContain('notes.mrc is too short for a map');
    await page.click('[aria-label="Remove notes.mrc"]');
    await tab.shown('!document.getElementById("intro").hidden');
    await tab.choose('half_map_1.mrc');
    await tab.shown('!document.getElementById("lacking").hidden');
    expect(await tab.text('lacking')).toBe('The second half map is missing.');
    await tab.choose('half_map_2.mrc');
    await tab.shown('!document.getElementById("failure").hidden');
    expect(await tab.text('failure')).toMatch(
      /The maps differ in box: half_map_1\.mrc has .* half_map_2\.mrc has/,
    );
    expect(
      await page.$eval('#start', (button) => (button as unknown as { disabled: boolean }).disabled),
    ).toBe(true);
    expect(trouble).toEqual([]);
    await page.close();
  });

  itLong('stops a run when it is cancelled, and runs again', async () => {
    // Fine enough for pseudo-atoms, which take long.
    await writeMap('a_half_map_1.mrc', 1, 48, 2);
    await writeMap('a_half_map_2.mrc', 2, 48, 2);
    const { tab, page, trouble } = await visit({ hash: '#engine=cpu&ref=pseudo-model' });
    await tab.choose('a_half_map_1.mrc', 'a_half_map_2.mrc');
    await tab.ready();
    await page.click('#start');
    await tab.shown('document.querySelectorAll("#steps li").length > 2');
    await page.keyboard.press('Escape');
    await tab.ready();
    expect(await tab.text('failure')).toBe('');
    await page.select('#set-reference', 'profile');
    await tab.shown('document.getElementById("plan").innerText.includes("average protein")');
    expect(await page.evaluate('location.hash')).toBe('#ref=profile&engine=cpu');
    await page.click('#start');
    await tab.finished();
    expect(await tab.text('result-title')).toBe('Sharpened');
    expect(trouble).toEqual([]);
    await page.close();
  });
});

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A carbon atom at (x, 30, 30). */
function atomLine(index: number, x: number): string {
  const serial = String(index + 1).padStart(5);
  const residue = String(index + 1).padStart(4);
  return `ATOM  ${serial}  CA  ALA A${residue}    ${x.toFixed(3).padStart(8)}  30.000  30.000  1.00 20.00           C`;
}
