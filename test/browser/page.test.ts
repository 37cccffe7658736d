/**
 * The page in Chromium, as its visitors use it: the generated demo, files of their own, wrong files, a
 * cancelled run.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import type { Browser, ElementHandle, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mapFromBlob, mapToBlob } from '../../src/browser.ts';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { completeParameters, imageOf, runLocScale, selectEngine } from '../../src/index.ts';
import type { LocScaleJob } from '../../src/pipeline/types.ts';
import { sizesOf } from '../../tools/build-web.mjs';
import { COMPUTING_ARGS, launchBrowser } from '../support/browser.ts';
import { relativeL2 } from '../support/compare.ts';
import { noisyBlob } from '../unit/pipeline/test-maps.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const screenshots = process.env.LOCSCALE_SCREENSHOTS;
/** Mol* is built into the page where tools/web is installed. */
const hasView = existsSync(join(root, 'tools/web/node_modules/molstar'));
const launched = await launchBrowser({ args: COMPUTING_ARGS });

interface Visit {
  readonly page: Page;
  readonly server: PageServer;
  /** Paths that the page has asked its server for. */
  readonly asked: string[];
  /** Requests to anywhere else, and errors of scripts. */
  readonly trouble: string[];
}

describe('the folder of the page', () => {
  it('is small: what comes first, what a run needs, and the view in three dimensions', () => {
    const sizes = sizesOf(join(root, 'dist/web')).filter(({ name }) => name !== 'LICENCES.txt');
    const kilobytes = (test: (name: string) => boolean): number =>
      sizes.filter(({ name }) => test(name)).reduce((sum, { gzip }) => sum + gzip, 0) / 1e3;
    expect(kilobytes((name) => /^(index|page|run-worker|rotation-plan|windows)/.test(name))).toBeLessThan(
      180,
    );
    expect(kilobytes((name) => !name.startsWith('molstar'))).toBeLessThan(520);
    expect(kilobytes((name) => name.startsWith('molstar'))).toBeLessThan(850);
  });
});

describe.skipIf(launched.reason !== undefined)(`the page in Chromium ${launched.reason ?? ''}`, () => {
  let folder: string;
  const visits: Visit[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-page-'));
  });
  afterAll(async () => {
    await Promise.all(visits.map(({ server }) => server.close()));
    await launched.browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function visit({ isolated = true, hash = '' } = {}): Promise<Visit> {
    const asked: string[] = [];
    const trouble: string[] = [];
    const onRequest = (path: string): number => asked.push(path);
    const server = await servePage({ folder: join(root, 'dist/web'), isolated, onRequest });
    const page = await (launched.browser as Browser).newPage();
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !/^(data|blob):/.test(url)) trouble.push(url);
    });
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
    // Without dialogs files are downloaded, as in browsers that have none.
    await page.evaluateOnNewDocument('delete window.showSaveFilePicker');
    // What is given to the worker is looked at: the generated half maps are in no file.
    await page.evaluateOnNewDocument(`{
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...rest) {
        if (message.name === 'run') window.job = message.value.files;
        return postMessage.call(this, message, ...rest);
      };
    }`);
    const session = await page.createCDPSession();
    await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
    await page.goto(`${server.url}${hash}`);
    await shown(page, 'document.getElementById("machine").textContent.includes("·")');
    const made = { page, server, asked, trouble };
    visits.push(made);
    return made;
  }

  async function shown(page: Page, condition: string): Promise<void> {
    await page.waitForFunction(condition, { timeout: 100_000, polling: 100 });
  }
  const text = (page: Page, id: string): Promise<string> =>
    page.evaluate(`document.getElementById('${id}').innerText`) as Promise<string>;
  const ready = (page: Page): Promise<void> =>
    shown(page, '!document.getElementById("start").disabled && !document.getElementById("setup").hidden');
  const finished = (page: Page): Promise<void> =>
    shown(page, '!document.getElementById("result").hidden || !document.getElementById("failure").hidden');

  async function choose(page: Page, ...names: string[]): Promise<void> {
    const input = (await page.$('#choose')) as ElementHandle<never>;
    await input.uploadFile(...names.map((name) => join(folder, name)));
  }

  /** Saves a file of the result and gives its bytes. */
  async function saved(page: Page, name: string): Promise<Buffer> {
    const path = join(folder, name);
    rmSync(path, { force: true });
    await page.click(`[aria-label="Save ${name}"]`);
    for (let i = 0; i < 200 && !existsSync(path); i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return readFileSync(path);
  }

  /** A file of the last job. */
  async function given(page: Page, role: string): Promise<Buffer> {
    const base64 = (await page.evaluate(`new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
      reader.readAsDataURL(window.job.${role});
    })`)) as string;
    return Buffer.from(base64, 'base64');
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (screenshots === undefined) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: `${join(screenshots, name)}.png` as `${string}.png`, fullPage: true });
  }

  async function writeMap(name: string, seed: number, edge = 20, voxel = 3): Promise<Blob> {
    const grid = {
      shape: [edge, edge, edge],
      voxelSize: [voxel, voxel, voxel],
      origin: [0, 0, 0],
    } as const;
    const blob = await mapToBlob(noisyBlob(name, seed, 0.05, 3, grid), 'test');
    writeFileSync(join(folder, name), Buffer.from(await blob.arrayBuffer()));
    return blob;
  }

  it('sharpens the generated demo as Node does, asks no other host, and shows and saves what came out', async () => {
    const { page, asked, trouble } = await visit();
    await picture(page, 'page-empty');
    await page.click('#demo');
    await ready(page);
    expect(await text(page, 'plan')).toMatch(
      /soft bands, scaled to an average protein\s+Box\s+108 × 108 × 108/,
    );
    await picture(page, 'page-planned');
    const before = asked.length;
    await page.click('#start');
    await finished(page);
    expect(await text(page, 'numbers')).toMatch(
      /Half-map FSC = 0\.143\s+3\.48 Å.*Computed on\s+CPU, \d+ worker threads?\s+Correlation with the truth\s+0\.757 → 0\.899/s,
    );
    // Parts of the program, all from its own folder.
    expect(asked.slice(before).every((path) => /^\/[\w-]+\.js$/.test(path))).toBe(true);
    await page.click('#tab-fsc');
    expect(await page.$eval('#part-fsc svg', (svg) => svg.innerHTML.length)).toBeGreaterThan(1000);
    await picture(page, 'page-result');

    const record = JSON.parse((await saved(page, 'locscale_output.json')).toString());
    const inputs = await Promise.all(['half1', 'half2'].map((role) => given(page, role)));
    expect(record.inputs.map(({ sha256 }: { sha256: string }) => sha256)).toEqual(inputs.map(sha256Of));
    const expected = await sharpenHere(inputs.map((bytes) => new Blob([bytes])));
    expect((await saved(page, 'locscale_output.mrc')).equals(expected)).toBe(true);
    expect((await saved(page, 'locscale_output.cxc')).toString()).toContain('open "locscale_output.mrc"');
    expect((await saved(page, 'locscale_output_report.html')).toString()).toContain('<!doctype html>');
    expect(trouble).toEqual([]);
    await page.close();
  });

  it('takes dropped files for what they are, on a host without headers, and repeats settings from a link', async () => {
    const halves = [await writeMap('run_half1_unfil.mrc', 1), await writeMap('run_half2_unfil.mrc', 2)];
    await writeMap('mask.mrc', 5);
    const { page, trouble } = await visit({ isolated: false, hash: '#engine=cpu&b=1' });
    await choose(page, 'run_half2_unfil.mrc', 'mask.mrc', 'run_half1_unfil.mrc');
    await ready(page);
    const roles = await page.$$eval('.card', (cards) =>
      cards.map((card) => [card.querySelector('strong')?.textContent, card.querySelector('select')?.value]),
    );
    expect(roles).toEqual([
      ['run_half2_unfil.mrc', 'half2'],
      ['mask.mrc', 'mask'],
      ['run_half1_unfil.mrc', 'half1'],
    ]);
    await page.select('#role-2', 'unused');
    await ready(page);
    await page.keyboard.press('Enter');
    await finished(page);
    expect(await text(page, 'numbers')).toContain('CPU, the calling thread');
    expect(await text(page, 'output-list')).toContain('locscale_output_bfactor.mrc');
    const expected = await sharpenHere(halves, { measureBFactors: true });
    expect((await saved(page, 'locscale_output.mrc')).equals(expected)).toBe(true);
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
      const { page, asked, trouble } = await visit({ hash: '#engine=cpu&ref=profile&b=1' });
      // Software draws every pixel.
      await page.setViewport({ width: 460, height: 400 });
      await choose(page, 'half1_s.mrc', 'half2_s.mrc', 'model.pdb');
      await ready(page);
      await page.click('#start');
      await finished(page);
      await page.click('#solid-load');
      await shown(page, 'document.querySelector(".solid-stage")?.dataset.ready === "1"');
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

  it('computes on WebGPU when it is chosen', async () => {
    const halves = [await writeMap('h1.mrc', 1), await writeMap('h2.mrc', 2)];
    const { page, trouble } = await visit({ hash: '#engine=gpu' });
    await choose(page, 'h1.mrc', 'h2.mrc');
    await ready(page);
    await page.click('#start');
    await finished(page);
    expect(await text(page, 'numbers')).toMatch(/GPU, google swiftshader/i);
    const voxels = (file: Buffer): Float32Array =>
      new Float32Array(file.buffer.slice(file.byteOffset + 1024));
    const [there, here] = [await saved(page, 'locscale_output.mrc'), await sharpenHere(halves)];
    expect(relativeL2(voxels(there), voxels(here))).toBeLessThan(1e-5);
    expect(trouble).toEqual([]);
    await page.close();
  });

  it('says what is wrong with a file, with a pair of files, and with what is missing', async () => {
    await writeMap('half_map_1.mrc', 1);
    await writeMap('half_map_2.mrc', 2, 24);
    const { page, trouble } = await visit();
    // A real drop of what is no map.
    await page.evaluate(`{
      const data = new DataTransfer();
      data.items.add(new File(['no map at all'], 'notes.mrc'));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));
    }`);
    await shown(page, 'document.querySelector(".problem") !== null');
    expect(await text(page, 'cards')).toContain('notes.mrc is too short for a map');
    await page.click('[aria-label="Remove notes.mrc"]');
    await shown(page, '!document.getElementById("intro").hidden');
    await choose(page, 'half_map_1.mrc');
    await shown(page, '!document.getElementById("lacking").hidden');
    expect(await text(page, 'lacking')).toBe('The second half map is missing.');
    await choose(page, 'half_map_2.mrc');
    await shown(page, '!document.getElementById("failure").hidden');
    expect(await text(page, 'failure')).toMatch(
      /The maps differ in box: half_map_1\.mrc has .* half_map_2\.mrc has/,
    );
    expect(
      await page.$eval('#start', (button) => (button as unknown as { disabled: boolean }).disabled),
    ).toBe(true);
    expect(trouble).toEqual([]);
    await page.close();
  });

  it('stops a run when it is cancelled, and runs again', async () => {
    // Fine enough for pseudo-atoms, which take long.
    await writeMap('a_half_map_1.mrc', 1, 48, 2);
    await writeMap('a_half_map_2.mrc', 2, 48, 2);
    const { page, trouble } = await visit({ hash: '#engine=cpu&ref=pseudo-model' });
    await choose(page, 'a_half_map_1.mrc', 'a_half_map_2.mrc');
    await ready(page);
    await page.click('#start');
    await shown(page, 'document.querySelectorAll("#steps li").length > 2');
    await page.keyboard.press('Escape');
    await ready(page);
    expect(await text(page, 'failure')).toBe('');
    await page.select('#set-reference', 'profile');
    await shown(page, 'document.getElementById("plan").innerText.includes("average protein")');
    expect(await page.evaluate('location.hash')).toBe('#ref=profile&engine=cpu');
    await page.click('#start');
    await finished(page);
    expect(await text(page, 'result-title')).toBe('Sharpened');
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

async function sharpenHere(
  files: readonly Blob[],
  parameters: Partial<LocScaleJob['parameters']> = {},
): Promise<Buffer> {
  const { engine } = await selectEngine({ engine: 'cpu', threads: 2 });
  try {
    const [half1, half2] = await Promise.all(files.map((file) => mapFromBlob(file, { engine })));
    const complete = { ...completeParameters({}, true), scaling: 'soft' as const, ...parameters };
    const result = await runLocScale(
      {
        input: { kind: 'half-maps', half1, half2 },
        reference: { kind: 'profile' },
        parameters: complete,
      },
      { engine },
    );
    const image = await imageOf(engine, result.scaled, 'scaled', result);
    return Buffer.from(await (await mapToBlob(image, `locscale-gpu ${version}: soft scaling`)).arrayBuffer());
  } finally {
    await engine.dispose();
  }
}
