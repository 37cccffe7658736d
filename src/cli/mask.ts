/** `locscale-gpu mask MAP`: the FDR confidence map and the mask made from it. */

import type { LocScaleJob, MaskResult } from '../index.ts';
import { runMask } from '../index.ts';
import { measurementToShow } from '../report/run-to-show.ts';
import {
  chooseInput,
  chooseOutfile,
  ineffectiveOptions,
  parametersOf,
  refusePositionals,
} from './job-options.ts';
import { maskOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';

const MODE = 'FDR confidence mask';

export function runMaskCommand(session: Session): Promise<void> {
  return runMapCommand(session, maskRun(session));
}

function maskRun({ parsed: { values, positionals } }: Session): MapRun<LocScaleJob['input'], MaskResult> {
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  const parameters = parametersOf(values);
  return {
    outputs: maskOutputs,
    outfile: chooseOutfile(values, 'mask'),
    input,
    open: async (opened) => opened.input,
    plan: MODE,
    run: (maps, context) => runMask(maps, parameters, context),
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'mask' }),
    tell: (result, { engine }) => {
      const { maskVoxels, origin, molecule, noise, fsc } = result;
      return {
        record: {
          mode: MODE,
          parameters: { ...parameters },
          numbers: { maskVoxels, maskOrigin: origin, ...molecule, noise },
          fsc,
        },
        report: {
          kind: 'mask',
          run: measurementToShow(engine, maskOutputs, result, { fsc, noise }),
        },
        lines: [
          ...(noise === undefined
            ? []
            : [
                `Noise: mean ${noise.mean.toPrecision(4)}, sd ${Math.sqrt(noise.variance).toPrecision(4)} from ${noise.boxes.length} boxes of ${noise.boxes[0].size} voxels`,
              ]),
          `Mask: ${maskVoxels} voxels, ${Math.round(molecule.molecularVolume)} A^3, about ${molecule.atoms} atoms; Wilson cut-off ${molecule.wilsonCutoff.toFixed(2)} A`,
        ],
      };
    },
  };
}
