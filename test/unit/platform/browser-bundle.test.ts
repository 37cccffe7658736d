/** The core in a browser: it bundles without anything of Node, and computes there what it computes here. */
import { gzipSync } from 'node:zlib';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPUTING_ARGS, launchBrowser } from '../../support/browser.ts';
import {
  type BrowserBundle,
  type BundleServer,
  bundleForBrowser,
  coreFiles,
  serveBundle,
} from '../../support/browser-bundle.ts';
import { type SmallRun, scaleSmallMap } from '../../support/browser-job.ts';
import { relativeL2 } from '../../support/compare.ts';

const path = (relative: string): string => new URL(relative, import.meta.url).pathname;

describe('the core bundled for a browser', () => {
  it('requires nothing of Node', async () => {
    const { chunks, builtins, warnings } = await bundleForBrowser({ core: coreFiles() });
    for (const { fileName, code } of chunks)
      console.log(`${fileName}: ${code.length} bytes, ${gzipSync(code).length} with gzip`);
    expect(builtins).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('would be caught requiring it', async () => {
    const { builtins } = await bundleForBrowser({
      store: [path('../../../src/network/store/data-folder.ts')],
    });
    expect(builtins).toEqual([expect.stringMatching(/^node:path, by .*data-folder\.ts$/)]);
  });
});

const launched = await launchBrowser({ args: COMPUTING_ARGS });

describe.skipIf(launched.reason !== undefined)(`in Chromium ${launched.reason ?? ''}`, () => {
  let bundle: BrowserBundle;
  let server: BundleServer;
  let expected: SmallRun;
  beforeAll(async () => {
    bundle = await bundleForBrowser({
      job: [path('../../support/browser-job.ts')],
      worker: [path('../../../src/cpu-fallback/worker.ts')],
    });
    server = await serveBundle(bundle);
    expected = await scaleSmallMap('cpu');
  });
  afterAll(async () => {
    await server?.close();
    await launched.browser?.close();
  });

  async function run(url: string, kind: 'cpu' | 'gpu'): Promise<SmallRun & { isolated: boolean }> {
    const page = await (launched.browser as Browser).newPage();
    try {
      await page.goto(url);
      // Text: the test runner rewrites the imports of functions.
      const script = `import('./job.js').then(async ({ scaleSmallMap }) =>
        ({ ...(await scaleSmallMap('${kind}')), isolated: crossOriginIsolated }))`;
      return (await page.evaluate(script)) as SmallRun & { isolated: boolean };
    } finally {
      await page.close();
    }
  }

  it('scales a map on the calling thread to the bits of Node', async () => {
    const { isolated, engine, voxels } = await run(server.plain, 'cpu');
    expect([isolated, engine]).toEqual([false, 'CPU, the calling thread, WASM SIMD']);
    expect(voxels).toEqual(expected.voxels);
  });

  it('scales a map on worker threads to the bits of Node', async () => {
    const { isolated, engine, voxels } = await run(server.isolated, 'cpu');
    expect([isolated, engine]).toEqual([true, 'CPU, 2 worker threads, WASM SIMD']);
    expect(voxels).toEqual(expected.voxels);
  });

  it('scales a map on WebGPU', async () => {
    const { engine, voxels } = await run(server.plain, 'gpu');
    expect(engine).toBe('GPU, google swiftshader (browser), WebGPU');
    expect(relativeL2(voxels, expected.voxels)).toBeLessThan(1e-5);
  });
});
