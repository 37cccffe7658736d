/** FSC within a mask, agreement with a model, global sharpening: on every engine, with known answers. */
import { expect, it } from 'vitest';
import type { Engine, Volume } from '../../src/engine/engine.ts';
import { atomSetOf } from '../../src/math/atoms/atom-set.ts';
import { qScores } from '../../src/math/atoms/q-score.ts';
import { tabulateTransfer } from '../../src/math/fourier/radial-transfer.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import {
  mapModelCorrelation,
  mapModelFsc,
  measureMaskedFsc,
  measureQScores,
  sharpenGlobally,
  softenMask,
} from '../../src/pipeline/map-measures.ts';
import { relativeL2 } from '../support/compare.ts';
import { directFsc, randomisePhasesDirectly } from '../support/direct-random-phases.ts';
import { describeEngines } from '../support/engines.ts';
import { noiseVolume } from '../support/random-volume.ts';
import { referenceFft3d, referenceShellSums } from '../support/reference-fft.ts';

const SHAPE: Shape = [40, 40, 40];
const VOXEL = 1.5;

const upload = (engine: Engine, data: Float32Array): Promise<Volume> => engine.upload(data, SHAPE);

function ball(radius: number): Float32Array {
  const mask = new Float32Array(voxelCount(SHAPE));
  for (let z = 0, i = 0; z < SHAPE[0]; z++)
    for (let y = 0; y < SHAPE[1]; y++)
      for (let x = 0; x < SHAPE[2]; x++, i++) if (Math.hypot(z - 20, y - 20, x - 20) < radius) mask[i] = 1;
  return mask;
}

/** White noise times a function of the frequency (1/A), inside a ball or everywhere. */
async function shaped(
  engine: Engine,
  seed: number,
  g: (f: number) => number,
  where: Float32Array = ball(12),
): Promise<Float32Array> {
  const white = await upload(engine, noiseVolume(SHAPE, seed));
  const filtered = await engine.radialFilter(
    white,
    tabulateTransfer((f) => g(f / VOXEL)),
  );
  const voxels = (await engine.download(filtered)).map((v, i) => v * where[i]);
  engine.release(white, filtered);
  return voxels;
}

describeEngines('measures of maps', (engine) => {
  it('a tight mask correlates shells of noise; the correction takes that away', async () => {
    const on = await engine();
    // Strong signal up to 1/7 1/A, everywhere: a particle of its own would have an edge with all frequencies.
    const everywhere = ball(100);
    const signal = await shaped(on, 1, (f) => (f < 1 / 7 ? 30 : 0), everywhere);
    const half = (seed: number) =>
      upload(
        on,
        noiseVolume(SHAPE, seed).map((v, i) => 3 * v + signal[i]),
      );
    const halves = [await half(2), await half(3)] as const;
    const mask = await upload(on, ball(12));
    const { frequency, unmasked, masked, corrected, randomisedFrom, resolution } = await measureMaskedFsc(
      on,
      halves,
      mask,
      VOXEL,
    );
    const beyond = frequency.map((f, r) => ({ f, r })).filter(({ f }) => f > 0.2 && f < 0.3);
    const mean = (curve: readonly number[]) =>
      beyond.reduce((sum, { r }) => sum + curve[r], 0) / beyond.length;
    expect(mean(masked)).toBeGreaterThan(mean(corrected) + 0.02);
    expect(Math.abs(mean(corrected))).toBeLessThan(0.08);
    expect(randomisedFrom).toBeGreaterThan(0.08);
    // The two shells of the transition are left as they are.
    expect(resolution).toBeGreaterThan(1 / (1 / 7 + 3 / (40 * VOXEL)));
    expect(resolution).toBeLessThan(8);
    expect(unmasked[2]).toBeGreaterThan(0.9);
    on.release(...halves, mask);
  });

  it('a mask hides the noise of the solvent: the FSC within it reaches further', async () => {
    const on = await engine();
    const signal = await shaped(on, 1, (f) => Math.exp(-40 * f * f));
    const half = (seed: number) =>
      upload(
        on,
        noiseVolume(SHAPE, seed).map((v, i) => 0.3 * v + signal[i]),
      );
    const halves = [await half(2), await half(3)] as const;
    const hard = await upload(on, ball(13));
    const mask = await softenMask(on, hard, VOXEL, 5);
    const fsc = await measureMaskedFsc(on, halves, mask, VOXEL);
    const first = fsc.unmasked.findIndex((v, r) => r > 2 && v < 0.143);
    expect(fsc.resolution!).toBeLessThan(1 / fsc.frequency[first] - 0.3);
    const values = await on.download(mask);
    expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
    on.release(...halves, hard, mask);
  });

  it('shells around whole radii hold what rounds to them, in boxes of any shape', async () => {
    const on = await engine();
    for (const shape of [
      [18, 18, 18],
      [15, 14, 17],
    ] as Shape[]) {
      const data = [5, 6].map((seed) => noiseVolume(shape, seed));
      const [a, b] = [await on.upload(data[0].slice(), shape), await on.upload(data[1].slice(), shape)];
      const found = await on.shellSpectra(a, b, 'nearest');
      const [one, other] = data.map((voxels) => referenceFft3d(voxels, undefined, shape));
      const expected = referenceShellSums(one, other, shape, 'half', 'nearest');
      expect(found.counts).toEqual(expected.counts);
      for (const key of ['cross', 'powerA', 'powerB'] as const)
        expect(relativeL2(found[key], expected[key])).toBeLessThan(1e-5);
      on.release(a, b);
    }
  });

  it('random phases equal the float64 ones (1e-6); the power of every shell stays', async () => {
    const on = await engine();
    for (const shape of [
      [18, 20, 16],
      [15, 14, 17],
    ] as Shape[]) {
      const data = noiseVolume(shape, 4);
      const volume = await on.upload(data.slice(), shape);
      const phases = { from: 4 / Math.min(...shape), seed: 11 };
      const turned = await on.randomisePhases(volume, phases);
      const expected = randomisePhasesDirectly(data, shape, phases);
      expect(relativeL2(await on.download(turned), expected)).toBeLessThan(1e-6);
      const { cross, powerA, powerB } = await on.shellSpectra(volume, turned);
      powerA.forEach((power, r) => {
        expect(Math.abs(powerB[r] / power - 1)).toBeLessThan(1e-5);
      });
      expect(cross[3] / powerA[3]).toBeCloseTo(1, 5);
      expect(cross.slice(5).reduce((sum, value) => sum + value, 0)).toBeLessThan(
        0.2 * powerA.slice(5).reduce((sum, value) => sum + value, 0),
      );
      on.release(volume, turned);
    }
  });

  it('halves with nothing in common but their mean: the mask alone correlates them, and is taken away', async () => {
    const on = await engine();
    const edge = SHAPE[0];
    const inside = ball(13);
    const data = [2, 3].map((seed) => noiseVolume(SHAPE, seed).map((v) => v + 1));
    const halves = [await upload(on, data[0].slice()), await upload(on, data[1].slice())] as const;
    const mask = await upload(on, inside.slice());
    const fsc = await measureMaskedFsc(on, halves, mask, VOXEL);
    const mean = (curve: readonly number[]) => {
      const beyond = curve.slice(4);
      return beyond.reduce((sum, value) => sum + value, 0) / beyond.length;
    };
    expect(mean(fsc.masked)).toBeGreaterThan(0.15);
    expect(Math.abs(mean(fsc.corrected))).toBeLessThan(0.08);
    // By definition, in float64.
    const times = (voxels: ArrayLike<number>) => Float64Array.from(voxels, (v, i) => v * inside[i]);
    const [one, other] = data;
    const total = directFsc(times(one), times(other), SHAPE);
    const from = directFsc(one, other, SHAPE).findIndex((value) => value < 0.8);
    const [turnedOne, turnedOther] = data.map((half, i) =>
      times(randomisePhasesDirectly(half, SHAPE, { from: (from - 0.5) / edge, seed: 2 + i })),
    );
    const noise = directFsc(turnedOne, turnedOther, SHAPE);
    fsc.corrected.forEach((value, r) => {
      const expected = r < from + 2 ? total[r] : (total[r] - noise[r]) / (1 - noise[r]);
      expect(Math.abs(value - expected)).toBeLessThan(1e-5);
    });
    on.release(...halves, mask);
  });

  it('the same seed gives the same curve; equal maps correlate fully', async () => {
    const on = await engine();
    const signal = await shaped(on, 5, (f) => Math.exp(-50 * f * f));
    const half = (seed: number) =>
      upload(
        on,
        noiseVolume(SHAPE, seed).map((v, i) => 0.2 * v + signal[i]),
      );
    const halves = [await half(6), await half(7)] as const;
    const mask = await upload(on, ball(14));
    expect(await measureMaskedFsc(on, halves, mask, VOXEL)).toEqual(
      await measureMaskedFsc(on, halves, mask, VOXEL),
    );
    expect(await mapModelCorrelation(on, halves[0], halves[0], mask)).toBeCloseTo(1, 12);
    const { correlation, resolution } = await mapModelFsc(on, halves[0], halves[0], VOXEL, mask);
    expect(correlation.every((v) => Math.abs(v - 1) < 1e-5)).toBe(true);
    expect(resolution).toBeUndefined();
    const truth = await upload(on, signal);
    const inside = await mapModelCorrelation(on, halves[0], truth, mask);
    expect(inside).toBeGreaterThan(await mapModelCorrelation(on, halves[0], truth));
    expect((await mapModelFsc(on, halves[0], truth, VOXEL)).resolution).toBeGreaterThan(2 * VOXEL);
    on.release(...halves, mask, truth);
  });

  it('finds the B factor of a map (3 %) and takes it away', async () => {
    const on = await engine();
    const white = await upload(on, noiseVolume(SHAPE, 9));
    const blurred = await on.radialFilter(
      white,
      tabulateTransfer((f) => Math.exp((-120 * (f / VOXEL) ** 2) / 4)),
    );
    const { fit, bFactor, sharpened } = await sharpenGlobally(on, blurred, VOXEL, { resolution: 3.2 });
    expect(Math.abs(fit!.bFactor / 120 - 1)).toBeLessThan(0.03);
    expect(bFactor).toBe(-fit!.bFactor);
    const again = await sharpenGlobally(on, sharpened, VOXEL, { resolution: 4 });
    expect(Math.abs(again.fit!.bFactor)).toBeLessThan(8);
    const given = await sharpenGlobally(on, blurred, VOXEL, { resolution: 3.2, bFactor: 0 });
    expect(given.fit).toBeUndefined();
    on.release(white, blurred, sharpened, again.sharpened, given.sharpened);
  });

  it('Q-scores of a simulated map are those of its voxels, in the order of the atoms; hydrogens have none', async () => {
    const on = await engine();
    const grid = { shape: SHAPE, voxelSize: [0.8, 0.8, 0.8], origin: [4, 0, -3] } as const;
    const place = (i: number) => 8 + 1.6 * i;
    const atoms = [...Array(8).keys()].map((i) => ({
      ...{ element: i === 3 ? 'H' : 'C', x: place(i) - 3, y: 16 + (i % 2), z: 20, bFactor: 30, occupancy: 1 },
      ...{ chain: 'A', residueNumber: i, residueName: 'ALA', atomName: 'CA', altloc: '', insertionCode: '' },
      ...{ model: 1, charge: 0, hetero: false, serial: i },
    }));
    const heavy = atoms.filter(({ element }) => element !== 'H');
    const map = await on.simulateMap(atomSetOf(heavy), grid);
    const scores = await measureQScores(on, map, grid, { id: 'x', title: '', atoms, notes: [] });
    expect([...scores.keys()].filter((i) => Number.isNaN(scores[i]))).toEqual([3]);
    const direct = qScores(
      await on.download(map),
      grid,
      atomSetOf(heavy).positions,
      await on.statistics(map),
    );
    expect([...scores].filter((score) => !Number.isNaN(score))).toEqual([...direct]);
    expect(Math.min(...direct)).toBeGreaterThan(0.7);
    on.release(map);
  });
});
