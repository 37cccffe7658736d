/**
 * Finds what a report shows in the volumes of a run. One map is in memory at a time, next to the mask;
 * what stays are sections, profiles of sampled windows and small copies: a few megabytes.
 */
import type { Shape } from '../math/grid.ts';
import type { RadialProfileKind } from '../math/scaling/windows.ts';
import type { Assessment } from '../pipeline/types.ts';
import { localPower } from './local-power.ts';
import { placeWindows, profilesOf, sampleMask } from './local-windows.ts';
import type {
  LocalMapData,
  MapRole,
  NoiseBoxData,
  Projections,
  ReportData,
  ReportedMap,
} from './report-data.ts';
import { axes, cutSection, projectAlong, type Section, type VoxelBox } from './section.ts';
import { shrink } from './solid.ts';

/** A map of the run, loaded when it is its turn. */
export interface MapToShow {
  /** Colour and column of the map. */
  readonly role: MapRole;
  /** As in legends. */
  readonly label: string;
  /** (z, y, x), x fastest. */
  readonly load: () => Promise<ArrayLike<number>>;
}

/** Values at every voxel, in `unit` ('' for numbers without one); (z, y, x), x fastest. */
export interface LocalToShow {
  /** As in captions. */
  readonly label: string;
  readonly unit: string;
  /** Called once; the voxels are dropped after its figures. */
  readonly load: () => Promise<ArrayLike<number>>;
}

/** Everything that a report is drawn from. Volumes are (z, y, x), x fastest, and loaded one at a time. */
export interface RunToShow {
  /** Of all volumes. */
  readonly shape: Shape;
  /** A. */
  readonly voxelSize: number;
  /** Edge of the scaling window. */
  readonly windowVoxels: number;
  /** Profiles of the report are those of the scaling. */
  readonly profileKind: RadialProfileKind;
  /** A; the cut-off of the run. */
  readonly resolution: number;
  /** How much of them lies in the mask is measured here. */
  readonly noiseBoxes: readonly Omit<NoiseBoxData, 'inMask'>[];
  /** Loaded first: windows and crop follow from it. */
  readonly mask: () => Promise<ArrayLike<number>>;
  /** Input and result, and a reference if there is one. */
  readonly maps: readonly MapToShow[];
  /** At most one: local B factor, resolution or pVDDT. */
  readonly local?: LocalToShow;
  /** Shown as it is. */
  readonly assessment?: Assessment;
  /** Density that the reference does not explain, where there is any. */
  readonly unexplained?: () => Promise<ArrayLike<number>>;
}

/** Voxels of the mask that stand for all of them in histograms. */
const HISTOGRAM_SAMPLE = 20_000;
/** Margin of what is shown around the mask, as a share of the scaling window. */
const CROP_MARGIN = 0.25;
/** Share of the mask that may stick out at each side: a speck in a corner would make all else small. */
const STRAYS = 0.001;

/**
 * Collects the data of a report. Downloads every volume once; the most memory is a map, the mask in bytes,
 * and the unexplained density if there is any.
 */
export async function collectReportData(run: RunToShow): Promise<ReportData> {
  const { shape, voxelSize, windowVoxels, resolution } = run;
  const mask = bytesOf(await run.mask());
  const extent = measureMask(mask, shape);
  const crop = growBox(extent, shape, Math.ceil(CROP_MARGIN * windowVoxels));
  const { centre } = extent;
  const windows = placeWindows(mask, extent.voxels, { shape, voxelSize, edge: windowVoxels, resolution });
  const wholeBox: VoxelBox = { start: [0, 0, 0], size: shape };
  const cut = (data: ArrayLike<number>): Section[] =>
    axes.map((axis) => cutSection(data, shape, wholeBox, axis, centre[axis]));

  const maps: ReportedMap[] = [];
  const unexplained = await run.unexplained?.();
  let projections: Projections | undefined;
  const powers: Partial<Record<MapRole, Section[]>> = {};
  for (const { role, label, load } of run.maps) {
    const data = await load();
    maps.push({
      role,
      label,
      sections: cut(data),
      profiles: profilesOf(data, shape, windows, run.profileKind),
      solid: shrink(data, shape, crop),
    });
    if (role === 'input' && unexplained !== undefined) projections = projectionsOf(data, unexplained, shape);
    // The gain compares result and input; that of a reference would show nothing.
    if (role !== 'reference')
      powers[role] = axes.map((axis) => localPower(data, mask, shape, axis, centre[axis], windowVoxels));
  }
  return {
    shape,
    voxelSize,
    centre,
    crop,
    mask: {
      voxels: extent.voxels,
      share: extent.voxels / mask.length,
      onFaces: extent.onFaces,
      sections: cut(mask),
    },
    noiseBoxes: run.noiseBoxes.map((box) => ({ ...box, inMask: shareInMask(mask, shape, box) })),
    windows,
    maps,
    projections,
    gain: gainOf(powers.input ?? [], powers.result ?? []),
    assessment: run.assessment,
    local: run.local === undefined ? undefined : await localOf(run.local, mask, extent.voxels, cut),
  };
}

/** Maximum projections of the map and of the unexplained density. */
function projectionsOf(map: ArrayLike<number>, unexplained: ArrayLike<number>, shape: Shape): Projections {
  const of = (data: ArrayLike<number>): Section[] => axes.map((axis) => projectAlong(data, shape, axis));
  return { map: of(map), unexplained: of(unexplained) };
}

/** The mask with one byte per voxel, 1 where it is above 0.5: it stays while maps come and go. */
function bytesOf(mask: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(mask.length);
  for (let i = 0; i < bytes.length; i++) if (mask[i] > 0.5) bytes[i] = 1;
  return bytes;
}

/** The box around the mask, without strays, and its centre of gravity. */
interface MaskExtent extends VoxelBox {
  /** Above 0.5. */
  readonly voxels: number;
  /** Centre of gravity, rounded to a voxel. */
  readonly centre: Shape;
  /** More than a few mean a box too small, or a mask of noise. */
  readonly onFaces: number;
}

/**
 * Counts mask voxels per plane along each axis, from which centre and extent follow. Voxels on faces are
 * counted once.
 */
function measureMask(mask: Uint8Array, shape: Shape): MaskExtent {
  const counts = shape.map((n) => new Float64Array(n)) as [Float64Array, Float64Array, Float64Array];
  let onFaces = 0;
  let index = 0;
  for (let z = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      const edge = z === 0 || z === shape[0] - 1 || y === 0 || y === shape[1] - 1;
      let count = 0;
      for (let x = 0; x < shape[2]; x++) {
        if (mask[index++] === 0) continue;
        count++;
        counts[2][x]++;
        if (edge || x === 0 || x === shape[2] - 1) onFaces++;
      }
      counts[0][z] += count;
      counts[1][y] += count;
    }
  }
  const voxels = counts[0].reduce((sum, count) => sum + count, 0);
  const start = counts.map((list) => firstBeyond(list, STRAYS * voxels));
  const end = counts.map((list) => list.length - firstBeyond(list.toReversed(), STRAYS * voxels));
  return {
    voxels,
    onFaces,
    start: start as unknown as Shape,
    size: end.map((v, axis) => v - start[axis]) as unknown as Shape,
    centre: counts.map((list) =>
      Math.round(list.reduce((sum, count, i) => sum + count * i, 0) / voxels),
    ) as unknown as Shape,
  };
}

/** First index at which the running sum exceeds `limit`. */
function firstBeyond(counts: Float64Array, limit: number): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    sum += counts[i];
    if (sum > limit) return i;
  }
  return 0;
}

/** The box with a margin in voxels, clipped to the map. */
function growBox({ start, size }: VoxelBox, shape: Shape, margin: number): VoxelBox {
  const from = start.map((v) => Math.max(0, v - margin));
  return {
    start: from as unknown as Shape,
    size: size.map(
      (n, axis) => Math.min(shape[axis], start[axis] + n + margin) - from[axis],
    ) as unknown as Shape,
  };
}

/** Share of a noise box that lies in the mask. */
function shareInMask(mask: Uint8Array, shape: Shape, { start, size }: Omit<NoiseBoxData, 'inMask'>): number {
  let inside = 0;
  const [z0, y0, x0] = start as unknown as Shape;
  for (let z = z0; z < z0 + size; z++)
    for (let y = y0; y < y0 + size; y++)
      for (let x = x0; x < x0 + size; x++) inside += mask[(z * shape[1] + y) * shape[2] + x];
  return inside / size ** 3;
}

/**
 * Square root of the ratio of local powers, relative to its median: the overall scale of a scaled map means
 * nothing. The distribution is taken over the three sections.
 */
function gainOf(input: readonly Section[], result: readonly Section[]): LocalMapData {
  const ratios = result.map((section, i) => ({
    ...section,
    values: section.values.map((power, at) => Math.sqrt(power / input[i].values[at])),
  }));
  const sorted = sortFinite(ratios.flatMap(({ values }) => [...values]));
  const median = sorted[Math.floor(sorted.length / 2)] ?? 1;
  return {
    label: 'gain',
    unit: '',
    sections: ratios.map((section) => ({ ...section, values: section.values.map((v) => v / median) })),
    sorted: sorted.map((v) => v / median),
  };
}

/** Sections and distribution of values measured at every voxel; NaN outside the mask. */
async function localOf(
  { label, unit, load }: LocalToShow,
  mask: Uint8Array,
  maskVoxels: number,
  cut: (data: ArrayLike<number>) => Section[],
): Promise<LocalMapData> {
  const data = await load();
  const inside = cut(mask);
  return {
    label,
    unit,
    sections: cut(data).map((section, i) => ({
      ...section,
      values: section.values.map((v, at) => (inside[i].values[at] > 0.5 ? v : Number.NaN)),
    })),
    sorted: sortFinite(sampleMask(mask, maskVoxels, HISTOGRAM_SAMPLE).map((index) => data[index])),
  };
}

/** Ascending; NaN and infinities are left out. */
function sortFinite(values: readonly number[]): Float32Array {
  return Float32Array.from(values.filter((v) => Number.isFinite(v))).sort();
}
