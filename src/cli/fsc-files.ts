/** FSC curves as text, and as files: JSON, the EMDB's XML, RELION's STAR. */
import { extname } from 'node:path';
import { encodePostprocessStar } from '../formats/fsc-star.ts';
import { encodeFscXml } from '../formats/fsc-xml.ts';
import type { FscInMask, FscResult } from '../index.ts';
import type { InputFiles } from './job-options.ts';
import { usage } from './usage.ts';

/** Only half maps have an FSC, so that the commands that write curves have no other input. */
type HalfMapFiles = Extract<InputFiles, { kind: 'half-maps' }>;

/** Rejects other file names, and curves that this run does not measure, before anything is computed. */
export function checkCurveName(outfile: string, hasMask: boolean): void {
  const extension = extname(outfile).toLowerCase();
  if (extension === '.json' || extension === '.xml' || (extension === '.star' && hasMask)) return;
  if (extension === '.star')
    throw usage(
      "RELION's STAR file is for the FSC within a mask.",
      '-o',
      'Give a mask with -ma or --auto_mask, or a name that ends in .json or .xml.',
    );
  throw usage(
    `The curve cannot be written as "${extension}".`,
    '-o',
    'Give a name that ends in .json, .xml or .star.',
  );
}

/**
 * The curve in the format of the output's ending: JSON, STAR or XML. The XML holds one curve, the corrected
 * one if there is a mask; the other formats hold all.
 */
export function encodeCurve(
  outfile: string,
  { fsc, masked }: Pick<FscResult, 'fsc' | 'masked'>,
  input: InputFiles,
  mask: string | undefined,
): string {
  // `mask` is the path for the header of the file; '' where the program made the mask itself.
  const { half1, half2 } = input as HalfMapFiles;
  switch (extname(outfile).toLowerCase()) {
    case '.xml':
      return masked === undefined
        ? encodeFscXml('Unmasked half maps', fsc.frequency, fsc.correlation)
        : encodeFscXml('Masked half maps, corrected by random phases', masked.frequency, masked.corrected);
    case '.star':
      return encodePostprocessStar({ half1, half2, mask: mask ?? '', fsc: masked as FscInMask });
    default:
      return encodeFscJson({ fsc, masked }, { half1, half2, mask });
  }
}

/** Frequencies in 1/A, resolutions in A; null where a resolution is undefined. */
function encodeFscJson(
  { fsc, masked }: Pick<FscResult, 'fsc' | 'masked'>,
  files: { half1: string; half2: string; mask: string | undefined },
): string {
  return `${JSON.stringify(
    {
      ...files,
      resolution0143: fsc.resolution ?? null,
      end0143: fsc.verdict.end,
      resolution05: fsc.resolutionHalf ?? null,
      frequency: fsc.frequency,
      correlation: fsc.correlation,
      verdict: fsc.verdict,
      masked,
    },
    null,
    2,
  )}\n`;
}

/** Summary of the FSC within a mask, one line per number. */
export function maskedFscLines(fsc: FscInMask): string[] {
  const { resolution, maskedResolution, shellResolution, randomisedFrom, maskOrigin, maskVoxels } = fsc;
  const words = (value: number | undefined): string =>
    value === undefined ? 'none' : `${value.toFixed(2)} A`;
  const source = maskOrigin.source === 'user' ? 'mask given' : `mask of the program, ${maskOrigin.source}`;
  return [
    `Resolution within the mask (${source}, ${Math.round(maskVoxels)} voxels), corrected: ` +
      `${words(resolution)}`,
    `  uncorrected ${words(maskedResolution)}; last shell above 0.143, as RELION reports it: ` +
      `${words(shellResolution)}`,
    randomisedFrom === undefined
      ? '  not corrected: the unmasked FSC does not fall below 0.8'
      : `  phases random beyond ${(1 / randomisedFrom).toFixed(2)} A`,
  ];
}

/** The first two columns of the tables: 1/A and A. */
export function shellCells(f: number): string {
  return `${f.toFixed(5)}  ${(f === 0 ? 'inf' : (1 / f).toFixed(2)).padStart(7)}`;
}

/** Table of all curves, one line per shell. */
export function maskedFscTable({ frequency, unmasked, masked, randomised, corrected }: FscInMask): string[] {
  const cell = (value: number | undefined): string =>
    (value === undefined ? '-' : value.toFixed(5)).padStart(10);
  return [
    ' 1/A             A  unmasked    masked  randomised  corrected',
    ...frequency.map(
      (f, r) =>
        `${shellCells(f)}${cell(unmasked[r])}${cell(masked[r])}  ${cell(randomised?.[r])} ` +
        `${cell(corrected[r])}`,
    ),
  ];
}
