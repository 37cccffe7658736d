/** The whole TRPV1 volume through every engine against the outputs of the original program. */
import { expect, it } from 'vitest';
import type { Volume } from '../../src/engine/engine.ts';
import { localScaling } from '../../src/engine/jobs.ts';
import { fourierShellCorrelation } from '../../src/math/fourier/fsc.ts';
import { tanhLowPass } from '../../src/math/fourier/radial-transfer.ts';
import type {
  ReferenceProfileRule,
  ScalingRule,
  TheoreticalProfileRule,
} from '../../src/math/scaling/scaling-rules.ts';
import { maxDifference, relativeL2 } from '../support/compare.ts';
import { describeEngines } from '../support/engines.ts';
import { readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { usesHardware } from '../support/software-gpu.ts';

interface Expected {
  voxel_size: number;
  window: number;
  fsc: number[];
  fsc_freq: number[];
  fsc_resolution: number;
  wilson_cutoff: number;
  nyquist_cutoff: number;
  boost_secondary_structure: number;
  set_local_bfactor: number;
  theoretical_profile: { amplitude: number[] };
  mask_voxels: number;
  fdr_5A: { noise_mean: number; noise_variance: number; voxels_at_0p99: number };
}

const folder = ['golden', 'trpv1-c4'] as const;
const golden = (name: string): Float32Array => readGoldenMap(...folder, `${name}.mrc`).data;

describeWithSharedData('golden/trpv1-c4', () => {
  const expected = (): Expected => readGoldenJson<Expected>(...folder, 'expected.json');
  const shape = [96, 96, 96] as const;

  describeEngines('whole maps against the original', (engine) => {
    const upload = async (name: string): Promise<Volume> => (await engine()).upload(golden(name), shape);
    const fullMap = async (): Promise<Volume> =>
      (await engine()).average(await upload('half1'), await upload('half2'));

    it('FSC curve (1e-6) and resolution', async () => {
      const { fsc, fsc_freq, fsc_resolution, voxel_size } = expected();
      const spectra = await (await engine()).shellSpectra(await upload('half1'), await upload('half2'));
      const curve = fourierShellCorrelation(spectra, voxel_size);
      expect(maxDifference(curve.correlation, fsc)).toBeLessThan(1e-6);
      expect(maxDifference(curve.frequency, fsc_freq)).toBeLessThan(1e-12);
      // The original rounds to 0.1 A.
      expect(Math.abs(curve.resolution! - fsc_resolution)).toBeLessThan(0.05);
    });

    it('low-pass (1e-6), confidence (1e-5) and its voxels at 0.99 (0.1 %)', async () => {
      const on = await engine();
      const { fdr_5A, voxel_size } = expected();
      const filtered = await on.radialFilter(await fullMap(), tanhLowPass(5, voxel_size));
      expect(relativeL2(await on.download(filtered), golden('expected_lowpass_5A'))).toBeLessThan(1e-6);
      const noise = { mean: fdr_5A.noise_mean, variance: fdr_5A.noise_variance };
      const confidence = await on.confidenceMap(filtered, noise);
      expect(maxDifference(await on.download(confidence), golden('expected_confidence_5A'))).toBeLessThan(
        1e-5,
      );
      const { voxels } = await on.binarise(confidence, 0.99);
      expect(Math.abs(voxels / fdr_5A.voxels_at_0p99 - 1)).toBeLessThan(1e-3);
    });

    // float32 engines reach 2.4e-7; 1e-5 would still be an honest result.
    it.each(['model_map', 'pseudomodel', 'no_reference', 'hybrid'] as const)('%s (1e-6)', async (mode) => {
      const on = await engine();
      const settings = expected();
      // A software GPU takes minutes for 129,964 voxels: one corner of the mask there, all of it elsewhere.
      const mask = on.name === 'gpu' && !usesHardware ? cornerOf(golden('mask')) : golden('mask');
      const relativeTo = async (volume: Volume, name: string): Promise<number> =>
        relativeL2(await on.download(volume), golden(name), mask);
      const result = await localScaling(on, {
        map: await fullMap(),
        mask: await on.upload(mask.slice(), shape),
        ...(mode === 'no_reference' ? {} : { reference: await upload('reference') }),
        ...(mode === 'hybrid' ? { differenceMask: await upload('difference_mask') } : {}),
        windowVoxels: settings.window,
        profileKind: 'octant',
        rule: rulesOf(settings)[mode],
        padValues: { map: 0, reference: 0 },
        measureBFactors: mode === 'pseudomodel',
      });
      expect(await relativeTo(result.scaled, `expected_${mode}`)).toBeLessThan(1e-6);
      if (mode !== 'pseudomodel') return;
      expect(await relativeTo(result.bFactor!, 'expected_pseudomodel_bfactor')).toBeLessThan(1e-6);
      expect(await relativeTo(result.quality!, 'expected_pseudomodel_qfit')).toBeLessThan(1e-6);
    });
  });
});

/** The mask inside a box of 16 voxels near the middle of the particle. */
function cornerOf(mask: Float32Array): Float32Array {
  const inside = (k: number): boolean => k >= 32 && k < 48;
  return mask.map((value, i) =>
    inside(Math.floor(i / 9216)) && inside(Math.floor(i / 96) % 96) && inside(i % 96) ? value : 0,
  );
}

function rulesOf(
  settings: Expected,
): Record<'model_map' | 'pseudomodel' | 'no_reference' | 'hybrid', ScalingRule> {
  const voxelSize = settings.voxel_size;
  const fscCutoff = settings.fsc_resolution;
  const plain: ReferenceProfileRule = { kind: 'reference-profile', voxelSize, wilsonCutoff: 10, fscCutoff };
  const theoretical: TheoreticalProfileRule = {
    kind: 'theoretical-profile',
    voxelSize,
    fscCutoff,
    wilsonCutoff: settings.wilson_cutoff,
    nyquistCutoff: settings.nyquist_cutoff,
    boost: settings.boost_secondary_structure,
    theoreticalProfile: settings.theoretical_profile.amplitude,
  };
  return {
    model_map: plain,
    pseudomodel: theoretical,
    no_reference: {
      kind: 'no-reference',
      voxelSize,
      fscCutoff,
      wilsonCutoff: settings.wilson_cutoff,
      setLocalBFactor: settings.set_local_bfactor,
    },
    hybrid: { kind: 'hybrid', inside: theoretical, outside: plain },
  };
}
