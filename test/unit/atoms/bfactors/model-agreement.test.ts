/** How far map and model agree, what is signal, and the grid that B factors are refined on. */
import { describe, expect, it, vi } from 'vitest';
import { agreementOf } from '../../../../src/atoms/bfactors/model-agreement.ts';
import { coarserGrid, onCoarserGrid } from '../../../../src/atoms/bfactors/refine-grid.ts';
import { signalOfHalves, signalOfModel } from '../../../../src/atoms/bfactors/refine-weights.ts';
import { createCpuEngine } from '../../../../src/cpu-fallback/index.ts';
import type { ShellSpectra } from '../../../../src/engine/engine.ts';
import { noiseVolume } from '../../../support/random-volume.ts';

/** Spectra with a given FSC; powers that differ from shell to shell and from map to model. */
function spectraWith(fsc: readonly number[]): ShellSpectra {
  const powerA = Float64Array.from(fsc, (_, r) => 100 / (1 + r));
  const powerB = Float64Array.from(fsc, (_, r) => 7 / (1 + r * r));
  const cross = Float64Array.from(fsc, (value, r) => value * Math.sqrt(powerA[r] * powerB[r]));
  return { cross, powerA, powerB, counts: new Float64Array(fsc.length).fill(10) };
}

describe('agreement of map and model', () => {
  // Shells of 1/100 A from 0.005/A on: 15 A lies between shells 6 and 7.
  const falling = (slope: number) => Array.from({ length: 40 }, (_, r) => 0.9 - slope * Math.max(0, r - 8));

  it('ends where the curve falls through 0.5 and 0.2', () => {
    const found = agreementOf(spectraWith(falling(0.05)), 100);
    // 0.9 - 0.05 (r - 8) is 0.5 at r = 16 and 0.2 at r = 22; the frequency of shell r is (r + 0.5) / 100.
    expect(found?.reliable).toBeCloseTo(100 / 16.5, 6);
    expect(found?.end).toBeCloseTo(100 / 22.5, 6);
  });

  it('a dip below 15 A, of solvent that the model lacks, does not end it', () => {
    const dip = falling(0.05).map((value, r) => (r === 3 ? 0.1 : value));
    expect(agreementOf(spectraWith(dip), 100)?.reliable).toBeCloseTo(100 / 16.5, 6);
  });

  it('is not known where there is none at 15 A, or where it reaches to the grid', () => {
    expect(agreementOf(spectraWith(new Array(40).fill(0.3)), 100)).toBeUndefined();
    expect(agreementOf(spectraWith(new Array(40).fill(0.8)), 100)).toBeUndefined();
  });

  it('ends with the grid where the curve stays above 0.2', () => {
    const found = agreementOf(spectraWith(falling(0.05).map((v) => Math.max(v, 0.3))), 100);
    expect(found?.end).toBeCloseTo(100 / 39.5, 6);
  });
});

it('signal: 2 FSC / (1 + FSC) of half maps, FSC^2 with a model; none where the FSC is negative', () => {
  const spectra = spectraWith([1, 0.5, 0.143, -0.2]);
  const halves = signalOfHalves(spectra);
  const model = signalOfModel(spectra);
  [1, 2 / 3, 0.2502, 0].forEach((value, r) => {
    expect(halves[r]).toBeCloseTo(value, 4);
  });
  [1, 0.25, 0.02045, 0].forEach((value, r) => {
    expect(model[r]).toBeCloseTo(value, 4);
  });
});

describe('the grid of a refinement', () => {
  const grid = { shape: [100, 100, 100], voxelSize: [1, 1, 1], origin: [5, 6, 7] } as const;

  it('is as coarse as the resolution allows, with lengths that transform fast, in the same box', () => {
    const coarse = coarserGrid(grid, 4);
    // 0.4 of 4 A: 62.5 voxels at least, and 64 = 2^6.
    expect(coarse?.shape).toEqual([64, 64, 64]);
    expect(coarse?.voxelSize[2]).toBeCloseTo(100 / 64, 12);
    expect(coarse?.origin).toEqual(grid.origin);
  });

  it('stays where little is to be gained, or voxels would not stay cubes', () => {
    expect(coarserGrid(grid, 2.7)).toBeUndefined();
    expect(coarserGrid({ ...grid, shape: [100, 90, 100] }, 4)).toBeUndefined();
  });

  it('its volumes are released, of success and failure', async () => {
    const engine = await createCpuEngine({ threads: 1 });
    const shape = [20, 20, 20] as const;
    const map = await engine.upload(noiseVolume(shape, 1), shape);
    const maps = { grid: { ...grid, shape }, map, halves: [map, map] } as const;
    const release = vi.spyOn(engine, 'release');
    const released = (): number => release.mock.calls.flat().length;
    const shapes = await onCoarserGrid(engine, maps, 5, async (coarse) =>
      [coarse.map, ...(coarse.halves ?? [])].map((volume) => volume.shape[0]),
    );
    expect(shapes).toEqual([10, 10, 10]);
    expect(released()).toBe(3);
    await expect(onCoarserGrid(engine, maps, 5, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(released()).toBe(6);
    await engine.dispose();
  });
});
