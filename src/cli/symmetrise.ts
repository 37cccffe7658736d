/** `locscale-gpu symmetrise MAP -sym GROUP`: the map averaged over a point group or a helix. */
import type { OptionValues } from '../options/index.ts';
import { type OneMapJob, runSymmetrise, type SymmetriseResult } from '../pipeline/index.ts';
import { gridOf, runOfGrid } from '../pipeline/read-maps.ts';
import { resolveSymmetry, type Symmetry, type SymmetryRequest } from '../pipeline/symmetrise.ts';
import { chooseInput, chooseOutfile, refusePositionals } from './job-options.ts';
import { symmetriseOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';

/** One map, or half maps whose mean is averaged. */
type Job = OneMapJob & { readonly symmetry: SymmetryRequest };

/** Entry of the command; errors of options are thrown before any file is opened. */
export function runSymmetriseCommand(session: Session): Promise<void> {
  return runMapCommand(session, symmetriseRun(session));
}

/** The run as data for run-command.ts. */
function symmetriseRun(session: Session): MapRun<Job, SymmetriseResult> {
  const { values, positionals } = session.parsed;
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  refuseWithoutSymmetry(values);
  return {
    outputs: symmetriseOutputs,
    outfile: chooseOutfile(values, 'symmetrise'),
    input,
    open: async ({ input: maps, symmetry }) => ({ input: maps, symmetry: symmetry as SymmetryRequest }),
    async plan(job, context) {
      const { grid } = gridOf(job, runOfGrid(context));
      return { mode: modeOf(resolveSymmetry(job.symmetry, grid)), grid };
    },
    run: runSymmetrise,
    summarise: ({ symmetry, correlation, agrees, grid }) => ({
      record: {
        mode: modeOf(symmetry),
        parameters: {
          symmetry: symmetry.name,
          centre: symmetry.options.centre,
          voxelSizeOverride: values.apix,
        },
        numbers: {
          voxelSize: grid.voxelSize[0],
          shape: grid.shape,
          symmetry: { name: symmetry.name, operators: symmetry.operators.length },
          // Lowest correlation of the map with its rotated copies before averaging; a wrong group shows here.
          symmetryCorrelation: correlation,
        },
      },
      lines: agrees
        ? [`The map correlates with its rotated copies by ${correlation.toFixed(2)} or more.`]
        : [],
    }),
  };
}

/** -sym C1 is a symmetry, too, though averaging over one operator changes nothing. */
function refuseWithoutSymmetry(values: OptionValues): void {
  const { symmetry, symmetryCentre, helicalTwist, helicalRise, helicalSteps } = values;
  const given = [symmetry, symmetryCentre, helicalTwist, helicalRise, helicalSteps];
  if (given.some((value) => value !== undefined)) return;
  throw usage(
    'No symmetry is given.',
    '-sym',
    'Give it with -sym GROUP (C4, D7, T, O, I, ... or a file with operators), or a helix.',
  );
}

/** Named in the plan and the record. */
function modeOf({ name, operators }: Symmetry): string {
  return `average over ${operators.length} operators (${name})`;
}
