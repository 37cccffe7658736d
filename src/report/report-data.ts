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
  /** Fixes its colour in all figures. */
  readonly role: MapRole;
  /** As in legends. */
  readonly label: string;
  /** Normal to z, y, x, through `ReportData.centre`, whole box. */
  readonly sections: readonly Section[];
  /** Amplitude profile of each window of `ReportData.windows`. */
  readonly profiles: readonly Float64Array[];
  /** Of the crop. */
  readonly solid: Solid;
}

/** A small copy of a map for the view in three dimensions. */
export interface Solid {
  /** Of the copy (z, y, x), at most SOLID_EDGE each. */
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
  /** As in captions. */
  readonly label: string;
  /** Empty for numbers without one. */
  readonly unit: string;
  /** NaN outside the mask. */
  readonly sections: readonly Section[];
}

/** Windows in which profiles are taken, of `edge` voxels. */
export interface Windows {
  /** Voxels; that of the scaling. */
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
  /** The whole box lies inside the map. */
  readonly start: readonly number[];
  /** Equal along all axes. */
  readonly size: number;
  /** In the unit of the map; close to 0 where the background was subtracted. */
  readonly mean: number;
  /** In the unit of the map. */
  readonly sd: number;
  /** Share of its voxels that lie in the mask. */
  readonly inMask: number;
}

/** Largest values along z, y, x, whole box. */
export interface Projections {
  /** Of the input, three sections. */
  readonly map: readonly Section[];
  /** Of what the reference does not explain, on the same grid. */
  readonly unexplained: readonly Section[];
}

/** All that figures and checks need; a few megabytes, whatever the size of the map. */
export interface ReportData {
  /** Of the box (z, y, x). */
  readonly shape: Shape;
  /** A. */
  readonly voxelSize: number;
  /** Voxel (z, y, x) nearest to the mask's centre of gravity. */
  readonly centre: Shape;
  /** The mask and a margin. */
  readonly crop: VoxelBox;
  /** Counts are of voxels above 0.5. */
  readonly mask: {
    readonly voxels: number;
    /** Share of the box. */
    readonly share: number;
    /** Voxels of the mask on the faces of the box. */
    readonly onFaces: number;
    readonly sections: readonly Section[];
  };
  /** Empty where no noise was measured. */
  readonly noiseBoxes: readonly NoiseBoxData[];
  /** The same for all maps, so that their profiles can be compared. */
  readonly windows: Windows;
  /** One per role at most. */
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
