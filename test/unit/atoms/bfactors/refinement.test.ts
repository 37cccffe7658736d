/** Refinement of B factors: derivatives against their definition, and known B factors found again. */
import { afterAll, describe, expect, it } from 'vitest';
import { averageBFactors } from '../../../../src/atoms/bfactors/average-bfactors.ts';
import {
  bFactorDerivatives,
  filterForGradient,
  prepareRefinement,
  type RefinementCycle,
  type RefinementSetting,
  refineBFactors,
} from '../../../../src/atoms/bfactors/refine-bfactors.ts';
import { createCpuEngine } from '../../../../src/cpu-fallback/index.ts';
import type { AtomSet } from '../../../../src/math/atoms/atom-set.ts';
import { atomSetOf } from '../../../../src/math/atoms/atom-set.ts';
import { type Grid, voxelCount } from '../../../../src/math/grid.ts';
import { relativeL2 } from '../../../support/compare.ts';
import { modelMapDirectly } from '../../../support/direct-model-map.ts';
import { meanOf, pearson } from '../../../support/pearson.ts';
import { randomAtoms } from '../../../support/random-atoms.ts';
import { referenceFft3d, signedIndex } from '../../../support/reference-fft.ts';
import { createSimpleEngine } from '../../../support/simple-engine.ts';
import { smallDataset } from '../../../support/synthetic.ts';

const grid: Grid = { shape: [18, 18, 18], voxelSize: [1.4, 1.4, 1.4], origin: [-3, 10, 2.5] };
const voxelVolume = 1.4 ** 3;

/**
 * dV / 2N times the sum over all frequencies of W^2 |a|^2 or, with `times`, dV / N of W^2 (f^2/4)^2 Re(a conj
 * b).
 */
function weightedSum(
  setting: RefinementSetting,
  a: ArrayLike<number>,
  factor: (frequency: number) => number,
  b: ArrayLike<number> = a,
): number {
  const [first, second] = [a, b].map((map) => referenceFft3d(Float64Array.from(map), undefined, grid.shape));
  const n = grid.shape[0];
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const k = [Math.floor(i / (n * n)), Math.floor(i / n) % n, i % n].map((index) => signedIndex(index, n));
    const frequency = Math.hypot(...k) / (n * 1.4);
    sum +=
      setting.weight.squared(frequency) *
      factor(frequency) *
      (first.re[i] * second.re[i] + first.im[i] * second.im[i]);
  }
  return (sum * voxelVolume) / voxelCount(grid.shape);
}

async function example(): Promise<{ setting: RefinementSetting; atoms: AtomSet; map: Float64Array }> {
  const engine = createSimpleEngine();
  const truth = randomAtoms(12, grid, { seed: 5, bFactors: [40, 140] });
  const map = modelMapDirectly(truth, grid);
  const atoms = { ...truth, bFactors: truth.bFactors.map((b, i) => b + 30 * Math.cos(i)) };
  const setting = await prepareRefinement({
    engine,
    grid,
    map: await engine.upload(Float32Array.from(map), grid.shape),
    halves: undefined,
    fscCutoff: 4,
    atoms,
    cycles: 1,
  });
  return { setting, atoms, map };
}

describe('derivatives of the target', () => {
  it('by B factors equal finite differences (1e-3: aliasing of atoms 1e-4, maps in float32)', async () => {
    const { setting, atoms, map } = await example();
    const found = await bFactorDerivatives(setting, await filterForGradient(setting), atoms.bFactors);
    const { factor, addedB } = found.scale;
    const target = (bFactors: Float64Array): number => {
      const model = modelMapDirectly({ ...atoms, bFactors: bFactors.map((b) => b + addedB) }, grid);
      const difference = model.map((value, i) => factor * value - map[i]);
      return weightedSum(setting, difference, () => 0.5);
    };
    const step = 0.5;
    const expected = Array.from(atoms.bFactors, (_, i) => {
      const moved = (by: number): Float64Array => atoms.bFactors.map((b, j) => (j === i ? b + by : b));
      return (target(moved(step)) - target(moved(-step))) / (2 * step);
    });
    expect(relativeL2(found.gradient, expected)).toBeLessThan(1e-3);
  });

  it('by all B factors at once give the row sums of the Hessian (1e-3)', async () => {
    const { setting, atoms } = await example();
    const found = await bFactorDerivatives(setting, await filterForGradient(setting), atoms.bFactors);
    const { factor, addedB } = found.scale;
    const shifted = { ...atoms, bFactors: atoms.bFactors.map((b) => b + addedB) };
    const all = modelMapDirectly(shifted, grid);
    const expected = Array.from(atoms.bFactors, (_, i) => {
      const alone = { ...shifted, occupancies: shifted.occupancies.map((o, j) => (j === i ? o : 0)) };
      return (
        factor ** 2 * weightedSum(setting, modelMapDirectly(alone, grid), (f) => ((f * f) / 4) ** 2, all)
      );
    });
    expect(relativeL2(found.curvature, expected)).toBeLessThan(1e-3);
  });
});

describe('refinement', () => {
  const engine = createCpuEngine({ threads: 2 });
  afterAll(async () => (await engine).dispose());
  const data = smallDataset();
  const atoms = atomSetOf(data.atoms);
  // `truth` has all B factors raised by 90.
  const truth = atoms.bFactors.map((b) => b + 90);
  const box = data.truth.grid;

  async function refined(maps: 'truth' | 'halves', scale = 1): Promise<[Float64Array, RefinementCycle[]]> {
    const on = await engine;
    const upload = (values: Float32Array) =>
      on.upload(
        values.map((v) => scale * v),
        box.shape,
      );
    const volumes =
      maps === 'truth'
        ? [await upload(data.truth.data)]
        : [await upload(data.half1.data), await upload(data.half2.data)];
    const map = maps === 'truth' ? volumes[0] : await on.average(volumes[0], volumes[1]);
    const cycles: RefinementCycle[] = [];
    const bFactors = await refineBFactors({
      engine: on,
      grid: box,
      map,
      halves: maps === 'truth' ? undefined : [volumes[0], volumes[1]],
      fscCutoff: maps === 'truth' ? 3.4 : 4,
      atoms: { ...atoms, bFactors: new Float64Array(atoms.count).fill(60) },
      cycles: 10,
      onCycle: (cycle) => cycles.push(cycle),
    });
    on.release(map, ...volumes.filter((volume) => volume !== map));
    return [bFactors, cycles];
  }

  it('finds B factors again in a noise-free map, from a flat start far off', async () => {
    const [found, cycles] = await refined('truth');
    // The averages over 3 A after each cycle blur what varies within a few A: 5 % allows for it.
    expect(relativeL2(found, truth)).toBeLessThan(0.05);
    expect(Math.abs(meanOf(found) / meanOf(truth) - 1)).toBeLessThan(0.03);
    expect(pearson(found, truth)).toBeGreaterThan(0.95);
    expect(cycles.at(-1)?.residual).toBeLessThan(0.1 * cycles[0].residual);
  });

  it('does not depend on the scale of the map', async () => {
    const [[usual], [large]] = [await refined('truth'), await refined('truth', 1024)];
    // A power of two changes no digit; weights and scale are float64, in which nothing overflows.
    expect(relativeL2(large, usual)).toBeLessThan(1e-5);
  });

  it('finds the gradient of B factors in noisy half maps', async () => {
    const [found] = await refined('halves');
    const smooth = averageBFactors({ positions: atoms.positions, bFactors: found });
    const expected = averageBFactors({ positions: atoms.positions, bFactors: truth });
    expect(pearson(smooth, expected)).toBeGreaterThan(0.9);
    expect(Math.abs(meanOf(smooth) / meanOf(expected) - 1)).toBeLessThan(0.1);
  });

  it('stops on request, and refuses a model that is elsewhere', async () => {
    const on = await engine;
    const map = await on.upload(data.truth.data.slice(), box.shape);
    const job = { engine: on, grid: box, map, halves: undefined, fscCutoff: 4, atoms, cycles: 2 };
    await expect(refineBFactors(job, { signal: AbortSignal.abort() })).rejects.toThrow(/stopped/);
    const negative = await on.upload(
      data.truth.data.map((v) => -v),
      box.shape,
    );
    await expect(refineBFactors({ ...job, map: negative })).rejects.toThrow(/nothing in common/);
    on.release(map, negative);
  });
});
