/** RELION's postprocess.star of curves with known values. */
import { expect, it } from 'vitest';
import { encodePostprocessStar } from '../../../src/formats/fsc-star.ts';
import { correctForMask } from '../../../src/math/fourier/masked-fsc.ts';

const fsc = correctForMask(
  [0, 0.1, 0.2, 0.3, 0.4],
  [1, 0.9, 0.7, 0.2, 0.1],
  [1, 0.95, 0.8, 0.4, 0.1],
  [1, 0.9, 0.5, 0.2, 0.2],
);
const files = { half1: 'a.mrc', half2: 'my b.mrc' };

/** Blocks by name: pairs, or the columns of a loop. */
function parse(text: string): Record<string, Record<string, string | number[]>> {
  const blocks: Record<string, Record<string, string | number[]>> = {};
  for (const block of text.split(/^data_/m).slice(1)) {
    const [name, ...lines] = block.split('\n').map((line) => line.trim());
    if (lines.includes('loop_')) {
      const columns = lines.filter((line) => line.startsWith('_')).map((line) => line.split(' ')[0]);
      const rows = lines.filter((line) => /^[-\d]/.test(line)).map((line) => line.split(/\s+/).map(Number));
      blocks[name] = Object.fromEntries(columns.map((column, i) => [column, rows.map((row) => row[i])]));
    } else
      blocks[name] = Object.fromEntries(
        lines.filter((line) => line.startsWith('_')).map((line) => line.split(/\s+(.*)/).slice(0, 2)),
      );
  }
  return blocks;
}

it('has the resolution, the files and all curves', () => {
  const { general, fsc: curves, guinier } = parse(encodePostprocessStar({ ...files, mask: 'm.mrc', fsc }));
  expect(general).toMatchObject({
    _rlnUnfilteredMapHalf1: 'a.mrc',
    _rlnUnfilteredMapHalf2: '"my b.mrc"',
    _rlnMaskName: 'm.mrc',
  });
  // The last shell above 0.143; phases random from the first below 0.8.
  expect(Number(general._rlnFinalResolution)).toBeCloseTo(1 / 0.3, 5);
  expect(Number(general._rlnRandomiseFrom)).toBeCloseTo(5, 5);
  expect(curves._rlnAngstromResolution).toEqual([999, 10, 5, 3.333333, 2.5]);
  expect(curves._rlnFourierShellCorrelationUnmaskedMaps).toEqual([1, 0.9, 0.7, 0.2, 0.1]);
  expect(curves._rlnFourierShellCorrelationMaskedMaps).toEqual([1, 0.95, 0.8, 0.4, 0.1]);
  expect(curves._rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps).toEqual([
    1, 0.9, 0.5, 0.2, 0.2,
  ]);
  // Two shells of transition, then (0.1 - 0.2) / (1 - 0.2).
  expect(curves._rlnFourierShellCorrelationCorrected).toEqual([1, 0.95, 0.8, 0.4, -0.125]);
  expect(guinier).toBeUndefined();
});

it('has the Guinier plot where the map was sharpened', () => {
  const guinier = { frequency: [0.1, 0.2], original: [Math.E, 0], weighted: [1, 0], bFactor: -400 };
  const blocks = parse(encodePostprocessStar({ ...files, mask: '', fsc, guinier }));
  expect(blocks.general).not.toHaveProperty('_rlnMaskName');
  expect(Number(blocks.general._rlnBfactorUsedForSharpening)).toBe(-400);
  expect(blocks.guinier).toEqual({
    _rlnResolutionSquared: [0.01, 0.04],
    _rlnLogAmplitudesOriginal: [1, -99],
    _rlnLogAmplitudesWeighted: [0, -99],
    _rlnLogAmplitudesSharpened: [1, -99],
  });
});
