/** The TRPV1 half maps through the program, files in and files out, against the outputs of the original. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { maxDifference, relativeL2 } from '../support/compare.ts';
import { readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';
import { runCli, runtimes, Workspace } from './run-cli.ts';

interface Expected {
  readonly fsc: number[];
  readonly fsc_freq: number[];
  readonly fsc_resolution: number;
  readonly window: number;
  readonly wilson_cutoff: number;
  readonly num_atoms_from_mask: number;
  readonly mask_voxels: number;
  readonly theoretical_profile: { readonly freq: number[]; readonly amplitude: number[] };
  readonly fdr_5A: { readonly noise_mean: number; readonly voxels_at_0p99: number };
}

/** Bound of every comparison with the original, which computes in float64 and stores float32. */
const TOLERANCE = 1e-5;
const folder = ['golden', 'trpv1-c4'] as const;
const file = (name: string): string => sharedPath(...folder, `${name}.mrc`);

describeWithSharedData('golden/trpv1-c4 through the command line', () => {
  const workspace = new Workspace();
  let expected: Expected;
  beforeAll(() => {
    expected = readGoldenJson(...folder, 'expected.json');
    const { freq, amplitude } = expected.theoretical_profile;
    writeFileSync(workspace.path('profile.json'), JSON.stringify({ frequency: freq, amplitude }));
  });
  afterAll(() => workspace.remove());

  const halfMaps = ['-hm', file('half1'), file('half2')];
  const masked = [...halfMaps, '-ma', file('mask'), '-np', '2'];
  const withReference = [...masked, '-mm', file('reference')];
  const profile = ['--theoretical_profile', 'profile.json'];
  // The original rounds the resolution to 0.1 A, and its cut-offs follow from the rounded value.
  const resolution = (): string[] => ['-res', String(expected.fsc_resolution)];
  const run = async (args: readonly string[], runtime: 'node' | 'deno' = 'node') => {
    const result = await runCli(workspace.folder, args, { runtime });
    expect([result.code, result.stderr]).toEqual([0, '']);
    return result;
  };
  const voxelsOf = (name: string): Float32Array =>
    new Float32Array(Uint8Array.from(readFileSync(workspace.path(name)).subarray(1024)).buffer);
  const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
  const expectEqual = (name: string, golden: string): void => {
    expect(relativeL2(voxelsOf(name), readGoldenMap(...folder, `${golden}.mrc`).data)).toBeLessThan(
      TOLERANCE,
    );
  };

  it.each(runtimes)('reference map, under %s', async (runtime) => {
    await run([...withReference, '-o', `model-${runtime}.mrc`], runtime);
    expectEqual(`model-${runtime}.mrc`, 'expected_model_map');
    const { numbers, fsc } = json(`model-${runtime}.json`);
    expect(numbers).toMatchObject({
      windowVoxels: expected.window,
      maskVoxels: expected.mask_voxels,
      atoms: expected.num_atoms_from_mask,
      fscCutoffSource: 'half-map FSC',
    });
    expect(numbers.wilsonCutoff).toBeCloseTo(expected.wilson_cutoff, 6);
    expect(Math.abs(fsc.resolution - expected.fsc_resolution)).toBeLessThanOrEqual(0.05);
  });

  it('no reference', async () => {
    await run([...masked, ...resolution(), '--no_reference', '-o', 'none.mrc']);
    expectEqual('none.mrc', 'expected_no_reference');
  });

  it('theoretical profile, with B factors and quality', async () => {
    await run([
      ...withReference,
      ...resolution(),
      ...profile,
      '--activate_pseudomodel',
      '--measure_bfactors',
      '-o',
      'pseudo.mrc',
    ]);
    expectEqual('pseudo.mrc', 'expected_pseudomodel');
    expectEqual('pseudo_bfactor.mrc', 'expected_pseudomodel_bfactor');
    expectEqual('pseudo_quality.mrc', 'expected_pseudomodel_qfit');
  });

  it('hybrid', async () => {
    const difference = ['--difference_mask', file('difference_mask')];
    await run([...withReference, ...resolution(), ...profile, ...difference, '-o', 'hybrid.mrc']);
    expectEqual('hybrid.mrc', 'expected_hybrid');
  });

  it('fsc', async () => {
    const result = await run(['fsc', file('half1'), file('half2'), '-o', 'curve.json']);
    const curve = json('curve.json');
    expect(maxDifference(curve.correlation, expected.fsc)).toBeLessThan(1e-6);
    // Frequencies are read through a float32 voxel size.
    expect(maxDifference(curve.frequency, expected.fsc_freq)).toBeLessThan(1e-7);
    expect(Math.abs(curve.resolution0143 - expected.fsc_resolution)).toBeLessThanOrEqual(0.05);
    expect(result.stdout).toContain(`Resolution at FSC = 0.143: ${curve.resolution0143.toFixed(2)} A`);
  });

  it('mask, low-passed at 5 A with noise boxes of its own', async () => {
    await run(['mask', ...halfMaps, '-fdr_f', '5', '-o', 'mask.mrc']);
    const target = readGoldenMap(...folder, 'expected_confidence_5A.mrc').data;
    // No ties are left out: adjusted values of neighbouring ranks are closer than the tolerance.
    expect(maxDifference(voxelsOf('mask_confidence.mrc'), target)).toBeLessThan(TOLERANCE);
    const { numbers } = json('mask.json');
    expect(numbers.noise.mean / expected.fdr_5A.noise_mean - 1).toBeCloseTo(0, 5);
    expect(Math.abs(numbers.maskVoxels / expected.fdr_5A.voxels_at_0p99 - 1)).toBeLessThan(1e-3);
    const mask = voxelsOf('mask.mrc');
    expect(mask.reduce((sum, value) => sum + value, 0)).toBe(numbers.maskVoxels);
  });
});
