/** Words the verdict on two half maps as sentences for log, report and record. */
import { named } from '../../errors.ts';
import { FSC_THRESHOLD } from '../fourier/fsc.ts';
import type { HalfMapVerdict } from './half-map-verdict.ts';
import { lowPassWarning } from './input-checks.ts';

export type HalfMapNames = readonly [string, string];

/** A resolution up to this much coarser than Nyquist is called close to it. */
const CLOSE_TO_NYQUIST = 1.05;

/** Where the FSC ends, in one sentence. */
export function describeResolution({ end, resolution, relation }: HalfMapVerdict, voxelSize: number): string {
  const nyquist = `${(2 * voxelSize).toFixed(2)} A`;
  if (end === 'no signal' || resolution === undefined)
    return `The FSC of the half maps is not significantly above ${FSC_THRESHOLD} at any resolution.`;
  if (end === 'nyquist')
    return relation === 'independent'
      ? `The FSC of the half maps stays above ${FSC_THRESHOLD} to Nyquist: the resolution is limited ` +
          `by the voxel size, ${nyquist}.`
      : `The FSC of the half maps stays above ${FSC_THRESHOLD} to Nyquist (${nyquist}).`;
  const close = resolution <= CLOSE_TO_NYQUIST * 2 * voxelSize ? `, close to Nyquist (${nyquist})` : '';
  return (
    `Resolution of the half maps (unmasked): ${resolution.toFixed(2)} A at FSC = ` +
    `${FSC_THRESHOLD}${close}.`
  );
}

export interface HalfMapRefusal {
  readonly message: string;
  readonly expected: string;
  readonly found: string;
  readonly hint: string;
}

/** Rejects half maps that are unusable together: copies, or opposite contrast. */
export function refusalOf(
  { relation, scale = 1, filtered }: HalfMapVerdict,
  [first, second]: HalfMapNames,
): HalfMapRefusal | undefined {
  if (relation === 'copies') {
    const factor = `${first} times ${Number(scale.toPrecision(3))}`;
    return {
      message:
        `The half maps are copies of one map: ${second} is ` +
        `${filtered ? `${first}, filtered or sharpened` : factor} (FSC ${scale < 0 ? '-1' : '1'} at ` +
        `all frequencies${filtered ? ' that both hold' : ''}).`,
      expected: 'two maps with independent noise',
      found: 'one map twice',
      hint:
        'Give the two independent half maps of the refinement, or one map alone as a full map ' +
        `(${named('input', 'map')}).`,
    };
  }
  if (relation === 'opposite contrast')
    return {
      message:
        `The half maps ${first} and ${second} have opposite contrast: their FSC is negative where ` +
        'they have signal, and their mean cancels it.',
      expected: 'a positive FSC at low resolution',
      found: 'a negative one',
      hint: 'Multiply the map in which the molecule is darker than the solvent by -1.',
    };
  return undefined;
}

/** Warnings about the half maps, one sentence each. */
export function halfMapWarnings(verdict: HalfMapVerdict, [first, second]: HalfMapNames): string[] {
  const { end, resolution, relation, noiseCorrelation, lowPass, endsAtLowPass, rise, negative, masked } =
    verdict;
  const warnings: string[] = [];
  const consequence =
    'The resolution and all weights from the FSC are too good; use the two independent half maps ' +
    'of one refinement.';
  if (relation === 'first is mean' || relation === 'second is mean') {
    const [mean, half] = relation === 'first is mean' ? [first, second] : [second, first];
    warnings.push(
      `${mean} seems to be the mean of both half maps: it holds the noise of ${half} (FSC of the ` +
        `noise ${(noiseCorrelation ?? 0).toFixed(2)}; expected 0). ${consequence}`,
    );
  }
  if (relation === 'shared noise')
    warnings.push(
      `${first} and ${second} are not independent, they share noise (FSC of the noise ` +
        `${(noiseCorrelation ?? 0).toFixed(2)}; expected 0), unless density fills the box to its ` +
        `corners. ${consequence}`,
    );
  if (relation === 'independent' && end === 'no signal')
    warnings.push(
      `${first} and ${second} have no signal in common (FSC not significantly above ` +
        `${FSC_THRESHOLD} at any resolution): they do not belong together, are not aligned, or hold ` +
        'noise only.',
    );
  const cause = masked
    ? 'the mask in the half maps'
    : 'a mask, a filter or particles that are in both half maps';
  if (rise !== undefined)
    warnings.push(
      `The FSC falls below ${FSC_THRESHOLD} at ${(resolution ?? 0).toFixed(2)} A but rises again, ` +
        `to ${rise.correlation.toFixed(2)} at ${rise.resolution.toFixed(2)} A: ` +
        `${cause} can do that. The first fall is taken for the resolution.`,
    );
  if (negative !== undefined)
    warnings.push(
      `The FSC is negative after its fall (${negative.correlation.toFixed(2)} around ` +
        `${negative.resolution.toFixed(1)} A): ${first} and ${second} are probably shifted or ` +
        'rotated against each other. Align them, or reconstruct both from one set of orientations.',
    );
  if (masked && end === 'nyquist' && relation === 'independent')
    warnings.push(
      `The half maps are masked, and a mask lifts the FSC, which stays above ${FSC_THRESHOLD} to ` +
        `Nyquist: the resolution is probably worse than ${(resolution ?? 0).toFixed(2)} A. Use the ` +
        'unmasked half maps if you have them.',
    );
  if (lowPass !== undefined) {
    const ends = endsAtLowPass
      ? ` The FSC ends there as well: ${(resolution ?? 0).toFixed(2)} A is the resolution of the ` +
        'filter, not of the data.'
      : '';
    warnings.push(`${lowPassWarning(lowPass)}${ends}`);
  }
  return warnings;
}
