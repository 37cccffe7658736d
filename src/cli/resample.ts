/** `locscale-gpu resample MAP`: a map on another grid. */
import { planResample, type ResampleJob, type ResampleResult, runResample } from '../index.ts';
import { formatBytes } from '../math/bytes.ts';
import { describeShape, type Grid } from '../math/grid.ts';
import type { OptionId, OptionValues } from '../options/index.ts';
import { describeOrigin, describeVoxelSize } from '../pipeline/read-maps.ts';
import { chooseInput, chooseOutfile, ineffectiveOptions, refusePositionals } from './job-options.ts';
import { resampleOutputs } from './output-tables.ts';
import { type MapRun, type Opened, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import { exclude, usage } from './usage.ts';

/** Named in the plan and the record. */
const MODE = 'map on another grid';

/** Entry of the command; errors of options are thrown before any file is opened. */
export function runResampleCommand(session: Session): Promise<void> {
  return runMapCommand(session, resampleRun(session));
}

/** The run as data for run-command.ts. The first positional argument may be the map. */
function resampleRun({ parsed: { values, positionals } }: Session): MapRun<ResampleJob, ResampleResult> {
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  checkGridOptions(values);
  return {
    outputs: resampleOutputs,
    outfile: chooseOutfile(values, 'resample'),
    input,
    moreInputs: [values.like, values.cropToMask].filter((path) => path !== undefined),
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'resample' }),
    open: (opened) => openJob(values, opened),
    async plan(job, context) {
      const { grid, sentence, peakBytes } = await planResample(job, context);
      const limit = context.engine.memoryLimitBytes;
      const most = limit === undefined ? '' : `, limit ${formatBytes(limit)}`;
      const lines = [gridLine(grid), sentence, `Memory: ${formatBytes(peakBytes)}${most}`];
      return { mode: MODE, grid: job.map.grid, lines };
    },
    run: runResample,
    summarise: ({ grid, sentence }) => ({
      record: {
        mode: MODE,
        parameters: {
          ...settingsOf(values),
          like: values.like,
          cropToMask: values.cropToMask,
          apix: values.apix,
        },
        numbers: { shape: grid.shape, voxelSize: grid.voxelSize[0] },
        resampled: { voxelSize: grid.voxelSize, origin: grid.origin, sentence },
      },
      lines: [gridLine(grid), sentence],
    }),
  };
}

/** Shape, voxel size and origin of a grid, in the order x, y, z. */
function gridLine(grid: Grid): string {
  return (
    `New grid: ${describeShape(grid.shape)} voxels of ${describeVoxelSize(grid)} A from ` +
    `${describeOrigin(grid)} A`
  );
}

/** Options that describe a box; --like takes all of it from another map. */
const boxOptions = [
  ['newVoxelSize', '--voxel_size'],
  ['box', '--box'],
  ['center', '--center'],
  ['origin', '--origin'],
  ['cropToMask', '--crop_to_mask'],
] as const satisfies readonly (readonly [OptionId, string])[];

/** Options that determine the same property of the grid exclude each other. */
function checkGridOptions(values: OptionValues): void {
  const given = boxOptions.filter(([id]) => values[id] !== undefined).map(([, name]) => name);
  const [first] = given;
  if (values.like !== undefined && first !== undefined) throw exclude('--like', first);
  if (values.center !== undefined && values.origin !== undefined) throw exclude('--center', '--origin');
  if (values.like === undefined && first === undefined)
    throw usage(
      'No new grid is given.',
      'resample',
      'Give it with --voxel_size, --box, --center, --origin, --crop_to_mask or --like.',
    );
}

/** Options in the names of the pipeline: shape in voxels, the rest in A; triples are (z, y, x) already. */
function settingsOf({ newVoxelSize, box, center, origin, padding, asMask }: OptionValues) {
  return {
    voxelSize: newVoxelSize,
    shape: box,
    centre: center,
    origin,
    paddingAngstrom: padding,
    isMask: asMask,
  };
}

/** Opens the map whose grid is copied (--like), or the mask to crop to. */
async function openJob(values: OptionValues, { input, openLater }: Opened): Promise<ResampleJob> {
  const open = async (path: string | undefined, role: string, kind: 'map' | 'mask') =>
    path === undefined ? undefined : openLater(path, role, { kind, allowAllZero: true });
  if (input.kind !== 'map')
    throw usage('resample takes one map.', '-hm', 'Give half maps one after the other.');
  return {
    map: input.map,
    settings: {
      ...settingsOf(values),
      like: await open(values.like, 'map with the grid', 'map'),
      cropToMask: await open(values.cropToMask, 'mask', 'mask'),
    },
  };
}
