/**
 * `locscale-gpu/browser` in a project of its own: bundled as its example is, run in Chromium, compared with
 * Node.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, ElementHandle, Page } from 'puppeteer-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as inBrowser from '../../src/browser.ts';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import * as library from '../../src/index.ts';
import { imageOf, runLocScale, selectEngine, writeMrc } from '../../src/index.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { COMPUTING_ARGS, launchBrowser } from '../support/browser.ts';
import { encodeBzip2 } from '../support/bzip2-encode.ts';
import { ballMask, noisyBlob } from '../unit/pipeline/test-maps.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

async function bytesOf(map: MapImage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeMrc(map, { label: 'sharpened' })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('locscale-gpu/browser', () => {
  it('exports what the library does, with blobs in the place of paths', () => {
    const ofFiles = ['openMapFile', 'readMapFile', 'readModelFile', 'writeMapFile', 'openNetwork'];
    const ofBlobs = [
      'mapFromBlob',
      'openMapBlob',
      'modelFromBlob',
      'mapStream',
      'mapToBlob',
      'saveAs',
      'reportOf',
    ];
    const common = Object.keys(library).filter((name) => !ofFiles.includes(name));
    expect(Object.keys(inBrowser).sort()).toEqual([...common, ...ofBlobs].sort());
  });

  it('has its example in docs/browser.md as it is run here', () => {
    const text = readFileSync(join(root, 'docs/browser.md'), 'utf8');
    for (const name of ['page.js', 'sharpen-worker.js'])
      expect(text).toContain(readFileSync(join(root, 'examples/browser', name), 'utf8'));
    for (const name of Object.keys(inBrowser).filter((key) => !(key in library)))
      expect(text).toContain(`\`${name}(`);
  });
});

const launched = await launchBrowser({ args: COMPUTING_ARGS });

describe.skipIf(launched.reason !== undefined)(`its example in Chromium ${launched.reason ?? ''}`, () => {
  let project: string;
  let expected: Buffer;
  const servers: PageServer[] = [];

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'locscale-project-'));
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(root, join(project, 'node_modules/locscale-gpu'));
    cpSync(join(root, 'examples/browser'), project, { recursive: true });
    for (const name of ['page', 'sharpen-worker']) {
      const build = await rolldown({ input: { [name]: join(project, `${name}.js`) }, platform: 'browser' });
      await build.write({ dir: join(project, 'public'), format: 'esm', entryFileNames: '[name].js' });
      await build.close();
    }
    writeFileSync(
      join(project, 'public/index.html'),
      '<!doctype html><title>example</title><link rel="icon" href="data:,">' +
        '<input type="file" multiple><output></output><script type="module" src="page.js"></script>',
    );
    const half1 = await bytesOf(noisyBlob('half1', 1));
    const half2 = await bytesOf(noisyBlob('half2', 2));
    writeFileSync(join(project, 'half1.mrc.gz'), gzipSync(half1));
    writeFileSync(join(project, 'half2.mrc.bz2'), encodeBzip2(half2));
    writeFileSync(join(project, 'other.mrc'), await bytesOf(ballMask('other', 3, smallGrid)));
    expected = await sharpenHere(half1, half2);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await launched.browser?.close();
    rmSync(project, { recursive: true, force: true });
  });

  async function openPage(isolated: boolean): Promise<Page> {
    const server = await servePage({ folder: join(project, 'public'), isolated });
    servers.push(server);
    const page = await (launched.browser as Browser).newPage();
    await page.goto(server.url);
    return page;
  }

  async function choose(page: Page, ...names: string[]): Promise<void> {
    const input = (await page.$('input')) as ElementHandle<never>;
    await input.uploadFile(...names.map((name) => join(project, name)));
  }

  it.each([
    [true, /on CPU, \d+ worker threads?, WASM SIMD/],
    [false, /on CPU, the calling thread, WASM SIMD/],
  ])('sharpens two files to the bits of Node, cross-origin isolated: %s', async (isolated, engine) => {
    const page = await openPage(isolated);
    await choose(page, 'half1.mrc.gz', 'half2.mrc.bz2');
    await page.waitForSelector('output a');
    expect(await page.$eval('output', (output) => output.textContent)).toMatch(engine);
    const saved = (await page.evaluate(
      'fetch(document.querySelector("output a").href).then((r) => r.arrayBuffer()).then((b) => [...new Uint8Array(b)])',
    )) as number[];
    expect(Buffer.from(saved).equals(expected)).toBe(true);
    await page.close();
  });

  it('says what is wrong with files that do not fit', async () => {
    const page = await openPage(true);
    await choose(page, 'half1.mrc.gz', 'other.mrc');
    await page.waitForFunction('document.querySelector("output").textContent.includes("differ")');
    expect(await page.$eval('output', (output) => output.textContent)).toMatch(
      /The maps differ in box: half1\.mrc\.gz has .*, other\.mrc has /,
    );
    await page.close();
  });
});

const smallGrid = { shape: [16, 16, 16], voxelSize: [3, 3, 3], origin: [0, 0, 0] } as const;

async function sharpenHere(...files: readonly Buffer[]): Promise<Buffer> {
  const { engine } = await selectEngine({ engine: 'cpu', threads: 1 });
  try {
    const [half1, half2] = await Promise.all(files.map((file) => inBrowser.mapFromBlob(new Blob([file]))));
    const result = await runLocScale(
      { input: { kind: 'half-maps', half1, half2 }, reference: { kind: 'profile' } },
      { engine },
    );
    return await bytesOf(await imageOf(engine, result.scaled, 'sharpened.mrc', result));
  } finally {
    await engine.dispose();
  }
}
