/**
 * Symmetry on maps of the reference data: the average of a half map against truth, and what the commands
 * find.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine, Volume } from '../../src/engine/engine.ts';
import { fourierShellCorrelation } from '../../src/math/fourier/fsc.ts';
import { tanhLowPass } from '../../src/math/fourier/radial-transfer.ts';
import type { Grid } from '../../src/math/grid.ts';
import { pointGroup } from '../../src/math/symmetry/point-group.ts';
import { checkSymmetry, findSymmetry, resolveSymmetry } from '../../src/pipeline/symmetrise.ts';
import { relativeL2 } from '../support/compare.ts';
import { readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';

const folder = ['golden', 'trpv1-c4'] as const;
const shape = [96, 96, 96] as const;

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (v: Float32Array): number => v.reduce((sum, x) => sum + x, 0) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((x, i) => {
    ab += (x - ma) * (b[i] - mb);
    aa += (x - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  });
  return ab / Math.sqrt(aa * bb);
}

describeWithSharedData('symmetry of real maps', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await createCpuEngine({ threads: 2 });
  });
  afterAll(() => engine.dispose());
  const upload = (name: string): Promise<Volume> =>
    engine.upload(readGoldenMap(...folder, `${name}.mrc`).data, shape);
  const settings = () =>
    readGoldenJson<{ voxel_size: number; fsc_resolution: number }>(...folder, 'expected.json');
  const trpv1Grid = (): Grid => {
    const { voxel_size: v } = settings();
    return { shape, voxelSize: [v, v, v], origin: [0, 0, 0] };
  };

  it('the C4 average of half map 1 is nearer to truth in every shell below the resolution', async () => {
    const { voxel_size, fsc_resolution } = settings();
    const [half, truth] = [await upload('half1'), await upload('truth')];
    const averaged = await engine.symmetrise(half, pointGroup('C4'));
    const before = fourierShellCorrelation(await engine.shellSpectra(half, truth), voxel_size);
    const after = fourierShellCorrelation(await engine.shellSpectra(averaged, truth), voxel_size);
    let shells = 0;
    before.frequency.forEach((f, r) => {
      // The mean of the map is no signal.
      if (r === 0 || f > 1 / fsc_resolution) return;
      shells++;
      expect(after.correlation[r]).toBeGreaterThan(before.correlation[r]);
    });
    expect(shells).toBeGreaterThan(25);
  });

  it('agrees with the C4 average of the original at 8 A (0.99)', async () => {
    const filter = tanhLowPass(8, settings().voxel_size);
    const averaged = await engine.symmetrise(await upload('half1'), pointGroup('C4'));
    const ours = await engine.download(await engine.radialFilter(averaged, filter));
    const original = await engine.radialFilter(await upload('expected_symmetrised_C4'), filter);
    expect(correlation(ours, await engine.download(original))).toBeGreaterThan(0.99);
  });

  it('C4 is found in TRPV1, and groups that it does not have are reported', async () => {
    const half = await upload('half1');
    const grid = trpv1Grid();
    const found = await findSymmetry(engine, half, grid);
    expect([found.name, found.standard]).toEqual(['C4', true]);
    const check = async (name: string, centre?: readonly [number, number, number]) =>
      checkSymmetry(engine, half, grid, resolveSymmetry({ group: { name }, centre }, grid));
    expect((await check('C4')).warning).toBeUndefined();
    expect((await check('C4')).correlation).toBeGreaterThan(0.95);
    expect((await check('D4')).warning).toMatch(/does not look like D4: .* C4 fits\.$/);
    expect((await check('C7')).warning).toMatch(/C4 fits\.$/);
    expect((await check('C4', [48, 42, 48])).warning).toMatch(
      /centre seems to be voxel [\d.]+,48\.\d,48\.\d/,
    );
  });

  it('names an axis that lies along x', async () => {
    // (z, y, x) -> (x, y, z): what was along z is along x, seen from the other side.
    const { data } = readGoldenMap(...folder, 'half1.mrc');
    const turned = data.map(
      (_, i) => data[((i % 96) * 96 + (Math.floor(i / 96) % 96)) * 96 + Math.floor(i / 9216)],
    );
    const grid = trpv1Grid();
    const volume = await engine.upload(turned, shape);
    const { warning } = await checkSymmetry(
      engine,
      volume,
      grid,
      resolveSymmetry({ group: { name: 'C4' } }, grid),
    );
    expect(warning).toMatch(/axis seems to lie along x, not z/);
    const found = await findSymmetry(engine, volume, grid);
    expect([found.name, found.standard]).toEqual(['C4', false]);
    // One step of the last refinement.
    expect(Math.abs(found.axis[0])).toBeGreaterThan(Math.cos((0.5 * Math.PI) / 180));
  });

  it('EMD-0093: C4 is found, and its own operators are those of C4 about the middle of the box', async () => {
    const map = readGoldenMap('maps', 'emd_0093_hcn4', 'emd_0093_masked4A.mrc.gz');
    const v = map.voxelSize;
    const grid: Grid = { shape: map.shape, voxelSize: [v, v, v], origin: [0, 0, 0] };
    const text = readFileSync(sharedPath('maps', 'emd_0093_hcn4', 'C4_matrices.txt'), 'utf8');
    const symmetry = resolveSymmetry({ group: { file: 'C4_matrices.txt', text } }, grid);
    expect(symmetry.options.centre).toEqual(map.shape.map((n) => n / 2));
    const volume = await engine.upload(map.data, map.shape);
    const found = await findSymmetry(engine, volume, grid);
    expect([found.name, found.standard]).toEqual(['C4', true]);
    expect(found.correlation).toBeGreaterThan(0.95);
    const byFile = await engine.symmetrise(volume, symmetry.operators, symmetry.options);
    const byName = await engine.symmetrise(volume, pointGroup('C4'));
    // The same voxels are added in another order.
    expect(relativeL2(await engine.download(byFile), await engine.download(byName))).toBeLessThan(1e-6);
  });
});
