/** `locscale-gpu postprocess`: one B factor for the whole map, weighted by the FSC within a mask. */
import { type PostprocessJob, type PostprocessResult, runPostprocess } from '../index.ts';
import { measurementToShow } from '../report/run-to-show.ts';
import { resolutionWords } from './fsc.ts';
import { maskedFscLines } from './fsc-files.ts';
import {
  chooseInput,
  chooseOutfile,
  ineffectiveOptions,
  parametersOf,
  refusePositionals,
} from './job-options.ts';
import { postprocessOutputs } from './postprocess-outputs.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';

/** Named in the plan, the record and the report. */
const MODE = 'one B factor for the whole map';

/** Entry of the command; errors of options are thrown before any file is opened. */
export function runPostprocessCommand(session: Session): Promise<void> {
  return runMapCommand(session, postprocessRun(session));
}

/**
 * The run as data for run-command.ts. `parameters` apply to the FDR mask with a soft edge that stands in for
 * -ma.
 */
function postprocessRun({
  parsed: { values, positionals },
}: Session): MapRun<PostprocessJob, PostprocessResult> {
  refusePositionals(positionals, 0);
  const { bFactor, fitFrom, fitTo, lowPass, skipFscWeighting, seed } = values;
  const settings = { bFactor, fitFrom, fitTo, lowPass, skipFscWeighting, seed };
  const parameters = parametersOf(values, true);
  return {
    outputs: postprocessOutputs,
    outfile: chooseOutfile(values, 'postprocess'),
    input: chooseInput(values),
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'postprocess' }),
    open: async ({ input, mask }) => ({ input, mask, parameters, settings }),
    plan: MODE,
    run: runPostprocess,
    summarise: (result, { engine }) => {
      const { numbers, fsc, fscInMask, grid } = result;
      return {
        record: {
          mode: MODE,
          parameters: { ...parameters, ...settings, apix: values.apix },
          numbers: {
            shape: grid.shape,
            maskVoxels: Math.round(numbers.maskVoxels),
            maskOrigin: numbers.maskOrigin,
          },
          postprocess: numbers,
          fsc,
          fscInMask,
        },
        report: {
          kind: 'postprocess',
          run: measurementToShow(engine, postprocessOutputs, result, { fsc, noise: undefined }),
        },
        lines: [
          ...(fsc === undefined ? [] : [`Resolution of the half maps, unmasked: ${resolutionWords(fsc)}`]),
          ...(fscInMask === undefined ? [] : maskedFscLines(fscInMask)),
          ...sharpeningLines(numbers),
        ],
      };
    },
  };
}

/** Resolution, B factor and quality of the Guinier fit. */
function sharpeningLines({
  bFactor,
  bFactorSource,
  guinier,
  lowPass,
  fscWeighted,
}: PostprocessResult['numbers']): string[] {
  const source =
    guinier === undefined
      ? bFactorSource === 'user'
        ? 'as given'
        : 'no line in the Guinier plot'
      : `Guinier plot from ${guinier.from.toFixed(1)} to ${guinier.to.toFixed(2)} A, ` +
        `${guinier.shells} shells, R^2 ${guinier.quality.toFixed(3)}`;
  return [
    `B factor: ${bFactor.toFixed(1)} A^2 (${source})`,
    `Low-passed at ${lowPass.toFixed(2)} A${fscWeighted ? ', weighted by the FSC within the mask' : ''}`,
  ];
}
