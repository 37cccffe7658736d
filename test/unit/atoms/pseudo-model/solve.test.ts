import { describe, expect, it } from 'vitest';
import { allowedVoxels } from '../../../../src/atoms/pseudo-model/allowed-voxels.ts';
import { buildPseudoModel } from '../../../../src/atoms/pseudo-model/build.ts';
import { composeAtoms } from '../../../../src/atoms/pseudo-model/composition.ts';
import { placeAtoms } from '../../../../src/atoms/pseudo-model/place-atoms.ts';
import { type SolverJob, solvePseudoModel } from '../../../../src/atoms/pseudo-model/solve.ts';
import { solveGradient } from '../../../../src/atoms/pseudo-model/solve-gradient.ts';
import { nearestDistances } from '../../../../src/math/atoms/cell-list.ts';
import type { Shape } from '../../../../src/math/grid.ts';
import { directGradientSolver } from '../../../support/direct-pseudo-model.ts';

const SHAPE: Shape = [20, 24, 28];
const GRID = { shape: SHAPE, voxelSize: 1.5, origin: [10, -20, 30] as const };

/** Ball of radius 8 voxels about (z, y, x) = (10, 12, 14). */
const mask = Float32Array.from({ length: 20 * 24 * 28 }, (_, i) => {
  const [z, y, x] = [Math.floor(i / 672), Math.floor(i / 28) % 24, i % 28];
  return Math.hypot(z - 10, y - 12, x - 14) <= 8 ? 1 : 0;
});

/** Density that falls from the centre line x = 14, y = 12. */
const ridge = Float32Array.from(mask, (_, i) => {
  const [y, x] = [Math.floor(i / 28) % 24, i % 28];
  return Math.exp(-((y - 12) ** 2 + (x - 14) ** 2) / 20);
});

function voxelsOf(positions: Float64Array): number[] {
  return Array.from({ length: positions.length / 3 }, (_, i) => {
    const [x, y, z] = [2, 1, 0].map((axis, k) =>
      Math.round((positions[3 * i + k] - GRID.origin[axis]) / GRID.voxelSize),
    );
    return (z * SHAPE[1] + y) * SHAPE[2] + x;
  });
}

describe('placing pseudo-atoms', () => {
  it('takes different voxels of the mask, at random positions in them', () => {
    const positions = placeAtoms({ ...GRID, mask, count: 500, seed: 4 });
    const voxels = voxelsOf(positions);
    expect(new Set(voxels).size).toBe(500);
    expect(voxels.every((voxel) => mask[voxel] === 1)).toBe(true);
    const offsets = positions.map((p, k) => {
      const voxel = (p - GRID.origin[2 - (k % 3)]) / GRID.voxelSize;
      return voxel - Math.round(voxel);
    });
    // Uniform on [-0.5, 0.5): mean 0 with standard error 0.289 / sqrt(1500) = 0.0075, variance 1/12.
    const mean = offsets.reduce((sum, v) => sum + v, 0) / offsets.length;
    const variance = offsets.reduce((sum, v) => sum + v * v, 0) / offsets.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.01);
  });

  it('gives the same atoms for a seed, others for another', () => {
    const place = (seed: number) => placeAtoms({ ...GRID, mask, count: 50, seed });
    expect(place(1)).toEqual(place(1));
    expect(place(1)).not.toEqual(place(2));
  });

  it('leaves out two voxels along the faces and refuses more atoms than fit', () => {
    const full = new Float32Array(20 * 24 * 28).fill(1);
    const fit = 16 * 20 * 24;
    const voxels = voxelsOf(placeAtoms({ ...GRID, mask: full, count: fit, seed: 1 }));
    for (const voxel of voxels) {
      const at = [Math.floor(voxel / 672), Math.floor(voxel / 28) % 24, voxel % 28];
      at.forEach((k, axis) => {
        expect(k >= 2 && k < SHAPE[axis] - 2).toBe(true);
      });
    }
    expect(() => placeAtoms({ ...GRID, mask: full, count: fit + 1, seed: 1 })).toThrow(
      expect.objectContaining({
        tag: 'bad-input',
        message: 'The mask is too small for the atoms of the pseudo-model.',
        found: `${fit + 1} atoms`,
      }),
    );
  });
});

describe('solving a pseudo-model', () => {
  const start = placeAtoms({ ...GRID, mask, count: 400, seed: 4 });
  const job: SolverJob = {
    ...GRID,
    mask,
    map: ridge,
    positions: start,
    method: 'gradient',
    iterations: 50,
    distanceAngstrom: 1.2,
    seed: 4,
  };
  const meanDensity = (positions: Float64Array): number =>
    voxelsOf(positions).reduce((sum, voxel) => sum + ridge[voxel], 0) / (positions.length / 3);

  it.each(['gradient', 'kick'] as const)(
    '%s: atoms keep their distance and stay in the mask',
    async (method) => {
      const solved = await solvePseudoModel({ ...job, method });
      expect(voxelsOf(solved.positions).every((voxel) => mask[voxel] === 1)).toBe(true);
      const nearest = nearestDistances(solved.positions, 1.2);
      const share = nearest.filter((r) => r >= 0.8 * 1.2).length / nearest.length;
      expect(share).toBeGreaterThanOrEqual(0.95);
      expect(solved.separatedShare).toBeCloseTo(share, 12);
      expect(solved.positions).toEqual((await solvePseudoModel({ ...job, method })).positions);
      expect(solved.positions).not.toEqual(start);
    },
  );

  it('the gradient method moves atoms into the density, the kick method does not look at it', async () => {
    const before = meanDensity(start);
    expect(meanDensity((await solvePseudoModel(job)).positions)).toBeGreaterThan(1.3 * before);
    const kicked = await solvePseudoModel({ ...job, method: 'kick' });
    const elsewhere = await solvePseudoModel({ ...job, method: 'kick', map: mask });
    expect(kicked.positions).toEqual(elsewhere.positions);
  });

  it('does what LocScale does: two atoms on a plain, one step at a time', async () => {
    // No slope, so that only the neighbour counts: a = 12 (s^6 - s^3) / r, s = (d / r)^2, in voxels.
    const flat = new Float32Array(mask.length);
    const distance = 1;
    const half = 0.45;
    const positions = Float64Array.from(
      [14 - half, 12, 10, 14 + half, 12, 10].map((p, k) => GRID.origin[2 - (k % 3)] + 1.5 * p),
    );
    const run = (iterations: number) =>
      solvePseudoModel({ ...job, map: flat, positions, iterations, distanceAngstrom: 1.5 * distance });
    let [x, before, velocity] = [-half, -half, 0];
    for (const iteration of [0, 1, 2, 3, 4]) {
      const r = -2 * x;
      const s3 = (distance / r) ** 6;
      const pull = (-12 * (s3 * s3 - s3)) / r;
      const acceleration = Math.max(-100, pull) - 10 * velocity;
      const next = 2 * x - before + acceleration * 0.01;
      velocity = (next - before) / (iteration === 0 ? 0.1 : 0.2);
      [before, x] = [x, next];
      const solved = await run(iteration + 1);
      // Two changes of unit about 50 A from zero: 1e-14 each.
      expect((solved.positions[0] - GRID.origin[2]) / 1.5 - 14).toBeCloseTo(x, 10);
      expect((solved.positions[3] - GRID.origin[2]) / 1.5 - 14).toBeCloseTo(-x, 10);
      expect(solved.separationPasses).toBe(0);
    }
  });

  it('equals the direct form with all pairs and all gradients', async () => {
    const allowed = allowedVoxels(mask, SHAPE);
    const positions = start.map((p, k) => (p - GRID.origin[2 - (k % 3)]) / 1.5);
    const direct = directGradientSolver({
      ...{ map: ridge, allowed, shape: SHAPE, positions },
      ...{ distance: 0.8, iterations: 8 },
    });
    await solveGradient({ map: ridge, allowed, shape: SHAPE }, positions, 0.8, 8, async () => undefined);
    // Sums in another order, 1e-16 each, grow by collisions, about tenfold in each of 8 steps.
    for (let k = 0; k < positions.length; k++) expect(Math.abs(positions[k] - direct[k])).toBeLessThan(1e-7);
  });

  it('takes apart what the iterations left too close', async () => {
    const crowded = placeAtoms({ ...GRID, mask, count: 1500, seed: 9 });
    const solved = await solvePseudoModel({ ...job, positions: crowded, iterations: 0 });
    const share = (positions: Float64Array) =>
      nearestDistances(positions, 1.2).filter((r) => r >= 0.96).length / 1500;
    expect(share(crowded)).toBeLessThan(0.9);
    expect(solved.separationPasses).toBeGreaterThan(0);
    expect(share(solved.positions)).toBeGreaterThanOrEqual(0.95);
    expect(voxelsOf(solved.positions).every((voxel) => mask[voxel] === 1)).toBe(true);
  });

  it('says so where the mask is too full for the distance', async () => {
    const solved = await solvePseudoModel({ ...job, iterations: 2, distanceAngstrom: 8 });
    expect(solved.separatedShare).toBeLessThan(0.95);
    expect(solved.positions.every(Number.isFinite)).toBe(true);
  });

  it('reports progress and stops on request', async () => {
    const seen: string[] = [];
    await solvePseudoModel(
      { ...job, iterations: 3 },
      { onProgress: (done, of) => seen.push(`${done}/${of}`) },
    );
    expect(seen).toEqual(['1/3', '2/3', '3/3']);
    const stop = new AbortController();
    const onProgress = (done: number) => {
      if (done === 2) stop.abort();
    };
    await expect(solvePseudoModel(job, { onProgress, signal: stop.signal })).rejects.toMatchObject({
      tag: 'aborted',
    });
  });
});

describe('the whole pseudo-model', () => {
  it('has the composition of protein', () => {
    const count = 20_000;
    const { elements, bFactors, occupancies } = composeAtoms(new Float64Array(3 * count), 3);
    const share = (element: string) => elements.filter((e) => e === element).length / count;
    // Four standard errors of a share: 4 sqrt(0.63 * 0.37 / 20000) = 0.014.
    expect(Math.abs(share('C') - 0.63)).toBeLessThan(0.014);
    expect(Math.abs(share('N') - 0.17)).toBeLessThan(0.014);
    expect(Math.abs(share('O') - 0.2)).toBeLessThan(0.014);
    expect([...new Set(bFactors), ...new Set(occupancies)]).toEqual([0, 1]);
  });

  it('has as many atoms as the volume of the mask, or the molecular weight, says', async () => {
    const job = {
      ...GRID,
      mask,
      map: ridge,
      method: 'gradient',
      iterations: 2,
      distanceAngstrom: 1.2,
      seed: 1,
    } as const;
    const voxels = mask.reduce((sum, v) => sum + v, 0);
    // 1.35 g / cm^3 over 13.14 Da an atom: 0.06187 atoms / A^3; 1.55 atoms of the mask for one of a model.
    const { atoms } = await buildPseudoModel(job);
    expect(atoms.count).toBe(Math.round(Math.round(voxels * 1.5 ** 3 * 0.0618713) / 1.55));
    expect(atoms.positions).toHaveLength(3 * atoms.count);
    expect((await buildPseudoModel({ ...job, molecularWeightKiloDalton: 2 })).atoms.count).toBe(152);
    await expect(buildPseudoModel({ ...job, mask: new Float32Array(mask.length) })).rejects.toMatchObject({
      tag: 'bad-input',
    });
  });
});
