/** Profiles of some voxels: against windows transformed by definition, and through a whole run. */
import { expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { createWindowProfile, cutWindow } from '../../../src/math/scaling/window-profile.ts';
import { defaultParameters, runLocScale } from '../../../src/pipeline/index.ts';
import { relativeL2 } from '../../support/compare.ts';
import { directLocalScaling } from '../../support/direct-local-scaling.ts';
import { noiseVolume } from '../../support/random-volume.ts';
import { smallDataset } from '../../support/synthetic.ts';

const shape: Shape = [9, 12, 10];
const plain = { kind: 'reference-profile', voxelSize: 1.4, wilsonCutoff: 10, fscCutoff: 3 } as const;

it.each(['octant', 'sphere'] as const)(
  'profiles of single windows (%s) are those of their definition',
  (profileKind) => {
    const map = noiseVolume(shape, 3);
    const voxels = [0, 555, 9 * 120 - 1];
    const padValues = { map: 0.5, reference: 0 };
    const direct = directLocalScaling(
      { shape, map, reference: map, windowVoxels: 6, profileKind, rule: plain, padValues },
      voxels,
    );
    const profileOf = createWindowProfile(6, profileKind);
    for (const { index, mapProfile } of direct) {
      const voxel = [Math.floor(index / 120), Math.floor(index / 10) % 12, index % 10] as const;
      const found = profileOf(cutWindow(map, shape, voxel, 6, padValues.map));
      // Both are float64.
      expect(relativeL2(found, mapProfile)).toBeLessThan(1e-12);
    }
  },
);

it('a run keeps the profiles of 1 % of its voxels, the same for the same seed', async () => {
  const { half1, half2, mask, reference } = smallDataset();
  const run = async (auditSeed: number) => {
    const engine = await createCpuEngine({ threads: 1 });
    const job = {
      input: { kind: 'half-maps', half1, half2 },
      mask,
      reference: { kind: 'model-map', map: reference },
      parameters: { ...defaultParameters, windowVoxels: 8 },
    } as const;
    const result = await runLocScale(job, { engine, auditSeed });
    const data = (await engine.download(result.scaled)).slice();
    await engine.dispose();
    return { ...result, data };
  };
  const { audit, numbers, data, grid } = await run(5);
  if (audit === undefined) throw new Error('no audit');
  expect(audit.maskVoxels).toBe(numbers.maskVoxels);
  expect(audit.profiles.length).toBe(Math.max(20, Math.round(0.01 * numbers.maskVoxels)));
  expect(audit.frequency.length).toBe(5);
  expect(audit.frequency.at(-1)).toBeCloseTo(1 / (2 * numbers.voxelSize), 12);
  const where = audit.profiles.map(({ voxel: [z, y, x] }) => (z * grid.shape[1] + y) * grid.shape[2] + x);
  expect(where.every((index) => mask.data[index] > 0.5)).toBe(true);
  expect(new Set(where).size).toBe(where.length);
  for (const { map, reference: wanted, scaleFactors } of audit.profiles)
    scaleFactors.forEach((factor, r) => {
      // Six digits are written.
      expect(factor).toBeCloseTo(wanted![r] / map[r], 4);
    });
  // The profile at zero frequency is the window's sum / sqrt(8^3).
  const [z, y, x] = audit.profiles[0].voxel;
  const window = cutWindow(data, grid.shape, [z, y, x], 8, 0);
  const sum = Math.abs(window.reduce((total, value) => total + value, 0)) / Math.sqrt(512);
  expect(Math.abs(audit.profiles[0].result[0] - sum)).toBeLessThan(1e-3 * audit.profiles[0].result[1]);
  expect((await run(5)).audit).toEqual(audit);
  expect((await run(6)).audit).not.toEqual(audit);
});
