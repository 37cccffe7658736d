/**
 * Maps of models: against the float64 sum, against the definition of a B factor, and what must be refused.
 */
import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine, ModelMapOptions } from '../../src/engine/engine.ts';
import type { AtomSet } from '../../src/math/atoms/atom-set.ts';
import { type Grid, type Shape, voxelCount } from '../../src/math/grid.ts';
import { relativeL2 } from '../support/compare.ts';
import { modelMapDirectly } from '../support/direct-model-map.ts';
import { describeEngines } from '../support/engines.ts';
import { randomAtoms } from '../support/random-atoms.ts';

function gridOf(shape: Shape, voxelSize: number, origin: Grid['origin'] = [0, 0, 0]): Grid {
  return { shape, voxelSize: [voxelSize, voxelSize, voxelSize], origin };
}

async function simulated(
  engine: Engine,
  atoms: AtomSet,
  grid: Grid,
  options?: ModelMapOptions,
): Promise<Float32Array> {
  const volume = await engine.simulateMap(atoms, grid, options);
  expect(volume.shape).toEqual(grid.shape);
  const data = Float32Array.from(await engine.download(volume));
  engine.release(volume);
  return data;
}

/**
 * Even, odd, unequal edges; boxes that an atom reaches across several times; origins; fine and coarse voxels.
 */
const GRIDS: readonly Grid[] = [
  gridOf([24, 24, 24], 1.4),
  gridOf([17, 22, 27], 1.1, [-30.3, 12.25, 400.1]),
  gridOf([8, 9, 10], 1, [1, 2, 3]),
  gridOf([5, 6, 4], 0.7),
  gridOf([19, 32, 12], 2.5, [0, -80, 0]),
];

describeEngines('model-map', (engine) => {
  // The float32 sum is right to 1e-7; taking the blur away amplifies its highest frequencies, 100 times for
  // B factors of 20 and more.
  it.each(GRIDS)('of atoms in and around a box of $shape equals the float64 sum (1e-5)', async (grid) => {
    const atoms = randomAtoms(60, grid, { seed: 1, beyond: 1.2 });
    const ours = await simulated(await engine(), atoms, grid);
    expect(relativeL2(ours, modelMapDirectly(atoms, grid))).toBeLessThan(1e-5);
  });

  it('of sharp atoms and of heavy ones equals the float64 sum (1e-4)', async () => {
    // Lengths of the boxes above: a software GPU compiles kernels for each.
    const grid = gridOf([19, 24, 22], 1.2);
    const atoms = randomAtoms(40, grid, {
      seed: 2,
      bFactors: [0, 400],
      elements: ['H', 'Zn', 'Rb', 'U', 'C'],
    });
    const ours = await simulated(await engine(), atoms, grid);
    expect(relativeL2(ours, modelMapDirectly(atoms, grid))).toBeLessThan(1e-4);
  });

  it('sums to the form factors at zero angle (1e-5)', async () => {
    const grid = gridOf([24, 12, 17], 1.5);
    const atoms = randomAtoms(30, grid, { seed: 3, elements: ['C'] });
    const ours = await simulated(await engine(), atoms, grid);
    const charge =
      atoms.occupancies.reduce((sum, occupancy) => sum + occupancy, 0) *
      (0.0893 + 0.2563 + 0.757 + 1.0487 + 0.3575);
    const integral = ours.reduce((sum, value) => sum + value, 0) * 1.5 ** 3;
    expect(Math.abs(integral / charge - 1)).toBeLessThan(1e-5);
  });

  it('with a blur equals the map of larger B factors; sums below 0 count as 0', async () => {
    const grid = gridOf([24, 12, 17], 1.5);
    const atoms = randomAtoms(20, grid, { seed: 4, bFactors: [30, 90] });
    const on = await engine();
    const shifted = (b: number): AtomSet => ({
      ...atoms,
      bFactors: atoms.bFactors.map((old) => Math.max(0, old + b)),
    });
    for (const blurBFactor of [50, -25, -60]) {
      const ours = await simulated(on, atoms, grid, { blurBFactor });
      expect(ours).toEqual(await simulated(on, shifted(blurBFactor), grid));
    }
    const negative = { ...atoms, bFactors: atoms.bFactors.map((b) => b - 60) };
    expect(await simulated(on, negative, grid)).toEqual(await simulated(on, shifted(-60), grid));
  });

  it('is the same in every run, bit for bit', async () => {
    const grid = gridOf([24, 17, 22], 1.3);
    const atoms = randomAtoms(80, grid, { seed: 5 });
    const on = await engine();
    expect(await simulated(on, atoms, grid)).toEqual(await simulated(on, atoms, grid));
  });

  it('of no atoms is empty', async () => {
    const grid = gridOf([6, 7, 8], 1);
    const atoms = randomAtoms(0, grid, { seed: 6 });
    expect(await simulated(await engine(), atoms, grid)).toEqual(new Float32Array(voxelCount(grid.shape)));
  });

  it('refuses elements that are none and positions that are no numbers', async () => {
    const grid = gridOf([6, 6, 6], 1);
    const on = await engine();
    const atoms = randomAtoms(3, grid, { seed: 7 });
    await expect(on.simulateMap({ ...atoms, elements: ['C', 'Xx', 'C'] }, grid)).rejects.toMatchObject({
      tag: 'bad-input',
      where: 'atom 2 of the model',
    });
    const positions = atoms.positions.slice();
    positions[4] = Number.NaN;
    await expect(on.simulateMap({ ...atoms, positions }, grid)).rejects.toThrow(/not a number/);
    await expect(on.simulateMap({ ...atoms, elements: ['C'] }, grid)).rejects.toThrow(/other lengths/);
    await expect(on.simulateMap(atoms, { ...grid, shape: [6, 0, 6] })).rejects.toThrow(/cannot be made/);
  });
});

describe('model-map on threads', () => {
  it('has the same bits for one thread and for three', async () => {
    const grid = gridOf([45, 30, 33], 1.2);
    const atoms = randomAtoms(200, grid, { seed: 8, beyond: 0.1 });
    const maps: Float32Array[] = [];
    for (const threads of [1, 3]) {
      const engine = await createCpuEngine({ threads });
      maps.push(await simulated(engine, atoms, grid));
      await engine.dispose();
    }
    expect(maps[1]).toEqual(maps[0]);
  });
});
