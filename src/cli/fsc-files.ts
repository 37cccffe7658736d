/** FSC curves as files: JSON, or the XML that the EMDB takes. */
import { extname } from 'node:path';
import { encodeFscXml } from '../formats/fsc-xml.ts';
import type { FscCurve } from '../index.ts';
import type { InputFiles } from './job-options.ts';
import { usage } from './usage.ts';

/** Refuses names that are neither; before anything is computed. */
export function checkCurveName(outfile: string): void {
  const extension = extname(outfile).toLowerCase();
  if (extension === '.json' || extension === '.xml') return;
  throw usage(
    `The curve cannot be written as "${extension}".`,
    '-o',
    'Give a name that ends in .json or .xml.',
  );
}

export function encodeCurve(outfile: string, fsc: FscCurve, input: InputFiles): string {
  return extname(outfile).toLowerCase() === '.xml' ? encodeFscXml(fsc) : encodeFscJson(fsc, input);
}

function encodeFscJson(fsc: FscCurve, input: InputFiles): string {
  const { half1, half2 } = input as Extract<InputFiles, { kind: 'half-maps' }>;
  return `${JSON.stringify(
    {
      half1,
      half2,
      resolution0143: fsc.resolution ?? null,
      end0143: fsc.verdict.end,
      resolution05: fsc.resolutionHalf ?? null,
      frequency: fsc.frequency,
      correlation: fsc.correlation,
      verdict: fsc.verdict,
    },
    null,
    2,
  )}\n`;
}
