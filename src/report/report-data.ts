/**
 * What a report shows, as numbers: found in the volumes of a run (collect.ts), drawn by the rest of this
 * folder.
 */
import type { Shape } from '../math/grid.ts';
import type { Assessment } from '../pipeline/types.ts';
import type { Section, VoxelBox } from './section.ts';

/**
 * `input`: before. `result`: after. `reference`: whose amplitudes were imposed, or what the result is
 * compared with.
 */
export type MapRole = 'input' | 'reference' | 'result';

/** A map of the run with all that figures need of it. */
export interface ReportedMap {
  readonly role: MapRole;
  readonly label: string;
  /** Normal to z, y, x, through `ReportData.centre`, whole box. */
  readonly sections: readonly Section[];
  /** Amplitude profile of each window of `ReportData.windows`. */
  readonly profiles: readonly Float64Array[];
  readonly solid: Solid;
}

/** A small copy of a map for the view in three dimensions. */
export interface Solid {
  readonly shape: Shape;
  /** 255 sqrt(value / highest), values below 0 as 0. */
  readonly bytes: Uint8Array;
}

/** Values of one kind over the mask: B factors, pVDDT, the gain. */
export interface Distribution {
  /** Ascending; a sample spread evenly over the mask. */
  readonly sorted: Float32Array;
}

/** Values measured at every voxel, in `unit`. */
export interface LocalMapData extends Distribution {
  readonly label: string;
  readonly unit: string;
  /** NaN outside the mask. */
  readonly sections: readonly Section[];
}

/** Windows in which profiles are taken, of `edge` voxels. */
export interface Windows {
  readonly edge: number;
  /** Voxel (z, y, x) at index edge/2 of each window. */
  readonly centres: readonly Shape[];
  /** Share of the mask in each window. */
  readonly fill: readonly number[];
  /** Windows looked at to find these. */
  readonly candidates: number;
  /** 1/A, one for each shell. */
  readonly frequency: Float64Array;
  /** Shells of the fit of B factors; undefined where the resolution leaves fewer than 3. */
  readonly fit: { readonly start: number; readonly end: number } | undefined;
}

/**
 * A box in which the noise was measured: first voxel (z, y, x), edge in voxels, and the statistics of its
 * voxels.
 */
export interface NoiseBoxData {
  readonly start: readonly number[];
  readonly size: number;
  readonly mean: number;
  readonly sd: number;
  /** Share of its voxels that lie in the mask. */
  readonly inMask: number;
}

/** Largest values along z, y, x, whole box. */
export interface Projections {
  readonly map: readonly Section[];
  readonly unexplained: readonly Section[];
}

/** All that figures and checks need; a few megabytes, whatever the size of the map. */
export interface ReportData {
  readonly shape: Shape;
  /** A. */
  readonly voxelSize: number;
  /** Voxel (z, y, x) nearest to the mask's centre of gravity. */
  readonly centre: Shape;
  /** The mask and a margin. */
  readonly crop: VoxelBox;
  readonly mask: {
    readonly voxels: number;
    /** Share of the box. */
    readonly share: number;
    /** Voxels of the mask on the faces of the box. */
    readonly onFaces: number;
    readonly sections: readonly Section[];
  };
  readonly noiseBoxes: readonly NoiseBoxData[];
  readonly windows: Windows;
  readonly maps: readonly ReportedMap[];
  /** Root-mean-square of the result over that of the input, around each voxel. */
  readonly gain: LocalMapData;
  /** Projections of the input and of the density that the reference does not explain, if any was found. */
  readonly projections?: Projections;
  /** A map that the run itself has measured: local B factor, pVDDT. */
  readonly local: LocalMapData | undefined;
  /** Of maps that were compared with a model. */
  readonly assessment?: Assessment;
}

/** The map in that role, if the run has one. */
export function mapOf(reportData: ReportData, role: MapRole): ReportedMap | undefined {
  return reportData.maps.find((map) => map.role === role);
}

/**
 * Value below which the share `p` of an ascending list lies, linear between entries; NaN for an empty list.
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
