/**
 * Symmetry averages on the GPU where neither map nor fine grid fits one buffer, and where the memory is too
 * little.
 */
import { expect, it } from 'vitest';
import { createGpuEngine } from '../../../src/gpu/index.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { pointGroup } from '../../../src/math/symmetry/point-group.ts';
import { planSymmetrise } from '../../../src/math/symmetry/rotation-plan.ts';
import { relativeL2 } from '../../support/compare.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { mapLikeVolume } from '../../support/random-volume.ts';

/**
 * Five planes of the maps or a few more; one limit for all, so that they share a device and its compiled
 * kernels.
 */
const SLAB_VOXELS = 900;

describeGpu('symmetry averages on slabs (gpu)', (open) => {
  // C4 only moves voxels, C7 turns planes, T and D3 need all of space and a fine grid along every axis.
  it.each([
    ['C4', [14, 12, 12]],
    ['C7', [14, 12, 15]],
    ['D3', [12, 12, 12]],
    ['T', [13, 13, 13]],
  ] as const)('%s of %s is the same from many slabs as from one (1e-6)', async (name, shape: Shape) => {
    const operators = pointGroup(name);
    const data = mapLikeVolume(shape, 15);
    const run = async (limits: { slabBytes?: number }): Promise<{ out: Float32Array; slabs: number }> => {
      const engine = await createGpuEngine(await open(limits));
      const volume = await engine.upload(data.slice(), shape);
      const result = await engine.symmetrise(volume, operators);
      const out = Float32Array.from(await engine.download(result));
      const { slabs } = result as unknown as { slabs: readonly unknown[] };
      engine.release(volume, result);
      return { out, slabs: slabs.length };
    };
    const fine = planSymmetrise(shape, operators).interpolation?.fine ?? shape;
    // A plane of the fine grid must fit.
    expect(fine[1] * fine[2]).toBeLessThanOrEqual(SLAB_VOXELS);
    const one = await run({});
    const many = await run({ slabBytes: 4 * SLAB_VOXELS });
    expect([one.slabs, many.slabs > 1]).toEqual([1, true]);
    // Parts of a sum in another order.
    expect(relativeL2(many.out, one.out)).toBeLessThan(1e-6);
  });

  it('says so when the fine grid does not fit the memory', async () => {
    const shape: Shape = [16, 16, 16];
    const engine = await createGpuEngine(await open({ totalBytes: 3 * 4 * 16 ** 3 }));
    const volume = await engine.upload(mapLikeVolume(shape, 16), shape);
    await expect(engine.symmetrise(volume, pointGroup('C3'))).rejects.toThrow(/symmetry: \d+ bytes/);
    engine.release(volume);
  });
});
