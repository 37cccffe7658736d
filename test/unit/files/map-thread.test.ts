/** A map read on a thread is the one that is read without, with its messages, its checksum and its errors. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readMapOnThread } from '../../../src/files/map-thread.ts';
import { readMapFile } from '../../../src/files/read-files.ts';
import { overviewOf } from '../../../src/math/inputs/contrast.ts';
import { type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-thread-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(change: Partial<MrcFixture> = {}): string {
  const path = join(folder, 'map.mrc');
  const values = Float32Array.from({ length: 6 * 5 * 4 }, (_, i) => Math.sin(i));
  writeFileSync(path, makeMrc({ extents: [4, 5, 6], voxelSize: 2, values, ...change }));
  return path;
}

/** What a way to read says and gives. */
async function heardOf(read: (options: object) => Promise<unknown>) {
  const said: unknown[] = [];
  const options = {
    onReading: () => said.push('reading'),
    onWarning: (message: string) => said.push(['warning', message]),
    onInfo: (message: string) => said.push(['info', message]),
    onRead: (sum: unknown) => said.push(sum),
  };
  const outcome = await read(options).catch((error: Error) => ({ ...error, message: error.message }));
  return { outcome, said };
}

/** The thread adds an overview. */
const onThread = (path: string, voxelSize?: number) =>
  heardOf(async (options) => {
    const { overview: _, ...image } = await readMapOnThread(path, { voxelSize, hashed: true }).take(options);
    return image;
  });
const here = (path: string, voxelSize?: number) =>
  heardOf((options) => readMapFile(path, { voxelSize, ...options }));

it('gives voxels, header, grid and checksum', async () => {
  const path = file();
  const expected = await here(path, 1.5);
  expect(expected.said).toContainEqual(expect.objectContaining({ sha256: expect.any(String) }));
  expect(await onThread(path, 1.5)).toEqual(expected);
});

it('makes the overview of a map', async () => {
  const { overview, data, grid } = await readMapOnThread(file(), { voxelSize: 1.5, hashed: false }).take({});
  expect(overview).toEqual(overviewOf(data, grid.shape, 1.5));
});

it('makes no overview of a mask', async () => {
  const image = await readMapOnThread(file(), { kind: 'mask', hashed: false }).take({});
  expect(image.overview).toBeUndefined();
});

it.each([
  ['a map of zeros', () => file({ values: new Float32Array(120) })],
  [
    'a map that ends early',
    () => {
      const path = file();
      writeFileSync(
        path,
        makeMrc({ extents: [4, 5, 6], voxelSize: 2, values: new Float32Array(120) }).subarray(0, 1300),
      );
      return path;
    },
  ],
  ['a file that is missing', () => join(folder, 'missing.mrc')],
])('fails as without a thread: %s', async (_, make) => {
  const path = make();
  const expected = await here(path);
  expect(expected.outcome).toMatchObject({ tag: 'bad-input' });
  expect(await onThread(path)).toEqual(expected);
});

it('says its grid before anybody takes it, or after', async () => {
  const thread = readMapOnThread(file(), { voxelSize: undefined, hashed: false });
  const grid = await new Promise((use) => thread.onGrid(use));
  const image = await thread.take({});
  expect(grid).toEqual(image.grid);
  const again = await new Promise((use) => thread.onGrid(use));
  expect(again).toEqual(image.grid);
});

it('stops when the run is stopped', async () => {
  const stop = new AbortController();
  const taken = readMapOnThread(file(), { voxelSize: undefined, hashed: true }).take({ signal: stop.signal });
  stop.abort();
  await expect(taken).rejects.toMatchObject({ tag: 'aborted' });
});

it('reads without the thread where that has ended', async () => {
  const path = file();
  const thread = readMapOnThread(path, { voxelSize: undefined, hashed: true });
  thread.stop();
  const read: unknown[] = [];
  const { data } = await thread.take({ onRead: (sum) => read.push(sum) });
  expect(data).toEqual((await readMapFile(path)).data);
  expect(read).toHaveLength(1);
});

it('repeats what was said of the file', async () => {
  // Stored bytes that look unsigned.
  const values = Float32Array.from({ length: 120 }, (_, i) => (i % 50) + 100);
  const path = file({ values, mode: 0 } as Partial<MrcFixture>);
  const expected = await here(path);
  expect(expected.said.filter((one) => Array.isArray(one)).length).toBeGreaterThan(0);
  expect(await onThread(path)).toEqual(expected);
});
