/** Writes the masked FSC and the Guinier plot in the format of RELION's postprocess.star. */
import type { MaskedFsc } from '../math/fourier/masked-fsc.ts';

/** Curves of a Guinier plot. */
export interface GuinierCurves {
  /** 1/A. */
  readonly frequency: readonly number[];
  /** RMS amplitudes per shell. */
  readonly original: readonly number[];
  readonly weighted: readonly number[];
  /** B factor applied to the map, A^2. */
  readonly bFactor: number;
}

/** What RELION's postprocess.star has. */
export interface PostprocessStar {
  readonly half1: string;
  readonly half2: string;
  /** Path of the mask file; empty for a mask made by this program. */
  readonly mask: string;
  readonly fsc: MaskedFsc;
  readonly guinier?: GuinierCurves;
}

/** RELION's placeholders for the resolution of shell 0 and for log 0. */
const NO_RESOLUTION = 999;
/** RELION's value where an amplitude is 0. */
const NO_LOGARITHM = -99;

/**
 * The text of the file: general values, FSC curves, Guinier plot, under RELION's labels. Resolutions in A.
 */
export function encodePostprocessStar({ half1, half2, mask, fsc, guinier }: PostprocessStar): string {
  const { frequency, corrected, unmasked, masked, randomised, randomisedFrom } = fsc;
  const pairs: [string, string | number | undefined][] = [
    ['FinalResolution', fsc.shellResolution ?? 1 / (frequency.at(-1) as number)],
    ['BfactorUsedForSharpening', guinier?.bFactor],
    ['UnfilteredMapHalf1', half1],
    ['UnfilteredMapHalf2', half2],
    ['MaskName', mask === '' ? undefined : mask],
    ['RandomiseFrom', randomisedFrom && 1 / randomisedFrom],
  ];
  const general = pairs.flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`_rln${name.padEnd(40)} ${typeof value === 'number' ? value.toFixed(6) : quoted(value)}`],
  );
  const fscColumns = [
    'SpectralIndex',
    'Resolution',
    'AngstromResolution',
    'FourierShellCorrelationCorrected',
    'FourierShellCorrelationUnmaskedMaps',
    'FourierShellCorrelationMaskedMaps',
    'CorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps',
  ];
  const fscRows = frequency.map((f, r) => [
    r,
    f,
    f > 0 ? 1 / f : NO_RESOLUTION,
    corrected[r],
    unmasked[r],
    masked[r],
    randomised?.[r] ?? 0,
  ]);
  return [
    '# version 30001',
    ...['', 'data_general', '', ...general],
    ...loop('fsc', fscColumns, fscRows),
    ...(guinier === undefined ? [] : guinierLoop(guinier)),
    '',
  ].join('\n');
}

/** Natural logarithms against squared frequency. */
function guinierLoop({ frequency, original, weighted, bFactor }: GuinierCurves): string[] {
  const columns = [
    'ResolutionSquared',
    'LogAmplitudesOriginal',
    'LogAmplitudesWeighted',
    'LogAmplitudesSharpened',
  ];
  const rows = frequency.map((f, r) => {
    const log = (amplitude: number): number => (amplitude > 0 ? Math.log(amplitude) : NO_LOGARITHM);
    const sharpened = weighted[r] > 0 ? log(weighted[r]) - (bFactor * f * f) / 4 : NO_LOGARITHM;
    return [f * f, log(original[r]), log(weighted[r]), sharpened];
  });
  return loop('guinier', columns, rows);
}

/** A STAR loop. */
function loop(name: string, columns: readonly string[], rows: readonly (readonly number[])[]): string[] {
  return [
    ...['', '', `data_${name}`, '', 'loop_'],
    ...columns.map((column, i) => `_rln${column} #${i + 1}`),
    ...rows.map((row) =>
      row
        .map((value) => (Number.isInteger(value) ? value : value.toFixed(6)).toString().padStart(12))
        .join(' '),
    ),
  ];
}

/** STAR quotes texts with blanks. */
function quoted(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}
