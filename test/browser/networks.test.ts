/**
 * A reference by a network, in the page: onnxruntime in WebAssembly, from the page's own folder and only when
 * a run needs it, with the result that Node has.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { completeParameters, runLocScale, selectEngine } from '../../src/index.ts';
import { EMMERNET } from '../../src/network/graph/emmernet-layers.ts';
import { openNetwork } from '../../src/open-network.ts';
import { laterIn, sizesOf } from '../../tools/build-web.mjs';
import { COMPUTING_ARGS, launchBrowser } from '../support/browser.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeAbsent, itLong } from '../support/required.ts';
import { hostFolder } from '../support/static-host.ts';
import { builtPage, hasNetworks, SCRIPTS_OF_NETWORKS, WebPage, writeTestMap } from '../support/web-page.ts';
import { kerasLayers, randomWeights, writeKeras } from '../support/weight-files.ts';
import { noisyBlob } from '../unit/pipeline/test-maps.ts';

const bundled = fileURLToPath(new URL('../../src/network/bundled/', import.meta.url));
const launched = hasNetworks ? await launchBrowser({ args: COMPUTING_ARGS }) : { reason: '' };
const missing = hasNetworks ? launched.reason : 'tools/web is not installed (npm run web)';
const suite = (body: () => void): void => {
  if (missing === undefined) describe('networks in the page', body);
  else describeAbsent('networks in the page', 'web', missing, body);
};

/**
 * WebAssembly multiplies in another order than the native provider, whose own sum of products differs from
 * one processor to the next: 2e-5 in a cube of the network; the scaling takes radial averages of it.
 */
const TOLERANCE = 1e-5;
const OUTPUT = 'locscale_output.mrc';

suite(() => {
  let folder: string;
  const servers: PageServer[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-networks-'));
    // One cube of the bundled network: 48 A.
    await writeTestMap(folder, 'a_half1.mrc', 1, 20, 2.4);
    await writeTestMap(folder, 'a_half2.mrc', 2, 20, 2.4);
    for (const name of ['reference-network.onnx', 'reference-network.json'])
      copyFileSync(join(bundled, name), join(folder, name));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await launched.browser?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const voxels = (file: Buffer): Float32Array => new Float32Array(file.buffer.slice(file.byteOffset + 1024));

  async function visit(hash: string, isolated = true) {
    const asked: string[] = [];
    const onRequest = (path: string): number => asked.push(path.slice(1));
    const server = await servePage({ folder: builtPage, isolated, onRequest });
    servers.push(server);
    const browser = launched.browser as NonNullable<typeof launched.browser>;
    return { tab: await WebPage.open({ browser, url: `${server.url}${hash}`, folder }), asked };
  }

  async function predictedHere(): Promise<Float32Array> {
    const { engine } = await selectEngine({ engine: 'cpu', threads: 2 });
    const predictor = await openNetwork({ provider: 'cpu', threads: 1 });
    try {
      const [half1, half2] = [1, 2].map((seed) => {
        const grid = { shape: [20, 20, 20], voxelSize: [2.4, 2.4, 2.4], origin: [0, 0, 0] } as const;
        return noisyBlob('half', seed, 0.05, 3, grid);
      });
      const result = await runLocScale(
        {
          input: { kind: 'half-maps', half1, half2 },
          reference: { kind: 'network', predictor },
          parameters: completeParameters({}, true),
        },
        { engine },
      );
      return await engine.download(result.scaled);
    } finally {
      await predictor.dispose();
      await engine.dispose();
    }
  }

  it('weigh what is loaded only for them', () => {
    const later = laterIn(builtPage);
    expect(later).toHaveLength(6);
    const kilobytes = (test: RegExp): number =>
      sizesOf(builtPage)
        .filter(({ name }) => (later.includes(name) || SCRIPTS_OF_NETWORKS.test(name)) && test.test(name))
        .reduce((sum, { gzip }) => sum + gzip, 0) / 1e3;
    expect(kilobytes(/\.wasm$/)).toBeLessThan(3800);
    expect(kilobytes(/\.(onnx|json)$/)).toBeLessThan(8300);
    // With the HDF5 library, loaded for weights of Keras only.
    expect(kilobytes(/^keras-worker.*\.js$/)).toBeLessThan(1100);
    expect(kilobytes(/^(?!keras-worker).*\.js$/)).toBeLessThan(80);
  });

  it('predict the reference that Node predicts, and load nothing before they are to', async () => {
    const { tab, asked } = await visit('#engine=cpu&ref=network');
    await tab.choose('a_half1.mrc', 'a_half2.mrc');
    await tab.ready();
    expect(await tab.text('plan')).toMatch(
      /scaled to a reference predicted by a network.*Loads\s+onnxruntime \(14 MB\) and the bundled network \(8\.4 MB\), from this page’s own folder/s,
    );
    const later = laterIn(builtPage).filter((name) => !name.startsWith('keras-worker'));
    expect(asked.filter((name) => later.includes(name))).toEqual([]);
    const before = asked.length;
    await tab.page.click('#start');
    await tab.finished();
    expect(await tab.text('steps')).toContain('Loading onnxruntime and the bundled network');
    expect([...new Set(asked.slice(before).filter((name) => later.includes(name)))].sort()).toEqual(
      later.sort(),
    );
    const there = voxels(await tab.saved(OUTPUT));
    const here = await predictedHere();
    const distance = relativeL2(there, here);
    console.log(`the map by a network, page to Node: relative L2 ${distance.toExponential(1)}`);
    expect(distance).toBeLessThan(TOLERANCE);
    const record = JSON.parse((await tab.saved('locscale_output.json')).toString());
    expect(record.network).toMatchObject({ name: 'locscale-gpu-reference', cubes: 1, passes: 1 });
    expect(tab.trouble).toEqual([]);
    await tab.page.close();
  });

  it('are those of the user, on a host without headers as well, and wrong files are named', async () => {
    writeFileSync(
      join(folder, 'other.onnx'),
      readFileSync(join(bundled, 'reference-network.onnx')).fill(1, 99, 200),
    );
    writeFileSync(join(folder, 'weights.onnx'), 'PK not at all');
    writeFileSync(join(folder, 'run.json'), '{"program": "locscale-gpu"}');
    const { tab, asked } = await visit('#engine=cpu', false);
    await tab.choose('weights.onnx', 'run.json');
    await tab.shown('document.querySelectorAll(".problem").length === 2');
    expect(await tab.text('cards')).toMatch(
      /weights\.onnx is no ONNX file\.(.|\s)*run\.json: format must be 1/,
    );
    for (const name of ['weights.onnx', 'run.json']) await tab.page.click(`[aria-label="Remove ${name}"]`);

    await tab.choose('a_half1.mrc', 'a_half2.mrc', 'other.onnx');
    await tab.shown('!document.getElementById("lacking").hidden');
    expect(await tab.text('lacking')).toMatch(/^A network needs its manifest/);
    await tab.choose('reference-network.json');
    await tab.ready();
    await tab.page.click('#start');
    await tab.finished();
    expect(await tab.text('failure')).toMatch(/^other\.onnx is not the file that its manifest describes\./);
    await tab.page.click('[aria-label="Remove other.onnx"]');
    await tab.choose('reference-network.onnx');
    await tab.ready();
    await tab.page.click('#start');
    await tab.finished();
    expect(await tab.text('failure')).toBe('');
    expect(relativeL2(voxels(await tab.saved(OUTPUT)), await predictedHere())).toBeLessThan(TOLERANCE);
    expect(asked.filter((name) => name.startsWith('reference-network'))).toEqual([]);
    expect(tab.trouble).toEqual([]);
    await tab.page.close();
  });

  itLong('are made of weights as they are published, in a file of Keras', async () => {
    const weights = randomWeights(5, EMMERNET);
    writeFileSync(
      join(folder, 'EMmerNet_highContext.hdf5'),
      await writeKeras(kerasLayers(weights, 0, EMMERNET), { old: true }),
    );
    writeFileSync(join(folder, 'map.hdf5'), await writeKeras(kerasLayers(randomWeights(5))));
    const { tab, asked } = await visit('#engine=cpu');
    await tab.choose('a_half1.mrc', 'a_half2.mrc', 'map.hdf5');
    await tab.shown('document.querySelector(".problem") !== null');
    expect(await tab.text('cards')).toContain('map.hdf5 does not hold EMmerNet: ');
    await tab.page.click('[aria-label="Remove map.hdf5"]');
    await tab.choose('EMmerNet_highContext.hdf5');
    await tab.ready();
    expect(await tab.text('cards')).toContain('EMmerNet, high context');
    expect(await tab.text('plan')).toContain('scaled to a reference predicted by a network');
    // Read on a thread with the HDF5 library; what computes is loaded by the run.
    expect(asked.filter((name) => name.startsWith('keras-worker')).length).toBeGreaterThan(0);
    expect(asked.filter((name) => /^(onnxruntime|reference-network)/.test(name))).toEqual([]);
    expect(tab.trouble).toEqual([]);
    await tab.page.close();
  });

  it('work without a connection once they were used with one', async () => {
    const host = await hostFolder(builtPage);
    const { browser } = await launchBrowser({ args: COMPUTING_ARGS });
    const open = (): Promise<WebPage> =>
      WebPage.open({
        browser: browser as NonNullable<typeof browser>,
        url: `${host.url}#engine=cpu&ref=network`,
        folder,
      });
    async function run(tab: WebPage): Promise<void> {
      await tab.shown('!document.getElementById("offline").hidden');
      await tab.booted();
      await tab.choose('a_half1.mrc', 'a_half2.mrc');
      await tab.ready();
      await tab.page.click('#start');
      await tab.finished();
      expect(await tab.text('failure')).toBe('');
    }
    try {
      const first = await open();
      await run(first);
      const map = await first.saved(OUTPUT);
      for (const name of laterIn(builtPage))
        if (!name.startsWith('keras-worker')) expect(host.asked).toContain(name);
      await first.page.close();
      await host.close();
      const second = await open();
      await run(second);
      expect((await second.saved(OUTPUT)).equals(map)).toBe(true);
    } finally {
      await browser?.close();
    }
  });
});
