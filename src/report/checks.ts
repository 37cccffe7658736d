/**
 * Automatic checks of what a careful reader would look at first. Each yields one sentence with its numbers.
 */

import { named } from '../errors.ts';
import { describeResolution, halfMapWarnings } from '../math/inputs/half-map-words.ts';
import type { FscCurve, LocScaleNumbers } from '../pipeline/types.ts';
import { bFactorsOf } from './local-windows.ts';
import { mapOf, quantile, type ReportData } from './report-data.ts';

/** Result of a check: a point that is fine, or one to look at. */
export interface Check {
  /** "look": the user should; no check fails a run. */
  readonly state: 'good' | 'look';
  /** What was checked. */
  readonly title: string;
  /** What was found, with the number, and what to do. */
  readonly text: string;
}

/** Half maps that were filtered or masked together stay correlated where there is no signal. */
const HIGHEST_TAIL = 0.1;
/** Fraction of a noise box that may overlap the mask before the noise is overestimated. */
const MOST_IN_MASK = 0.001;
/** Noise boxes of a homogeneous background differ by less than this factor. */
const MOST_SD_RATIO = 1.5;
/** Share of the box above which a mask probably contains noise. */
const MOST_OF_BOX = 0.5;
/** Share of the box below which a mask probably misses density. */
const LEAST_OF_BOX = 0.002;
/** Most windows of a typically sharpened map have B factors above this, A^2. */
const OVERSHARPENED = -20;

/** Checks of a run that scales: half maps, mask, noise, and sharpness of the result. */
export function runChecks(
  reportData: ReportData,
  fsc: FscCurve | undefined,
  numbers: Readonly<Partial<LocScaleNumbers>>,
): Check[] {
  return [
    ...checkFsc(fsc, numbers),
    checkMaskSize(reportData),
    ...checkMaskOrigin(numbers),
    ...checkFaces(reportData),
    ...checkNoise(reportData),
    ...checkSharpness(reportData),
  ];
}

/** Checks for runs that measure or mask without scaling. */
export function runMeasurementChecks(
  reportData: ReportData,
  fsc: FscCurve | undefined,
  numbers: Readonly<Partial<LocScaleNumbers>>,
): Check[] {
  return [
    ...(fsc === undefined ? [] : checkFsc(fsc, numbers)),
    checkMaskSize(reportData),
    ...checkMaskOrigin(numbers),
    ...checkFaces(reportData),
    ...checkNoise(reportData),
  ];
}

/** Warnings are clauses that follow a name elsewhere. */
function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/** The verdict on the half maps, else the height at which the curve ends: independent half maps end at 0. */
function checkFsc(fsc: FscCurve | undefined, numbers: Readonly<Partial<LocScaleNumbers>>): Check[] {
  const title = 'Half-map FSC';
  if (fsc === undefined)
    return [
      {
        state: 'look',
        title,
        text:
          `No half maps were given, so the resolution (${angstrom(numbers.fscCutoff)}) is ` +
          `${numbers.fscCutoffSource === 'user' ? 'what was typed' : 'taken from the voxel size'}. Half ` +
          'maps would measure it.',
      },
    ];
  const { verdict } = fsc;
  const remarks = [
    ...halfMapWarnings(verdict, ['half map 1', 'half map 2']).map(capitalised),
    ...(verdict.end === 'nyquist' && verdict.relation === 'independent' && verdict.masked !== true
      ? [describeResolution(verdict, 1 / (2 * (fsc.frequency.at(-1) as number)))]
      : []),
  ];
  if (remarks.length > 0)
    return remarks.map((text) => ({ state: 'look', title, text: text.replace(/(\d) A\b/g, '$1 Å') }));
  // The last twentieth of the shells, whose correlation of noise averages out.
  const tail = fsc.correlation.slice(-Math.max(3, Math.floor(fsc.correlation.length / 20)));
  const mean = tail.reduce((sum, c) => sum + c, 0) / tail.length;
  if (Math.abs(mean) > HIGHEST_TAIL)
    return [
      {
        state: 'look',
        title,
        text:
          `The curve ends at ${twoDigits(mean)}, not at 0: half maps that were masked or filtered before ` +
          'look like this.',
      },
    ];
  return [
    {
      state: 'good',
      title,
      text:
        `Falls below 0.143 at ${angstrom(fsc.resolution)} and ends at ${twoDigits(mean)}, as unmasked, ` +
        'independent half maps do.',
    },
  ];
}

/** The mask's share of the box. */
function checkMaskSize({ mask }: ReportData): Check {
  const title = 'Size of the mask';
  const share = percent(mask.share);
  if (mask.share > MOST_OF_BOX)
    return {
      state: 'look',
      title,
      text: `The mask takes ${share} of the box. Noise may have been taken for molecule: see its outline.`,
    };
  if (mask.share < LEAST_OF_BOX)
    return {
      state: 'look',
      title,
      text: `The mask takes only ${share} of the box. Parts of the molecule may be missing.`,
    };
  return { state: 'good', title, text: `The mask takes ${share} of the box.` };
}

/** A mask made in an unusual way, and the reason. */
function checkMaskOrigin({ maskOrigin }: Readonly<Partial<LocScaleNumbers>>): Check[] {
  if (maskOrigin?.reason === undefined) return [];
  return [{ state: 'look', title: 'Origin of the mask', text: maskOrigin.reason }];
}

/** Voxels of the mask on the faces of the box. */
function checkFaces({ mask }: ReportData): Check[] {
  if (mask.onFaces === 0) return [];
  return [
    {
      state: 'look',
      title: 'Mask at the faces of the box',
      text:
        `${mask.onFaces} voxels of the mask lie on the faces of the box: the molecule is cut off, or ` +
        'something else was taken for molecule.',
    },
  ];
}

/**
 * Whether noise boxes reach into the mask, and whether their noise is alike. Ratios that are NaN count as
 * different.
 */
function checkNoise({ noiseBoxes }: ReportData): Check[] {
  if (noiseBoxes.length === 0) return [];
  const touching = noiseBoxes.filter(({ inMask }) => inMask > MOST_IN_MASK);
  const sds = noiseBoxes.map(({ sd }) => sd);
  const ratio = Math.max(...sds) / Math.min(...sds);
  const checks: Check[] = [
    touching.length === 0
      ? {
          state: 'good',
          title: 'Noise boxes',
          text: `None of the ${noiseBoxes.length} boxes touches the mask.`,
        }
      : {
          state: 'look',
          title: 'Noise boxes',
          text:
            `${touching.length} of ${noiseBoxes.length} boxes ` +
            `${touching.length === 1 ? 'reaches' : 'reach'} into the mask (up to ` +
            `${percent(Math.max(...touching.map(({ inMask }) => inMask)))} of a box). Noise is ` +
            'overestimated then and weak density lost: place them elsewhere with ' +
            `${named('fdrNoiseBoxes')}, ` +
            `or make them smaller with ${named('fdrWindow')}.`,
        },
  ];
  if (noiseBoxes.length > 1 && !(ratio <= MOST_SD_RATIO))
    checks.push({
      state: 'look',
      title: 'Noise in different places',
      text:
        'The noise of the boxes differs by a factor of ' +
        `${Number.isFinite(ratio) ? ratio.toFixed(1) : 'an undefined ratio (one of them is empty)'}: ` +
        'one may contain density, or lie where the map was masked.',
    });
  return checks;
}

/** Median B factor of the sampled windows of the result; no check if the windows have no fit. */
function checkSharpness(reportData: ReportData): Check[] {
  const result = mapOf(reportData, 'result');
  if (result === undefined) return [];
  const sorted = bFactorsOf(result.profiles, reportData.windows)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  const median = quantile(sorted, 0.5);
  const title = 'Sharpness of the result';
  if (median < OVERSHARPENED)
    return [
      {
        state: 'look',
        title,
        text:
          `Half of the windows have a B factor below ${median.toFixed(0)} Å²: amplitudes rise with ` +
          'frequency, which noise does. Was the right reference given?',
      },
    ];
  return [
    { state: 'good', title, text: `The median local B factor of the result is ${median.toFixed(0)} Å².` },
  ];
}

/** Two significant digits. */
function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** Avoids "-0". */
function twoDigits(v: number): string {
  return (Math.round(100 * v) / 100 || 0).toFixed(2);
}

/** Of a resolution, in messages of the page, which has the sign. */
function angstrom(v: number | undefined): string {
  return v === undefined ? 'unknown' : `${v.toFixed(2)} Å`;
}
