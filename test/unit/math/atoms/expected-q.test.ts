/** The mean Q-score of published models, and that of simulated maps of a known resolution. */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../../src/cpu-fallback/index.ts';
import { atomSetOf } from '../../../../src/math/atoms/atom-set.ts';
import { expectedQ } from '../../../../src/math/atoms/expected-q.ts';
import { qScores } from '../../../../src/math/atoms/q-score.ts';
import { tabulateTransfer } from '../../../../src/math/fourier/radial-transfer.ts';
import type { Grid } from '../../../../src/math/grid.ts';
import { moleculeRegion } from '../../../../src/math/masks/molecule.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { buildIdealStructure } from '../../../../src/synthetic/ideal-structure.ts';

const engine = await createCpuEngine({ threads: 1 });
afterAll(() => engine.dispose());

describe('the expected Q-score', () => {
  it('is that of MapQ', () => {
    // As MapQ 1.9.8 prints them for a map of 3.9 A.
    expect(expectedQ('protein', 3.9)).toBeCloseTo(0.42695, 5);
    expect(expectedQ('nucleic', 3.9)).toBeCloseTo(0.46027, 5);
    expect(expectedQ('protein', 0.5)).toBeUndefined();
    expect(expectedQ('protein', 9)).toBeUndefined();
  });

  it('falls with the resolution as the mean of simulated maps does (0.1)', async () => {
    const n = 72;
    const grid: Grid = { shape: [n, n, n], voxelSize: [1, 1, 1], origin: [0, 0, 0] };
    const { atoms } = buildIdealStructure({ seed: 2, symmetry: 'C1', centre: [n / 2, n / 2, n / 2] });
    const set = atomSetOf(atoms);
    const share = moleculeRegion(set, grid).reduce((sum, v) => sum + v, 0) / n ** 3;
    /** Unsharpened maps decay the faster the coarser they are; noise reaches their signal at d. */
    const meanQ = async (d: number): Promise<number> => {
      const map = await engine.simulateMap({ ...set, bFactors: set.bFactors.map(() => 20 * d * d) }, grid);
      const { powerA, counts } = await engine.shellSpectra(map, map, 'nearest');
      const shell = Math.round(n / d);
      // Half maps would correlate by 0.143 within the molecule: signal over noise of their mean is a third.
      const power = powerA[shell] / counts[shell] / ((2 * 0.143) / (1 - 0.143)) / share;
      const random = createRandom(5);
      const sd = Math.sqrt(power / n ** 3);
      const data = (await engine.download(map)).map((v) => v + sd * random.gaussian());
      const noisy = await engine.upload(data, grid.shape);
      const ended = await engine.radialFilter(
        noisy,
        tabulateTransfer((f) => (f <= 1 / d ? 1 : 0)),
      );
      const q = qScores(await engine.download(ended), grid, set.positions, await engine.statistics(ended));
      engine.release(map, noisy, ended);
      return q.reduce((sum, v) => sum + v, 0) / q.length;
    };
    const resolutions = [2.2, 2.6, 3, 3.5, 4, 5];
    const found: number[] = [];
    for (const d of resolutions) found.push(await meanQ(d));
    found.forEach((q, i) => {
      // Published models scatter by as much around the line.
      expect(Math.abs(q - (expectedQ('protein', resolutions[i]) as number))).toBeLessThan(0.1);
      if (i > 0) expect(q).toBeLessThan(found[i - 1] - 0.03);
    });
  });
});
