/**
 * B factors of the TRPV1 model from its half maps. The maps were simulated from the model with B * 0.6 + 60;
 * as the method uses them, B factors are compared as averages over 25 A.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { averageOverNeighbours } from '../../src/atoms/bfactors/average-bfactors.ts';
import { bFactorsAt } from '../../src/atoms/bfactors/b-factor-field.ts';
import { measureLocalB } from '../../src/atoms/bfactors/local-wilson-b.ts';
import { refineBFactors } from '../../src/atoms/bfactors/refine-bfactors.ts';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { AtomSet } from '../../src/math/atoms/atom-set.ts';
import type { Grid } from '../../src/math/grid.ts';
import { readGoldenModel } from '../support/golden-model.ts';
import { meanOf, pearson } from '../support/pearson.ts';
import { type GoldenMap, readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

describeWithSharedData('B factors of golden/trpv1-c4', () => {
  let engine: Engine;
  let atoms: AtomSet;
  let grid: Grid;
  let halves: [GoldenMap, GoldenMap];
  let mask: Float32Array;
  let truth: Float64Array;
  let cutoffs: { wilsonCutoff: number; fscCutoff: number };
  const smooth = (values: Float64Array): Float64Array => averageOverNeighbours(atoms.positions, values, 25);

  beforeAll(async () => {
    engine = await createCpuEngine({ threads: 2 });
    atoms = readGoldenModel('golden', 'trpv1-c4', 'model.cif');
    halves = [
      readGoldenMap('golden', 'trpv1-c4', 'half1.mrc'),
      readGoldenMap('golden', 'trpv1-c4', 'half2.mrc'),
    ];
    mask = readGoldenMap('golden', 'trpv1-c4', 'mask.mrc').data;
    const { voxelSize } = halves[0];
    grid = { shape: halves[0].shape, voxelSize: [voxelSize, voxelSize, voxelSize], origin: [0, 0, 0] };
    const expected = readGoldenJson<{ wilson_cutoff: number; fsc_resolution: number }>(
      'golden',
      'trpv1-c4',
      'expected.json',
    );
    cutoffs = { wilsonCutoff: expected.wilson_cutoff, fscCutoff: expected.fsc_resolution };
    truth = smooth(atoms.bFactors.map((b) => 0.6 * b + 60));
  });
  afterAll(() => engine.dispose());

  async function localB(withAtoms: boolean): Promise<Float64Array> {
    const unit = await engine.simulateMap({ ...atoms, bFactors: new Float64Array(atoms.count) }, grid);
    const unitMap = withAtoms ? { unitMap: await engine.download(unit) } : {};
    const data = { half1: halves[0].data, half2: halves[1].data };
    const field = measureLocalB({ data, mask, ...unitMap }, grid, { positions: atoms.positions }, cutoffs);
    engine.release(unit);
    return bFactorsAt(field, grid, atoms.positions);
  }

  it('reads the whole model', () => {
    expect(atoms.count).toBe(15820);
  });

  it.each([true, false])('local, the atoms known: %s; r >= 0.9, bias <= 10 percent', async (withAtoms) => {
    const found = smooth(await localB(withAtoms));
    expect(pearson(found, truth)).toBeGreaterThan(0.9);
    expect(Math.abs(meanOf(found) / meanOf(truth) - 1)).toBeLessThan(0.1);
  });

  it('refined from there: r >= 0.9, and nearer than before', async () => {
    const started = await localB(true);
    const [half1, half2] = [
      await engine.upload(halves[0].data.slice(), grid.shape),
      await engine.upload(halves[1].data.slice(), grid.shape),
    ];
    const map = await engine.average(half1, half2);
    const refined = await refineBFactors({
      engine,
      grid,
      map,
      halves: [half1, half2],
      fscCutoff: cutoffs.fscCutoff,
      atoms: { ...atoms, bFactors: started },
      cycles: 5,
    });
    engine.release(half1, half2, map);
    const distance = (values: Float64Array): number =>
      Math.sqrt(meanOf(smooth(values).map((b, i) => (b - truth[i]) ** 2)));
    expect(pearson(smooth(refined), truth)).toBeGreaterThan(0.9);
    expect(Math.abs(meanOf(smooth(refined)) / meanOf(truth) - 1)).toBeLessThan(0.1);
    expect(distance(refined)).toBeLessThan(distance(started));
  });
});
