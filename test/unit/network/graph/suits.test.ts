import { expect, it } from 'vitest';
import { bandLimit } from '../../../../src/network/graph/band-limit.ts';
import { requireSuitedVoxels, resolutionWarning, suitsVoxels } from '../../../../src/network/graph/suits.ts';
import { measureSecondsPerCube } from '../../../../src/network/run/measure-rate.ts';
import { checkManifest } from '../../../../src/network/store/check-manifest.ts';
import { smallNetwork } from '../../../support/small-network.ts';

const made = { title: 'one', voxelSizeAngstrom: 1 };
const trained = { ...made, trainedResolution: { finest: 2.3, coarsest: 8 } };

it('a network runs on up to three times its voxels, as in a float32 header', () => {
  expect([0.5, 1, 2.9, 3, Math.fround(3.0001)].every((size) => suitsVoxels(made, size))).toBe(true);
  expect([3.1, 10, 13.28].some((size) => suitsVoxels(made, size))).toBe(false);
  expect(suitsVoxels({ ...made, voxelSizeAngstrom: 2 }, 6)).toBe(true);
  expect(() => requireSuitedVoxels(made, 13.28)).toThrow(
    'The network "one" works at 1 A per voxel and is not run on maps coarser than 3 A per voxel; this one has 13.28 A.',
  );
});

it('data unlike those of its training are named', () => {
  expect([2.3, 3.4, 8, 8.5].map((d) => resolutionWarning(trained, d))).toEqual(Array(4).fill(undefined));
  expect(resolutionWarning(trained, 11)).toBe(
    'The network "one" was trained on maps of 2.3 to 8 A; this map has 11 A: compare with `reference: none`.',
  );
  expect(resolutionWarning(trained, 1.8)).toContain('this map has 1.8 A');
  expect(resolutionWarning(made, 3)).toBeUndefined();
  expect(resolutionWarning(made, 11)).toContain('coarser than 8 A is untested; this map has 11 A');
});

it('manifests may say what a network was trained on', () => {
  const { trainedResolution: _, ...manifest } = smallNetwork().manifest;
  const range = { finest: 2, coarsest: 6 };
  expect(checkManifest({ ...manifest, trainedResolution: range }, 'x').trainedResolution).toEqual(range);
  expect(checkManifest(manifest, 'x').trainedResolution).toBeUndefined();
  for (const wrong of [{ finest: 6, coarsest: 2 }, { finest: 2 }, [2, 6], 4])
    expect(() => checkManifest({ ...manifest, trainedResolution: wrong }, 'x')).toThrow(/must be/);
});

it('predictions keep their end on voxels like those of the network, and end smoothly on coarser ones', () => {
  expect([0.8, 1, 1.4, 1.5].map((size) => bandLimit(size, 1, 4))).toEqual(Array(4).fill(undefined));
  const at = (resolution: number | undefined, f: number): number => {
    const { table, maxFrequency } = bandLimit(2.5, 1, resolution)!;
    return table[Math.round((f / maxFrequency) * (table.length - 1))];
  };
  // Data up to 8 A, 0.3125 cycles per voxel, are left alone; beyond Nyquist nothing is.
  expect([0.1, 0.3, 0.312].map((f) => at(8, f))).toEqual([1, 1, 1]);
  expect([0.501, 0.6, 0.8].map((f) => at(8, f))).toEqual([0, 0, 0]);
  expect(at(8, (0.3125 + 0.5) / 2)).toBeCloseTo(0.5, 3);
  // Never narrower than the last 0.3 of the band, never wider than the last half.
  expect(at(5, 0.349)).toBe(1);
  expect(at(undefined, 0.36)).toBeLessThan(1);
  expect([at(20, 0.249), at(20, 0.26)]).toEqual([1, expect.closeTo(0.996, 2)]);
});

it('the time of a cube is that of all sessions at once, when they are warm', async () => {
  // Sessions that slow each other down, and start slowly: a clock that counts their work.
  let clock = 0;
  let running = 0;
  const cubes: number[] = [];
  const sessionOf = (startUp: number) => {
    let cold = startUp;
    return {
      async run(batch: Float32Array, count: number): Promise<Float32Array> {
        running++;
        cubes.push(count);
        await Promise.resolve();
        clock += count * 100 * running + cold;
        cold = 0;
        running--;
        return batch;
      },
    };
  };
  // Two sessions: 100 x 2 + 100 x 1 ms for a round of one cube each.
  const rate = await measureSecondsPerCube(
    [sessionOf(900), sessionOf(900)],
    new Float32Array(8),
    1,
    () => clock,
  );
  expect(rate).toBeCloseTo(0.15, 12);
  expect(cubes).toEqual([1, 1, 1, 1]);
  // A long first round is not repeated.
  cubes.length = 0;
  await measureSecondsPerCube([sessionOf(9000)], new Float32Array(8), 4, () => clock);
  expect(cubes).toEqual([4]);
});
