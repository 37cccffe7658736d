/** The store of networks: import, names, choice, damage, archives that lie. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocScaleError } from '../../../../src/errors.ts';
import { readTar } from '../../../../src/formats/tar-gz.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { EMMERNET } from '../../../../src/network/graph/emmernet-layers.ts';
import { checkCalibration, checkManifest } from '../../../../src/network/store/check-manifest.ts';
import { dataFolder } from '../../../../src/network/store/data-folder.ts';
import {
  chooseStoredNetwork,
  importNetwork,
  listNetworks,
  loadStoredNetwork,
  verifyNetwork,
} from '../../../../src/network/store/index.ts';
import { sha256Of } from '../../../../src/network/store/read-weights.ts';
import { openNetworkFolder } from '../../../../src/network/store/store.ts';
import {
  flipped,
  kerasLayers,
  randomWeights,
  writeKeras,
  writePytorch,
  writeTarGz,
} from '../../../support/weight-files.ts';

let folder: string;
let store: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-store-'));
  store = join(folder, 'models');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);
function put(name: string, content: Uint8Array | string): string {
  writeFileSync(path(name), content);
  return path(name);
}
async function refusal(run: () => Promise<unknown>, tag = 'bad-input'): Promise<LocScaleError> {
  const error = await run().then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LocScaleError);
  expect((error as LocScaleError).tag).toBe(tag);
  expect((error as LocScaleError).hint).toMatch(/\w/);
  return error as LocScaleError;
}

/** A network of a few bytes, for everything that does not look inside. */
function fakeManifest(
  name: string,
  plain: Uint8Array,
  change: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    format: 1,
    name,
    title: `Network ${name}`,
    architecture: 'onnx',
    source: 'made by a test',
    sourceSha256: sha256Of(plain),
    licence: 'CC0-1.0',
    parameters: 10,
    gflopPerCube: 0.1,
    files: { plain: { file: 'plain.onnx', sha256: sha256Of(plain) } },
    input: 'map',
    output: 'reference',
    voxelSizeAngstrom: 1,
    standardisation: 'mean-10sd',
    cubeEdge: 32,
    stride: 16,
    dropout: [],
    ...change,
  };
}
const content = Uint8Array.of(1, 2, 3);
function putFake(name: string, change: Record<string, unknown> = {}): string {
  const place = join(store, name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'plain.onnx'), content);
  writeFileSync(join(place, 'manifest.json'), JSON.stringify(fakeManifest(name, content, change)));
  return place;
}
function putBundled(): string {
  const place = path('bundled');
  mkdirSync(place, { recursive: true });
  const files = { plain: { file: 'reference-network.onnx', sha256: sha256Of(content) } };
  writeFileSync(join(place, 'reference-network.onnx'), content);
  writeFileSync(
    join(place, 'reference-network.json'),
    JSON.stringify(fakeManifest('reference-network', content, { files })),
  );
  return place;
}

describe('the data folder', () => {
  const home = '/home/a';
  it('follows each system, and LOCSCALE_MODELS before all', () => {
    expect(dataFolder({ platform: 'linux', home })).toBe('/home/a/.local/share/locscale-gpu/models');
    expect(dataFolder({ platform: 'linux', home, xdgDataHome: '/data' })).toBe('/data/locscale-gpu/models');
    expect(dataFolder({ platform: 'linux', home, xdgDataHome: 'data' })).toBe(
      '/home/a/.local/share/locscale-gpu/models',
    );
    expect(dataFolder({ platform: 'darwin', home })).toBe(
      '/home/a/Library/Application Support/locscale-gpu/models',
    );
    expect(dataFolder({ platform: 'win32', home, localAppData: '/L' })).toBe('/L/locscale-gpu/models');
    expect(dataFolder({ platform: 'win32', home, override: '/mine' })).toBe('/mine');
    expect(dataFolder({ platform: 'linux', home, override: '' })).toBe(
      '/home/a/.local/share/locscale-gpu/models',
    );
  });
});

describe('importing weights of EMmerNet', () => {
  // All 22.9 million parameters: only the published network is imported.
  const weights = randomWeights(3, EMMERNET);
  const pt = writePytorch(weights);

  it('stores the network, lists and loads it; a second import changes nothing', async () => {
    const file = put('emmernet_highcontext.pt', pt);
    const [imported] = await importNetwork(file, { folder: store });
    expect(imported).toMatchObject({ unchanged: false, location: join(store, 'emmernet-high-context') });
    expect(imported?.manifest).toMatchObject({
      title: 'EMmerNet, high context',
      source: 'emmernet_highcontext.pt',
      sourceSha256: sha256Of(pt),
      architecture: 'emmernet',
      parameters: 22_875_161,
      cubeEdge: 32,
      stride: 16,
    });
    expect(imported?.manifest.dropout).toHaveLength(20);
    expect(readdirSync(store)).toEqual(['emmernet-high-context']);
    expect(readdirSync(join(store, 'emmernet-high-context')).sort()).toEqual(['manifest.json', 'plain.onnx']);

    const [listed] = await listNetworks(store);
    expect(listed).toMatchObject({ name: 'emmernet-high-context', model: { manifest: imported?.manifest } });
    const model = await chooseStoredNetwork({ folder: store });
    expect(model.manifest).toEqual(imported?.manifest);
    expect((await model.readPlain()).length).toBeGreaterThan(4 * 22_875_161);
    expect(await verifyNetwork(model)).toBeUndefined();

    expect((await importNetwork(file, { folder: store }))[0]).toMatchObject({ unchanged: true });
    // A damaged model is replaced.
    writeFileSync(join(store, 'emmernet-high-context/plain.onnx'), 'damaged');
    expect(await verifyNetwork(model)).toMatch(/emmernet-high-context is damaged/);
    expect((await importNetwork(file, { folder: store }))[0]).toMatchObject({ unchanged: false });
    expect(await verifyNetwork(model)).toBeUndefined();
    expect(readdirSync(store)).toEqual(['emmernet-high-context']);
  });

  it('an archive gives both contexts; unpacks nothing, whatever its paths', async () => {
    const low = writePytorch(new Map([...weights].reverse()));
    const entries = [
      { name: 'emmernet/readme.txt', body: Uint8Array.of(65) },
      { name: '../../../../outside/EMmerNet_highContext.pt', body: pt },
      { name: '/etc/EMmerNet_lowContext.pt', body: low },
      { name: 'emmernet/emmernet_lowcontext.pt', body: Uint8Array.of(1) },
    ];
    const archive = await writeTarGz(entries, 0);
    const file = put('emmernet.tar.gz', archive);
    const imported = await importNetwork(file, { folder: store });
    expect(imported.map(({ manifest }) => [manifest.name, manifest.source])).toEqual([
      ['emmernet-high-context', 'EMmerNet_highContext.pt in emmernet.tar.gz'],
      ['emmernet-low-context', 'EMmerNet_lowContext.pt in emmernet.tar.gz'],
    ]);
    // Equal weights make equal files, whatever their order in the source.
    const [a, b] = imported.map(({ manifest }) => manifest.files.plain.sha256);
    expect(a).toBe(b);
    expect(readdirSync(folder).sort()).toEqual(['emmernet.tar.gz', 'models']);
    expect(existsSync('/etc/EMmerNet_lowContext.pt')).toBe(false);
    expect((await chooseStoredNetwork({ folder: store, lowContext: true })).manifest.name).toBe(
      'emmernet-low-context',
    );
    // The same out of the archive, in memory.
    const direct = await loadStoredNetwork(file, path('nowhere'), { lowContext: true });
    expect(direct.manifest.name).toBe('emmernet-low-context');
    expect(sha256Of(await direct.readPlain())).toBe(a);
    expect(existsSync(path('nowhere'))).toBe(false);
  });

  it('several imports at once leave one whole model', async () => {
    const file = put('emmernet_lowcontext.pt', pt);
    const calibration = { standardError: [0, 1], calibrated: [0, 2] };
    const all = await Promise.all([
      importNetwork(file, { folder: store }),
      importNetwork(file, { folder: store, calibration }),
      importNetwork(file, { folder: store }),
    ]);
    expect(all.flat()).toHaveLength(3);
    expect(readdirSync(store)).toEqual(['emmernet-low-context']);
    const model = await chooseStoredNetwork({ folder: store, lowContext: true });
    expect(await verifyNetwork(model)).toBeUndefined();
  });

  it('takes a name and a calibration, and keeps them', async () => {
    const file = put('epoch_15.pt', pt);
    const calibration = { standardError: [0, 0.1, 1], calibrated: [0, 0.3, 0.3] };
    await importNetwork(file, { folder: store, name: 'ours-2024', calibration });
    const model = await loadStoredNetwork('ours-2024', store);
    expect(model.manifest).toMatchObject({ title: 'EMmerNet, ours-2024', calibration });
    await refusal(() => importNetwork(file, { folder: store, name: '../../../x' }), 'usage');
    await refusal(() => importNetwork(file, { folder: store, name: 'bundled' }), 'usage');
  });

  it('stopped or refused, leaves nothing', async () => {
    const stop = new AbortController();
    stop.abort();
    await refusalOfAbort(importNetwork(put('a.pt', pt), { folder: store, signal: stop.signal }));
    const wrong = await writeKeras(kerasLayers(randomWeights(1)));
    expect((await refusal(() => importNetwork(put('b.hdf5', wrong), { folder: store }))).message).toMatch(
      /normalises in another way/,
    );
    await refusal(() => importNetwork(path('nothing.pt'), { folder: store }));
    await refusal(() => importNetwork(folder, { folder: store }));
    expect(readdirSync(store)).toEqual([]);
  });

  it('removes what a killed import left, once it is a day old', async () => {
    for (const [name, age] of [
      ['.import-old', 2],
      ['.import-new', 0],
    ] as const) {
      mkdirSync(join(store, name), { recursive: true });
      const time = Date.now() / 1000 - age * 86_400;
      utimesSync(join(store, name), time, time);
    }
    await refusal(() => importNetwork(path('nothing.pt'), { folder: store }));
    expect(readdirSync(store)).toEqual(['.import-new']);
    expect(await listNetworks(store)).toEqual([]);
  });

  it('a store that cannot be written is reported', async () => {
    const file = put('a.pt', pt);
    const error = await refusal(() => importNetwork(file, { folder: join(file, 'models') }), 'bad-output');
    expect(error.message).toContain('ENOTDIR');
  });
});

async function refusalOfAbort(run: Promise<unknown>): Promise<void> {
  await expect(run).rejects.toMatchObject({ tag: 'aborted' });
}

describe('choosing a network', () => {
  it('takes EMmerNet if it is imported, else the bundled network', async () => {
    const bundledFolder = putBundled();
    const before = await chooseStoredNetwork({ folder: store, bundledFolder });
    expect(before.manifest.name).toBe('reference-network');
    expect(await before.readPlain()).toEqual(Buffer.from(content));
    putFake('emmernet-high-context');
    expect((await chooseStoredNetwork({ folder: store, bundledFolder })).manifest.name).toBe(
      'emmernet-high-context',
    );
    expect((await loadStoredNetwork('bundled', store, { bundledFolder })).manifest.name).toBe(
      'reference-network',
    );
  });

  it('says what to run where nothing is there', async () => {
    const none = await refusal(() => chooseStoredNetwork({ folder: store, bundledFolder: path('nothing') }));
    expect(none.hint).toContain('locscale-gpu models download');
    const low = await refusal(() => chooseStoredNetwork({ folder: store, lowContext: true }));
    expect(low.hint).toContain('locscale-gpu models import emmernet.tar.gz');
  });

  it('does not silently ignore a damaged import', async () => {
    const bundledFolder = putBundled();
    writeFileSync(join(putFake('emmernet-high-context'), 'manifest.json'), '{');
    expect((await refusal(() => chooseStoredNetwork({ folder: store, bundledFolder }))).message).toContain(
      'is not JSON',
    );
  });

  it('-model_path takes a name, a folder and an .onnx with its manifest', async () => {
    const place = putFake('my-network');
    expect((await loadStoredNetwork('my-network', store)).manifest.name).toBe('my-network');
    expect((await loadStoredNetwork(place, path('nowhere'))).manifest.name).toBe('my-network');
    expect((await loadStoredNetwork(join(place, 'plain.onnx'), path('nowhere'))).manifest.name).toBe(
      'my-network',
    );
    const bundledFile = join(putBundled(), 'reference-network.onnx');
    expect((await loadStoredNetwork(bundledFile, path('nowhere'))).manifest.name).toBe('reference-network');
    const lone = put('lone.onnx', content);
    expect((await refusal(() => loadStoredNetwork(lone, store))).message).toContain(
      'has no manifest next to it',
    );
    const error = await refusal(() => loadStoredNetwork('my-netwrok', store));
    expect(error.expected).toContain('my-network, bundled');
  });

  it('lists damaged models with what is wrong, and ignores what is no model', async () => {
    putFake('good');
    putFake('bad', { cubeEdge: 0 });
    mkdirSync(join(store, 'empty'));
    writeFileSync(join(store, 'notes'), 'text');
    mkdirSync(join(store, '.import-x'));
    const listed = await listNetworks(store);
    expect(listed.map(({ name }) => name)).toEqual(['bad', 'empty', 'good']);
    expect(listed[0]).toMatchObject({
      problem: expect.stringContaining('cubeEdge must be a whole number from 1'),
    });
    expect(listed[1]).toMatchObject({ problem: expect.stringContaining('there is no such file') });
    expect(await listNetworks(path('nowhere'))).toEqual([]);
  });

  it('files are read late and checked', async () => {
    const place = putFake('late');
    const model = await openNetworkFolder(place);
    writeFileSync(join(place, 'plain.onnx'), 'other');
    const error = await refusal(() => model.readPlain());
    expect(error.expected).toBe(`SHA-256 ${sha256Of(content)}`);
    rmSync(join(place, 'plain.onnx'));
    expect(await verifyNetwork(model)).toContain('is incomplete');
  });
});

describe('manifests', () => {
  const good = fakeManifest('a', content, {
    dropout: [{ input: 'mask', shape: [2, 4, 4, 4], keepProbability: 0.5 }],
    calibration: { standardError: [0, 1], calibrated: [0, 2] },
  });

  it('are read as they are', () => {
    expect(checkManifest(good, 'm.json')).toEqual(good);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another format', { format: 2 }],
    ['a name that is a path', { name: '../../../a' }],
    ['no title', { title: '' }],
    ['another architecture', { architecture: 'torch' }],
    ['a file elsewhere', { files: { plain: { file: '../../../../etc/passwd', sha256: sha256Of(content) } } }],
    ['a hidden file', { files: { plain: { file: '.ssh', sha256: sha256Of(content) } } }],
    ['no sum', { files: { plain: { file: 'a.onnx', sha256: 'abc' } } }],
    ['no files', { files: null }],
    ['half a cube', { cubeEdge: 31.5 }],
    ['a huge cube', { cubeEdge: 1e9 }],
    ['a voxel of nothing', { voxelSizeAngstrom: 0 }],
    ['masks without shape', { dropout: [{ input: 'mask', shape: [2], keepProbability: 0.5 }] }],
    [
      'masks that keep all and more',
      { dropout: [{ input: 'mask', shape: [2, 4, 4, 4], keepProbability: 1.5 }] },
    ],
    ['another standardisation', { standardisation: 'none' }],
  ])('with %s are refused', (_, change) => {
    expect(() => checkManifest({ ...good, ...change }, 'm.json')).toThrow(LocScaleError);
  });

  it.each([
    ['no lists', {}],
    ['one point', { standardError: [1], calibrated: [1] }],
    ['different lengths', { standardError: [0, 1, 2], calibrated: [0, 1] }],
    ['standard errors that stand still', { standardError: [0, 1, 1], calibrated: [0, 1, 2] }],
    ['calibrated ones that fall', { standardError: [0, 1, 2], calibrated: [0, 2, 1] }],
    ['negative ones', { standardError: [-1, 1], calibrated: [0, 1] }],
    ['text', { standardError: ['0', '1'], calibrated: [0, 1] }],
    ['NaN', { standardError: [0, Number.NaN], calibrated: [0, 1] }],
  ])('a calibration with %s is refused', (_, value) => {
    expect(() => checkCalibration(value, 'c.json')).toThrow(/^c\.json: /);
  });
});

describe('archives that lie', () => {
  const small = { fileBytes: 1000, archiveBytes: 100_000 };
  const all = async (bytes: Uint8Array, limits = small): Promise<[string, number][]> => {
    const found: [string, number][] = [];
    async function* source() {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
    }
    for await (const file of readTar(
      { bytes: source(), byteLength: bytes.length },
      'x.tar.gz',
      (p) => p.endsWith('.bin'),
      limits,
    ))
      found.push([file.path, file.bytes.length]);
    return found;
  };

  it('what is requested is read, the rest skipped', async () => {
    const tar = await writeTarGz([
      { name: 'a.txt', body: new Uint8Array(50_000) },
      { name: 'b.bin', body: new Uint8Array(700) },
    ]);
    expect(await all(tar)).toEqual([['b.bin', 700]]);
  });

  it('a file is read whole behind one that is skipped, in many pieces', async () => {
    const random = createRandom(4);
    const body = Uint8Array.from({ length: 2 ** 21 }, () => random.integer(0, 255));
    const tar = await writeTarGz([
      { name: 'a.txt', body: Uint8Array.of(1) },
      { name: 'b.bin', body },
      { name: 'c.txt', body },
      { name: 'd.bin', body },
    ]);
    const found = await all(tar, { fileBytes: body.length, archiveBytes: 2 ** 26 });
    expect(found).toEqual([
      ['b.bin', body.length],
      ['d.bin', body.length],
    ]);
  });

  it('a file that is too large, an archive that expands too far, and a cut are refused', async () => {
    const large = await writeTarGz([{ name: 'b.bin', body: new Uint8Array(1001) }]);
    expect((await refusal(() => all(large))).message).toContain('b.bin declares 1001 bytes');
    const bomb = await writeTarGz([{ name: 'a.txt', body: new Uint8Array(2 ** 24) }]);
    expect(bomb.length).toBeLessThan(200_000);
    expect((await refusal(() => all(bomb))).message).toContain('expands to more than 100000 bytes');
    const whole = await writeTarGz([
      { name: 'b.bin', body: Uint8Array.from({ length: 900 }, (_, i) => (i * i) & 255) },
    ]);
    for (let length = 0; length < whole.length; length += 7)
      await refusal(() => all(whole.subarray(0, length)));
  });

  it('headers with wrong checksums and declared sizes beyond the end are refused', async () => {
    const header = new Uint8Array(1024);
    header.set(new TextEncoder().encode('b.bin'));
    await refusal(() => all(gzipSync(header)));
    const tar = readGz(await writeTarGz([{ name: 'b.bin', body: new Uint8Array(900) }]));
    await refusal(() => all(gzipSync(tar.subarray(0, 1024))));
  });

  it('an archive without weights is reported', async () => {
    const file = put('other.tar.gz', await writeTarGz([{ name: 'a.txt', body: content }]));
    expect((await refusal(() => importNetwork(file, { folder: store }))).message).toContain(
      'holds no weights of EMmerNet',
    );
  });

  it('with bytes changed before compression they are refused or read (300 archives, seed 31)', async () => {
    const tar = readGz(
      await writeTarGz([
        { name: 'a.txt', body: new Uint8Array(600) },
        { name: 'b.bin', body: new Uint8Array(700) },
      ]),
    );
    let refused = 0;
    for (const bytes of flipped(tar, 300, 31, 1700)) {
      try {
        expect((await all(gzipSync(bytes))).length).toBeLessThan(2);
      } catch (error) {
        expect((error as LocScaleError).tag).toBe('bad-input');
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

function readGz(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gunzipSync(bytes));
}
