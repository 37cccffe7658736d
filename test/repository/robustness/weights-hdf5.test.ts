/**
 * HDF5 files that break the library that reads it: refused, on a thread that can be stopped and leaves
 * nothing behind.
 */
import { type Group, File as Hdf5File, ready } from 'h5wasm';
import { describe, expect, it } from 'vitest';
import { LocScaleError } from '../../../src/errors.ts';
import { findBrokenHeap } from '../../../src/formats/hdf5-heaps.ts';
import { openKerasHdf5 } from '../../../src/formats/keras-hdf5.ts';
import { weightsFromKeras } from '../../../src/network/graph/emmernet-weights.ts';
import { KerasThread } from '../../../src/network/store/keras-thread.ts';
import { flipped, kerasLayers, randomWeights, tinyPlan, writeKeras } from '../../support/weight-files.ts';

const weights = randomWeights(8);
const old = await writeKeras(kerasLayers(weights), { graph: true, old: true });

async function importWith(thread: KerasThread, bytes: Uint8Array) {
  // Bytes are handed over.
  const { layers } = await thread.open(new Uint8Array(bytes), 'x.hdf5');
  return weightsFromKeras(layers, 'x.hdf5', tinyPlan);
}

async function refusal(run: () => Promise<unknown>): Promise<LocScaleError> {
  const error = await run().then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LocScaleError);
  expect((error as LocScaleError).tag).toBe('bad-input');
  expect((error as LocScaleError).hint).toMatch(/\w/);
  return error as LocScaleError;
}

/** An array `w` in layer `a`, made by hand. */
async function withArray(make: (group: Group) => void): Promise<Uint8Array> {
  const { FS } = await ready;
  const file = new Hdf5File('/made.hdf5', 'w');
  const root = file.create_group('model_weights');
  root.create_attribute('layer_names', ['a']);
  const group = root.create_group('a');
  group.create_attribute('weight_names', ['w:0']);
  make(group);
  file.close();
  const bytes = new Uint8Array(FS.readFile('/made.hdf5') as Uint8Array);
  FS.unlink('/made.hdf5');
  return bytes;
}

describe('heaps of texts', () => {
  const heap = Buffer.from(old).indexOf('GCOL');
  const objects = heap + 16;
  const changed = (change: (view: DataView) => void): Uint8Array => {
    const copy = new Uint8Array(old);
    change(new DataView(copy.buffer));
    return copy;
  };

  it('as the library writes them are sound', () => {
    expect(heap).toBeGreaterThan(0);
    expect(findBrokenHeap(old)).toBeUndefined();
  });

  // Each of these sends the library round in circles without end.
  it.each<[string, (view: DataView) => void]>([
    [
      'free space of no bytes',
      (view) => {
        view.setUint16(objects, 0, true);
        view.setBigUint64(objects + 8, 0n, true);
      },
    ],
    [
      'an object whose length has more than 32 bits',
      (view) => view.setBigUint64(objects + 8, (1n << 40n) + view.getBigUint64(objects + 8, true), true),
    ],
    ['an object that reaches beyond the heap', (view) => view.setUint32(objects + 8, 8000, true)],
    ['a heap that reaches beyond the file', (view) => view.setUint32(heap + 8, 0x7fffffff, true)],
  ])('with %s are refused before it walks them', async (_, change) => {
    const bytes = changed(change);
    expect(findBrokenHeap(bytes)).toBe(heap);
    expect((await refusal(() => openKerasHdf5(bytes, 'x.hdf5'))).message).toContain('heap of its texts');
  });
});

describe('the thread that reads Keras files', () => {
  it('gives the weights, array by array, and reads one file after the other', async () => {
    const thread = new KerasThread();
    try {
      expect(await importWith(thread, old)).toEqual(weights);
      expect(await importWith(thread, old)).toEqual(weights);
    } finally {
      await thread.end();
    }
  });

  it('is stopped when a file takes too long', async () => {
    const thread = new KerasThread(1);
    const error = await refusal(() => importWith(thread, old));
    expect(error.message).toContain('does not come to an end');
    await thread.end();
  });

  it('refuses requests after its end, and ends twice', async () => {
    const thread = new KerasThread();
    const { layers } = await thread.open(new Uint8Array(old), 'x.hdf5');
    const reading = layers.flatMap(({ weights: all }) => all.map(({ read }) => read()));
    const ended = thread.end();
    const outcomes = await Promise.allSettled(reading);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    await ended;
    await thread.end();
  });

  it('passes refusals on as they are', async () => {
    const thread = new KerasThread();
    const there = await refusal(() => thread.open(old.slice(0, 500), 'x.hdf5'));
    const here = await refusal(() => openKerasHdf5(old.slice(0, 500), 'x.hdf5'));
    expect([there.message, there.hint, there.where]).toEqual([here.message, here.hint, here.where]);
    await thread.end();
  });

  it('gives a piece that expands to 128 MiB no memory, and no numbers for what was not read', async () => {
    const bytes = await withArray((group) => {
      group.create_dataset({
        name: 'w:0',
        data: new Float32Array(1000),
        shape: [1000],
        maxshape: [null],
        chunks: [2 ** 25],
        compression: 'gzip',
        compression_opts: [1],
        dtype: '<f',
      });
    });
    expect(bytes.length).toBeLessThan(2 ** 21);
    const thread = new KerasThread();
    const { layers } = await thread.open(bytes, 'x.hdf5');
    await refusal(async () => layers[0]?.weights[0]?.read());
    // The same thread reads on.
    expect(await importWith(thread, old)).toEqual(weights);
    await thread.end();
  });

  it('an array larger than the file can hold is refused', async () => {
    const bytes = await withArray((group) => {
      group
        .create_dataset({
          name: 'w:0',
          data: new Float32Array(1),
          shape: [1],
          maxshape: [null],
          chunks: [1024],
          dtype: '<f',
        })
        .resize([2 ** 26]);
    });
    const thread = new KerasThread();
    const { layers } = await thread.open(bytes, 'x.hdf5');
    expect((await refusal(async () => layers[0]?.weights[0]?.read())).message).toContain('declares 67108864');
    await thread.end();
  });

  it('reads sound files whatever damaged ones have done before (150 files, seed 41)', async () => {
    const thread = new KerasThread(10_000);
    let refused = 0;
    let count = 0;
    try {
      for (const bytes of flipped(old, 150, 41)) {
        try {
          await importWith(thread, bytes);
        } catch (error) {
          expect((error as LocScaleError).tag).toBe('bad-input');
          refused++;
        }
        if (++count % 30 === 0) expect(await importWith(thread, old)).toEqual(weights);
      }
    } finally {
      await thread.end();
    }
    expect(refused).toBeGreaterThan(25);
  });
});

describe('the memory of the library', () => {
  it('keeps no file of those it refused', async () => {
    const { FS } = await ready;
    for (let length = 100; length < old.length; length += 2000)
      await refusal(() => openKerasHdf5(old.slice(0, length), 'x.hdf5'));
    const files = FS as unknown as { readdir: (path: string) => string[]; streams: (object | null)[] };
    expect(files.readdir('/').filter((name) => name.endsWith('.hdf5'))).toEqual([]);
    // Besides the three of the terminal.
    expect(files.streams.filter((stream) => stream !== null && stream !== undefined).length).toBe(3);
  });
});
