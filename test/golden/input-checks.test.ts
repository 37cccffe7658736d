/**
 * The checks for filtered and masked input on real maps; thresholds of src/math were set with these figures.
 */
import { expect, it } from 'vitest';
import { filteredMapWarning, maskedMapWarning } from '../../src/math/inputs/input-checks.ts';
import {
  defaultNoiseBoxes,
  defaultNoiseBoxSize,
  noiseBoxWarning,
  noiseEstimate,
} from '../../src/math/statistics/confidence.ts';
import { readGoldenMap } from '../support/read-golden.ts';
import { referenceFft3d, referenceShellSums } from '../support/reference-fft.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

function check(...path: string[]) {
  const { data, shape, voxelSize } = readGoldenMap(...path);
  const spectrum = referenceFft3d(data, undefined, shape);
  const sums = referenceShellSums(spectrum, spectrum, shape, 'full');
  const power = sums.powerA.map((value, r) => value / sums.counts[r]);
  const zeros = data.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  const sd = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
  const noise = noiseEstimate(data, shape, defaultNoiseBoxes(shape, defaultNoiseBoxSize(shape)));
  return {
    filtered: filteredMapWarning(power, voxelSize),
    masked: maskedMapWarning(zeros, data.length),
    noise: noiseBoxWarning(noise, sd),
  };
}

describeWithSharedData('input checks on real maps', () => {
  // Largest fall of power within a tenth of the shells, between 0.1 and 0.9 Nyquist, in powers of ten:
  // half maps 1.2, beta-galactosidase 1.2; EMD-3186 16, a tanh low-pass at 5 A 4.4. Warned of from 2.5.
  it.each(['half1.mrc', 'half2.mrc'])('unfiltered half maps pass: %s', (name) => {
    expect(check('golden', 'trpv1-c4', name)).toEqual({
      filtered: undefined,
      masked: undefined,
      noise: undefined,
    });
  });

  it('a map with noise in the whole box passes', () => {
    expect(check('maps', 'relion_betagal', 'betaGal.mrc')).toEqual({
      filtered: undefined,
      masked: undefined,
      noise: undefined,
    });
  });

  it('the half maps low-passed at 5 A are recognised', () => {
    const { filtered, masked } = check('golden', 'trpv1-c4', 'expected_lowpass_5A.mrc');
    expect(filtered).toMatch(/about (4\.[5-9]|5\.\d) A/);
    expect(masked).toBeUndefined();
  });

  it('EMD-3186 was filtered at its resolution, 7.9 A, and has plain solvent noise', () => {
    const { filtered, masked, noise } = check('maps', 'emd_3186_5fj6', 'emd_3186.map');
    expect(filtered).toMatch(/about (7\.\d|8\.\d) A/);
    expect([masked, noise]).toEqual([undefined, undefined]);
  });

  it('EMD-32143 was soft-masked: no exact zeros, but next to nothing in the noise boxes', () => {
    const { filtered, masked, noise } = check('maps', 'emd_32143_gpcr_gs', 'emd_32143_resampled100.map');
    expect([filtered, masked]).toEqual([undefined, undefined]);
    expect(noise).toContain('almost nothing');
  });

  it('EMD-3240 (77 % zeros) and EMD-0093 (98 % zeros) were hard-masked', () => {
    const gammaSecretase = check('maps', 'emd_3240_5fn5', '5fn5_box.ccp4');
    expect(gammaSecretase.masked).toContain('76 %');
    expect(gammaSecretase.noise).toContain('variance 0');
    // The transform of 220^3 is left out: the zeros alone tell.
    const { data } = readGoldenMap('maps', 'emd_0093_hcn4', 'emd_0093_masked4A.mrc.gz');
    const zeros = data.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
    expect(maskedMapWarning(zeros, data.length)).toContain('98 %');
  });
});
