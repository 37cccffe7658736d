/**
 * `locscale-gpu locres HALF1 HALF2`: local resolution, the map filtered at it, a ChimeraX scene, the record.
 */
import { type LocalResolutionResult, runLocalResolution } from '../index.ts';
import { measurementToShow } from '../report/run-to-show.ts';
import { resolutionWords } from './fsc.ts';
import { chooseHalfMaps, chooseOutfile, ineffectiveOptions, parametersOf } from './job-options.ts';
import { describeLocalResolution, histogramLines, localResolutionSettings } from './local-resolution.ts';
import { locresOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';

/** Named in the plan, the record and the report. */
const MODE = 'local resolution of half maps';

/** The job of the pipeline; half maps only. */
type Job = Parameters<typeof runLocalResolution>[0];

/** Entry of the command; errors of options are thrown before any file is opened. */
export function runLocresCommand(session: Session): Promise<void> {
  return runMapCommand(session, locresRun(session));
}

/** The run as data for run-command.ts. Half maps may also be given without -hm. */
function locresRun({ parsed }: Session): MapRun<Job, LocalResolutionResult> {
  const { values } = parsed;
  const input = chooseHalfMaps(parsed, 'locres');
  // The same mask as in a default run.
  const parameters = parametersOf(values, true);
  const settings = localResolutionSettings(values);
  return {
    outputs: locresOutputs,
    outfile: chooseOutfile(values, 'locres'),
    input,
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'locres' }),
    open: async (opened) => ({
      input: opened.input as Job['input'],
      mask: opened.mask,
      parameters,
      settings,
    }),
    plan: MODE,
    run: runLocalResolution,
    summarise: (result, { engine }) => {
      const { numbers, maskVoxels, maskOrigin, voxelSize, grid, noiseBoxes, fsc } = result;
      return {
        record: {
          mode: MODE,
          parameters: { ...parameters, ...settings, apix: values.apix },
          numbers: {
            voxelSize,
            shape: grid.shape,
            maskVoxels,
            maskOrigin,
            noise: noiseBoxes,
            localResolution: numbers,
          },
          fsc,
        },
        report: {
          kind: 'locres',
          run: measurementToShow(engine, locresOutputs, result, {
            fsc,
            noise: noiseBoxes,
            windowVoxels: numbers.windowVoxels,
          }),
        },
        lines: [
          ...histogramLines(numbers),
          `Resolution of the whole half maps, unmasked: ${resolutionWords(fsc)}.`,
          describeLocalResolution(numbers),
        ],
      };
    },
  };
}
