/**
 * Table of the maps that scaling can write: file suffix, description and label, shared by command line and
 * page. cli/output-tables.ts and web/worker/outputs.ts decide which of them a run writes.
 */
import type { Volume } from '../engine/engine.ts';
import type { LocalResolutionMaps } from '../pipeline/local-resolution.ts';
import type { LocScaleResult } from '../pipeline/types.ts';
import type { ShownMap } from './run-to-show.ts';

/** A map that a run can write. */
export interface MapOfRun<R> extends ShownMap<R> {
  /** By which the outputs of a run are listed in its plan. */
  readonly key: string;
  /** Suffix after the stem of the main output; '' for the main output itself. */
  readonly name: string;
  /** Undefined where the run did not make it. */
  readonly volume: (result: R) => Volume | undefined;
  /** For the header of the file, after "locscale-gpu 1.0: ". */
  readonly label: string | ((result: R) => string);
  /** Content of the file. */
  readonly description: string;
}

/** The main output of scaling. */
export const scaledMap: MapOfRun<LocScaleResult> = {
  key: 'scaled',
  name: '',
  volume: ({ scaled }) => scaled,
  label: ({ soft }) => (soft === undefined ? 'local scaling' : 'soft scaling'),
  shown: { as: 'result', label: 'scaled map' },
  description: 'scaled map on the grid of the input',
};

/** The mask of a run that scales. */
export const maskMap: MapOfRun<{ readonly mask: Volume; readonly softMask?: Volume }> = {
  key: 'mask',
  name: '_mask.mrc',
  volume: ({ mask, softMask }) => softMask ?? mask,
  label: 'mask',
  description: 'scaling mask',
};

/** Results that may have local resolutions. */
interface WithLocalResolution {
  readonly localResolution?: LocalResolutionMaps;
}

/** Also written by the command locres. */
export const resolutionMap = {
  label: 'local resolution, A',
  description: 'local resolution of the half maps, Å; 0 outside the mask',
} as const;
/** The map that goes with them, under other names in both commands. */
export const filteredMap = {
  label: 'filtered at its local resolution',
  description: 'mean of the half maps, low-passed at the resolution of each voxel',
} as const;

/** Outputs of local resolution in runs that scale. */
export const localResolutionMaps = {
  resolution: {
    key: 'locres',
    name: '_locres.mrc',
    volume: ({ localResolution }) => localResolution?.resolution,
    ...resolutionMap,
  },
  filtered: {
    key: 'locresFiltered',
    name: '_locres_filtered.mrc',
    volume: ({ localResolution }) => localResolution?.filtered,
    ...filteredMap,
  },
} as const satisfies Readonly<Record<string, MapOfRun<WithLocalResolution>>>;

/** Measured during scaling. */
export const measuredMaps = {
  bFactor: {
    key: 'bFactor',
    name: '_bfactor.mrc',
    volume: ({ bFactor }) => bFactor,
    label: 'local B factor, A^2',
    shown: { as: 'local', label: 'local B factor', unit: 'Å²' },
    description: 'local B factor, Å²',
  },
  quality: {
    key: 'quality',
    name: '_quality.mrc',
    volume: ({ quality }) => quality,
    label: 'quality of the B-factor fit',
    description: 'R² of the fit of the local B factor',
  },
  bandResolution: {
    key: 'bandResolution',
    name: '_band_resolution.mrc',
    volume: ({ soft }) => soft?.resolution,
    label: 'local resolution from soft bands, A',
    description:
      'resolution at which the half maps stop agreeing around each voxel, Å, from the bands of soft scaling',
  },
  signal: {
    key: 'signal',
    name: '_signal.mrc',
    volume: ({ soft }) => soft?.signal,
    label: 'local signal (RMS density)',
    description: 'RMS density of the signal around each voxel, without noise',
  },
} as const satisfies Readonly<Record<string, MapOfRun<LocScaleResult>>>;

/** Written with --unexplained. */
export const unexplainedMap: MapOfRun<LocScaleResult> = {
  key: 'unexplained',
  name: '_unexplained.mrc',
  volume: ({ unexplained }) => unexplained?.map,
  label: 'density that the reference does not explain',
  description: 'the map, low-passed, where the reference does not explain it; 0 elsewhere',
};

/** All maps that a scaling run can write, the main one first. */
export const mapsOfScaling: readonly MapOfRun<LocScaleResult>[] = [
  scaledMap,
  measuredMaps.bFactor,
  measuredMaps.quality,
  localResolutionMaps.resolution,
  localResolutionMaps.filtered,
  measuredMaps.bandResolution,
  measuredMaps.signal,
  unexplainedMap,
  maskMap,
];
