/**
 * Local B factors: spectra of windows against their definition, the fit, and synthetic sets with a B
 * gradient.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { averageBFactors, averageOverNeighbours } from '../../../../src/atoms/bfactors/average-bfactors.ts';
import { bFactorMap, bFactorsAt, latticeFor } from '../../../../src/atoms/bfactors/b-factor-field.ts';
import { type DecayShells, fitDecay } from '../../../../src/atoms/bfactors/fit-decay.ts';
import { measureLocalB } from '../../../../src/atoms/bfactors/local-wilson-b.ts';
import { forEachWindowSpectra, planWindows } from '../../../../src/atoms/bfactors/window-spectra.ts';
import { createCpuEngine } from '../../../../src/cpu-fallback/index.ts';
import { atomSetOf } from '../../../../src/math/atoms/atom-set.ts';
import type { Grid, Shape } from '../../../../src/math/grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { relativeL2 } from '../../../support/compare.ts';
import { meanOf, pearson } from '../../../support/pearson.ts';
import { referenceFft3d, signedIndex } from '../../../support/reference-fft.ts';
import { smallDataset } from '../../../support/synthetic.ts';

describe('spectra of windows', () => {
  const shape: Shape = [15, 14, 18];
  const window = 8;
  const random = createRandom(1);
  const maps = [0, 1].map(() => Float32Array.from({ length: 15 * 14 * 18 }, () => random.gaussian()));
  const pads = [0.5, -2];
  const plan = planWindows(window, 1, 4, 2);

  /** The definition: taper, 3D transform, sums over shells of |k| rounded to half indices, all mates. */
  function direct(centre: readonly number[], i: number, j: number): Float64Array {
    const spectra = [i, j].map((m) => {
      const cut = new Float64Array(window ** 3);
      for (let at = 0; at < cut.length; at++) {
        const d = [Math.floor(at / 64), Math.floor(at / 8) % 8, at % 8].map((x) => x - 4);
        const [z, y, x] = d.map((offset, axis) => centre[axis] + offset);
        const inside = [z, y, x].every((p, axis) => p >= 0 && p < shape[axis]);
        const taper = d.reduce((product, offset) => product * Math.cos((Math.PI * offset) / 8) ** 2, 1);
        cut[at] = taper * (inside ? maps[m][(z * 14 + y) * 18 + x] : pads[m]);
      }
      return referenceFft3d(cut, undefined, [8, 8, 8]);
    });
    const sums = new Float64Array(plan.shells);
    for (let at = 0; at < 512; at++) {
      const k = [Math.floor(at / 64), Math.floor(at / 8) % 8, at % 8].map((index) => signedIndex(index, 8));
      const radius = Math.hypot(...k);
      if (radius < 2 || radius > 3.5) continue;
      const [a, b] = spectra;
      sums[Math.round(2 * radius) - 4] += a.re[at] * b.re[at] + a.im[at] * b.im[at];
    }
    return sums;
  }

  it.each([1, 3, 4])('on a lattice of %d voxels equal their definition (float32 planes: 1e-5)', (step) => {
    const grid: Grid = { shape, voxelSize: [1, 1, 1], origin: [0, 0, 0] };
    const lattice = latticeFor(grid, step);
    const [, ly, lx] = lattice.shape;
    const chosen = createRandom(2);
    for (let i = 0; i < lattice.wanted.length; i++) lattice.wanted[i] = chosen.uniform() < 0.2 ? 1 : 0;
    const products = [
      [0, 1],
      [0, 0],
    ] as const;
    const seen: number[] = [];
    forEachWindowSpectra(maps, shape, pads, plan, lattice, products, (point, sums) => {
      seen.push(point);
      if (seen.length % 7 !== 1) return;
      const centre = [Math.floor(point / (ly * lx)), Math.floor(point / lx) % ly, point % lx].map(
        (i) => i * step,
      );
      const expected = products.map(([i, j]) => direct(centre, i, j));
      // The cross power of noise is small by cancellation, so its error is measured against the power.
      const size = Math.hypot(...expected[1]);
      for (let q = 0; q < 2; q++)
        expect(Math.hypot(...sums[q].map((v, r) => v - expected[q][r])) / size).toBeLessThan(1e-5);
    });
    expect(seen).toEqual([...lattice.wanted.keys()].filter((i) => lattice.wanted[i] === 1));
  });
});

describe('the fit', () => {
  const plan = planWindows(18, 1.4, 9.2, 4);
  const used = (noise: number): DecayShells => ({
    squaredFrequency: plan.squaredFrequency,
    counts: plan.counts,
    logUnit: plan.counts.map((_, r) => -0.1 * r),
    noise: plan.counts.map(() => noise),
    speckle: 1,
    halves: true,
  });
  const power = (b: number): Float64Array =>
    plan.counts.map((n, r) => n * Math.exp(3 - 0.1 * r - (b * plan.squaredFrequency[r]) / 2));

  it.each([-20, 60, 150, 400])('finds B = %d A^2 from exact power, wherever it starts', (b) => {
    for (const start of [20, 300]) expect(fitDecay(power(b), used(0.01), start)?.bFactor).toBeCloseTo(b, 1);
  });

  it('is not led astray by noise that makes shells negative', () => {
    const random = createRandom(3);
    // Cross power of noise in a shell of n coefficients of which one in six is independent: variance 6 n / 2.
    const noise = 1.2;
    const found: number[] = [];
    let negative = 0;
    for (let trial = 0; trial < 400; trial++) {
      const sums = power(150).map(
        (value, r) => value + noise * Math.sqrt(3 * plan.counts[r]) * random.gaussian(),
      );
      if (sums.some((value) => value < 0)) negative++;
      const fit = fitDecay(sums, used(noise), 100);
      if (fit !== undefined) found.push(fit.bFactor);
    }
    expect(negative).toBeGreaterThan(40);
    expect(found.length).toBeGreaterThan(390);
    // The spread of single fits is 17 A^2, that of the mean of 400 below 1 A^2.
    expect(Math.abs(meanOf(found) / 150 - 1)).toBeLessThan(0.03);
  });

  it('gives up where there is no signal', () => {
    expect(
      fitDecay(
        power(100).map((v) => -v),
        used(0.1),
        100,
      ),
    ).toBeUndefined();
  });
});

describe('local B factors', () => {
  const engine = createCpuEngine({ threads: 2 });
  afterAll(async () => (await engine).dispose());
  const cutoffs = { wilsonCutoff: 9.5, fscCutoff: 4 };

  it.each([
    { seed: 7, overallB: 90 },
    { seed: 12, overallB: 60 },
  ])('of half maps of synthetic set %o: r >= 0.9, bias <= 10 %', async ({ seed, overallB }) => {
    const data = smallDataset({ seed, overallB });
    const { grid } = data.truth;
    const atoms = atomSetOf(data.atoms);
    const truth = averageBFactors({ ...atoms, bFactors: atoms.bFactors.map((b) => b + overallB) });
    const on = await engine;
    const unit = await on.simulateMap({ ...atoms, bFactors: new Float64Array(atoms.count) }, grid);
    const unitMap = await on.download(unit);
    const halves = { half1: data.half1.data, half2: data.half2.data };
    const field = measureLocalB(
      { data: halves, unitMap, mask: data.mask.data },
      grid,
      { positions: atoms.positions, insideMask: true },
      cutoffs,
    );
    const found = bFactorsAt(field, grid, atoms.positions);
    const smooth = averageOverNeighbours(atoms.positions, found, 25);
    expect(pearson(smooth, truth)).toBeGreaterThan(0.9);
    expect(Math.abs(meanOf(smooth) / meanOf(truth) - 1)).toBeLessThan(0.1);
    // The same numbers in voxels.
    const map = bFactorMap(field, grid, data.mask.data);
    expect(map.every((b, i) => (data.mask.data[i] > 0.5 ? b >= 0 && b <= 500 : b === 0))).toBe(true);
    on.release(unit);
  });

  it('of one map, without the atoms: noise from outside the mask, decay of an average protein', () => {
    const data = smallDataset();
    const { grid } = data.truth;
    const atoms = atomSetOf(data.atoms);
    const truth = averageBFactors({ ...atoms, bFactors: atoms.bFactors.map((b) => b + 90) });
    const map = data.half1.data.map((value, i) => (value + data.half2.data[i]) / 2);
    const smooth = (mask?: Float32Array): Float64Array => {
      const maps = mask === undefined ? { data: { map } } : { data: { map }, mask };
      const field = measureLocalB(maps, grid, { positions: atoms.positions }, cutoffs);
      return averageOverNeighbours(atoms.positions, bFactorsAt(field, grid, atoms.positions), 25);
    };
    const corrected = smooth(data.mask.data);
    expect(pearson(corrected, truth)).toBeGreaterThan(0.9);
    // Noise that is not taken away looks like power that does not fall off.
    expect(meanOf(smooth())).toBeLessThan(meanOf(corrected));
  });

  it('do not depend on the scale of the maps', () => {
    const data = smallDataset();
    const { grid } = data.truth;
    const { positions } = atomSetOf(data.atoms);
    const at = (scale: number): Float64Array => {
      const [half1, half2] = [data.half1, data.half2].map((half) => half.data.map((v) => scale * v));
      return bFactorsAt(
        measureLocalB({ data: { half1, half2 } }, grid, { positions }, cutoffs),
        grid,
        positions,
      );
    };
    // The scale is a power of two, which changes no digit; the fit stops within 0.01 A^2.
    expect(relativeL2(at(256), at(1))).toBeLessThan(1e-4);
  });

  it('need shells to fit, and a map with signal', () => {
    const data = smallDataset();
    const { grid } = data.truth;
    const { positions } = atomSetOf(data.atoms);
    const measure = (map: Float32Array, fscCutoff: number, windowVoxels?: number) =>
      measureLocalB(
        { data: { map } },
        grid,
        { positions },
        { wilsonCutoff: 9.5, fscCutoff, ...(windowVoxels === undefined ? {} : { windowVoxels }) },
      );
    expect(() => measure(data.truth.data, 9.4, 12)).toThrow(/too few shells/);
    // The window that suits this resolution has them.
    expect(measure(data.truth.data, 9.4).overall).toBeGreaterThan(0);
    expect(() => measure(new Float32Array(60 ** 3), 4)).toThrow(/no signal/);
  });
});
