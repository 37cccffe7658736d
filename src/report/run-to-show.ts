/** Converts the result of a run to the data of its report, for command line, page and library. */
import type { Volume } from '../engine/engine.ts';
import type { Grid } from '../math/grid.ts';
import { isotropicVoxelSize } from '../math/grid.ts';
import { scalingWindowFor } from '../math/scaling/follow-resolution.ts';
import type { RadialProfileKind } from '../math/scaling/windows.ts';
import { defaultParameters } from '../pipeline/parameters.ts';
import type { FscCurve, LocScaleNumbers, UnexplainedDensity } from '../pipeline/types.ts';
import type { LocalToShow, MapToShow, RunToShow } from './collect.ts';

/** The engine that holds the volumes. */
interface Holder {
  /** Voxels (z, y, x). */
  download(volume: Volume): Promise<Float32Array>;
}

/** A map of a result, and its role in the report. */
export interface ShownMap<R> {
  /** Undefined where the run did not make it. */
  readonly volume?: (result: R) => Volume | undefined;
  /** Undefined: written, but not in the report. */
  readonly shown?:
    | { readonly as: 'reference' | 'result'; readonly label: string }
    | { readonly as: 'local'; readonly label: string; readonly unit: string };
}

/** The maps of a report: the input, the reference, and the entries of the table shown. */
export function mapsToShow<R>(
  table: readonly ShownMap<R>[],
  result: R & { readonly map?: Volume; readonly reference?: Volume },
  engine: Holder,
): Pick<RunToShow, 'maps' | 'local'> {
  const maps: MapToShow[] = [];
  let local: LocalToShow | undefined;
  const show = (volume: Volume | undefined, role: MapToShow['role'], label: string): void => {
    if (volume !== undefined) maps.push({ role, label, load: () => engine.download(volume) });
  };
  show(result.map, 'input', 'input');
  show(result.reference, 'reference', 'reference');
  for (const as of ['reference', 'result'] as const)
    for (const { shown, volume } of table) if (shown?.as === as) show(volume?.(result), as, shown.label);
  for (const { shown, volume } of table) {
    const values = volume?.(result);
    if (shown?.as !== 'local' || values === undefined) continue;
    local = { label: shown.label, unit: shown.unit, load: () => engine.download(values) };
  }
  return { maps, local };
}

/** What any result contains that a report can show. */
interface Shown {
  /** Voxels above 0.5 count as inside. */
  readonly mask: Volume;
  /** The input; runs that did not retain it have no figures of it. */
  readonly map?: Volume;
  /** As it was scaled to. */
  readonly reference?: Volume;
  /** With `--unexplained`. */
  readonly unexplained?: Pick<UnexplainedDensity, 'map' | 'blobs'>;
}

/** Data of the report of a scaling run. `table`: the rows that say which maps are shown, and as what. */
export function scalingToShow<R extends Shown & { readonly numbers: LocScaleNumbers }>(
  engine: Holder,
  table: readonly ShownMap<R>[],
  result: R,
  profileKind: RadialProfileKind,
): RunToShow {
  const { shape, voxelSize, windowVoxels, fscCutoff, noise } = result.numbers;
  const { unexplained } = result;
  return {
    shape,
    voxelSize,
    windowVoxels,
    resolution: fscCutoff,
    profileKind,
    noiseBoxes: noise?.boxes ?? [],
    mask: () => engine.download(result.mask),
    unexplained:
      unexplained === undefined || unexplained.blobs.length === 0
        ? undefined
        : () => engine.download(unexplained.map),
    ...mapsToShow(table, result, engine),
  };
}

/** For a run without scaling. `windowVoxels`: window of its measurement. */
export function measurementToShow<R extends Shown & { readonly grid: Grid }>(
  engine: Holder,
  table: readonly ShownMap<R>[],
  result: R,
  measured: {
    readonly fsc?: FscCurve;
    readonly noise: LocScaleNumbers['noise'];
    readonly windowVoxels?: number;
  },
): RunToShow {
  const { shape } = result.grid;
  const voxelSize = isotropicVoxelSize(result.grid);
  // Without half maps: Nyquist, as all that the voxels can hold.
  const resolution = measured.fsc?.resolution ?? 2 * voxelSize;
  return {
    shape,
    voxelSize,
    windowVoxels: measured.windowVoxels ?? scalingWindowFor(voxelSize, resolution, Math.min(...shape)),
    resolution,
    profileKind: defaultParameters.profileKind,
    noiseBoxes: measured.noise?.boxes ?? [],
    mask: () => engine.download(result.mask),
    ...mapsToShow(table, result, engine),
  };
}
