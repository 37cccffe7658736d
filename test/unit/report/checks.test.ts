import { describe, expect, it } from 'vitest';
import type { FscCurve } from '../../../src/pipeline/types.ts';
import { runChecks } from '../../../src/report/checks.ts';
import { collectReportData } from '../../../src/report/collect.ts';
import type { ReportData } from '../../../src/report/report-data.ts';
import { sampleRecord, sampleRun, sampleShape } from './sample-run.ts';

const { fsc, numbers } = sampleRecord();
const reportData = await collectReportData(sampleRun());
const textsOf = (state: 'good' | 'look', change: Partial<ReportData> = {}, curve = fsc): string[] =>
  runChecks({ ...reportData, ...change }, curve, numbers)
    .filter((check) => check.state === state)
    .map(({ title, text }) => `${title}: ${text}`);

describe('what is found in the volumes', () => {
  it('places the sections at the centre of gravity and cuts to the mask', () => {
    expect(reportData.centre).toEqual([12, 10, 14]);
    expect(reportData.crop).toEqual({ start: [3, 1, 5], size: [19, 19, 19] });
    expect(reportData.maps.map(({ role }) => role)).toEqual(['input', 'reference', 'result']);
  });

  it('measures how much of a noise box lies in the mask', () => {
    expect(reportData.noiseBoxes.map(({ inMask }) => inMask)).toEqual([0, 1]);
  });

  it('samples local values over the mask, whose range is known here', () => {
    const { sorted } = reportData.local!;
    expect(sorted.length).toBe(reportData.mask.voxels);
    expect(sorted[0]).toBe(20);
    expect(sorted.at(-1)).toBeLessThanOrEqual(90);
  });

  it('gives the gain relative to its median', () => {
    const { sorted } = reportData.gain;
    expect(sorted[Math.floor(sorted.length / 2)]).toBeCloseTo(1, 6);
    expect(sorted[0]!).toBeGreaterThan(0);
    expect(sorted[0]!).toBeLessThan(sorted.at(-1)!);
  });

  it('does not let a speck in a corner decide what is shown', async () => {
    const mask = Float32Array.from(await sampleRun().mask());
    mask[0] = 1;
    const found = await collectReportData(sampleRun({ mask: async () => mask }));
    // The speck counts among the voxels that may stick out: one layer of the ball's poles no longer does.
    expect(found.crop).toEqual({ start: [2, 0, 4], size: [20, 20, 20] });
    expect(found.mask.onFaces).toBe(1);
  });
});

describe('the checks', () => {
  it('say what is good with its numbers', () => {
    expect(textsOf('good')).toContain(
      'Half-map FSC: Falls below 0.143 at 4.12 Å and ends at 0.00, as unmasked, independent half maps do.',
    );
  });

  it('quote why the mask is not the usual one', () => {
    const maskOrigin = {
      source: 'model',
      reason: 'The FDR mask is empty; another is the mask instead.',
    } as const;
    expect(runChecks(reportData, fsc, { ...numbers, maskOrigin })).toContainEqual({
      state: 'look',
      title: 'Origin of the mask',
      text: maskOrigin.reason,
    });
    const usual = runChecks(reportData, fsc, { ...numbers, maskOrigin: { source: 'FDR' } });
    expect(usual.map(({ title }) => title)).not.toContain('Origin of the mask');
  });

  it.each([
    ['an FSC that stays up', { correlation: [1, 0.9, 0.5, 0.45, 0.5] }, 'masked or filtered before'],
    [
      'an FSC that stays above to Nyquist',
      { verdict: { end: 'nyquist', resolution: 3.03, relation: 'independent' } },
      'limited by the voxel size, 3.03 Å',
    ],
    [
      'a mean among the half maps',
      { verdict: { end: 'nyquist', resolution: 3.03, relation: 'second is mean', noiseCorrelation: 0.71 } },
      'Half map 2 seems to be the mean of both half maps: it holds the noise of half map 1',
    ],
    [
      'half maps without common signal',
      {
        resolution: undefined,
        verdict: { end: 'no signal', resolution: undefined, relation: 'independent' },
      },
      'no signal in common',
    ],
    [
      'a filter and a rise',
      {
        verdict: {
          end: 'falls',
          resolution: 4.1,
          relation: 'independent',
          lowPass: 4.2,
          endsAtLowPass: true,
          rise: { correlation: 0.4, resolution: 3.2 },
        },
      },
      'rises again, to 0.40 at 3.20 Å',
    ],
  ])('notice %s', (_, change, words) => {
    expect(textsOf('look', {}, { ...fsc!, ...change } as FscCurve).join()).toContain(words);
  });

  it('notice that no half maps were given', () => {
    expect(runChecks(reportData, undefined, numbers)[0]!.text).toContain('No half maps were given');
  });

  it('notice noise boxes in the mask and noise that differs', () => {
    const texts = textsOf('look').join('\n');
    expect(texts).toContain('1 of 2 boxes reaches into the mask (up to 100 % of a box)');
    expect(texts).toContain('differs by a factor of 5.0');
    const [clean] = reportData.noiseBoxes;
    expect(textsOf('look', { noiseBoxes: [clean!] }).join()).not.toContain('boxes');
  });

  it('notice a mask that is too large or at the faces', () => {
    const mask = { ...reportData.mask, share: 0.7, onFaces: 12 };
    const texts = textsOf('look', { mask }).join('\n');
    expect(texts).toContain('takes 70 % of the box');
    expect(texts).toContain('12 voxels of the mask lie on the faces');
    expect(textsOf('look', { mask: { ...mask, share: 1e-4 } }).join()).toContain('only 0.01 %');
  });

  it('notice amplitudes that rise with resolution', async () => {
    const sharp = reportData.windows.frequency.map((f) => Math.exp(60 * f * f));
    const maps = reportData.maps.map((map) => ({ ...map, profiles: [sharp, sharp] }));
    expect(textsOf('look', { maps }).join()).toContain('amplitudes rise with frequency');
  });

  it('know the box', () => {
    expect(reportData.shape).toEqual(sampleShape);
  });
});
