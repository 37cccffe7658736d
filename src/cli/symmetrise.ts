/** `locscale-gpu symmetrise MAP -sym GROUP`: the map averaged over a point group or a helix. */
import { LocScaleError } from '../errors.ts';
import type { LocScaleContext, MapImage } from '../index.ts';
import { voxelCount } from '../math/grid.ts';
import type { OptionValues } from '../options.ts';
import {
  checkSymmetry,
  resolveSymmetry,
  type Symmetry,
  type SymmetryRequest,
} from '../pipeline/symmetrise.ts';
import { chooseInput, chooseOutfile, refusePositionals } from './job-options.ts';
import { combineMaps } from './open-inputs.ts';
import { type AveragedMap, symmetriseOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import type { RunResult } from './write-run.ts';

interface Job {
  readonly image: MapImage;
  readonly symmetry: Symmetry;
}

interface Result extends RunResult, AveragedMap {
  readonly symmetry: Symmetry;
  /** Least correlation of the map with a copy of itself. */
  readonly correlation: number;
}

export function runSymmetriseCommand(session: Session): Promise<void> {
  return runMapCommand(session, symmetriseRun(session));
}

function symmetriseRun(session: Session): MapRun<Job, Result> {
  const { values, positionals } = session.parsed;
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  refuseWithoutSymmetry(values);
  return {
    outputs: symmetriseOutputs,
    outfile: chooseOutfile(values, 'symmetrise'),
    input,
    async open(opened) {
      const request = opened.symmetry as SymmetryRequest;
      const image = await combineMaps(session, opened);
      return { image, symmetry: resolveSymmetry(request, image.grid) };
    },
    plan: async ({ image: { grid }, symmetry }) => ({ mode: modeOf(symmetry), grid }),
    run: (job, context) => average(job, context, session),
    tell: ({ symmetry, correlation, grid }) => ({
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
          symmetryCorrelation: correlation,
        },
      },
      lines: [],
    }),
  };
}

async function average(
  { image, symmetry }: Job,
  { engine, onWarning }: LocScaleContext,
  { logger }: Session,
): Promise<Result> {
  const begun = performance.now();
  const { grid, header } = image;
  logger.detail(`  ${voxelCount(grid.shape)} voxels`);
  const volume = await engine.upload(image.data, grid.shape);
  const { warning, correlation } = await checkSymmetry(engine, volume, grid, symmetry);
  if (warning !== undefined) onWarning?.(warning);
  else logger.line(`The map correlates with its turned copies by ${correlation.toFixed(2)} or more.`);
  logger.line(`Averaging over ${symmetry.operators.length} operators (${symmetry.name})`);
  const averaged = await engine.symmetrise(volume, symmetry.operators, symmetry.options);
  engine.release(volume);
  const timings = { symmetry: (performance.now() - begun) / 1000 };
  const warnings = warning === undefined ? [] : [warning];
  return { averaged, grid, header, symmetry, correlation, timings, warnings };
}

function refuseWithoutSymmetry(values: OptionValues): void {
  const { symmetry, symmetryCentre, helicalTwist, helicalRise, helicalSteps } = values;
  const given = [symmetry, symmetryCentre, helicalTwist, helicalRise, helicalSteps];
  if (given.some((value) => value !== undefined)) return;
  throw new LocScaleError('usage', 'No symmetry is given.', {
    where: '-sym',
    hint: 'Give it with -sym GROUP (C4, D7, T, O, I, ... or a file with operators), or a helix.',
  });
}

function modeOf({ name, operators }: Symmetry): string {
  return `average over ${operators.length} operators (${name})`;
}
