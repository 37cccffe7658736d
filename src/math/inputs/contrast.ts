/**
 * Whether density is bright or dark. In a map of usual contrast the molecule is the minority of voxels,
 * brighter than solvent; averaged over blocks of about 6 A, where noise averages out, values are then skewed
 * to the positive side. A map is called inverted only where three independent signs agree, so that tight
 * boxes (no solvent), hollow shells (dark centre) and pure noise are not accused.
 */
import type { Shape } from '../grid.ts';
import { correlationInside } from '../statistics/statistics.ts';

/** Edge of the blocks, A; larger ones show a particle in noise that drowns it at this scale. */
const BLOCK_ANGSTROM = 6;
const BLOCK_SCALES = [1, 2, 4];
/** With fewer blocks along an axis border and centre cannot be compared. */
const FEWEST_BLOCKS = 6;
/**
 * Skewness of the blocks from here on (negative) is a sign; maps of usual contrast had -0.4 (a tight box) to
 * 8.
 */
const INVERTED_SKEWNESS = -0.5;
/** The darkest blocks lie this many times as far from the median as the brightest. */
const INVERTED_REACH = 1.5;
/** Centre darker than border by this many standard deviations of the blocks. */
const INVERTED_CENTRE = -0.25;
/** Share of each axis that counts as border on either side, and as centre. */
const BORDER_SHARE = 0.1;
const CENTRE_SHARE = 0.5;
/** Rank of what counts as the darkest and the brightest blocks. */
const EXTREME_RANK = 0.002;

export interface Contrast {
  readonly skewness: number;
  /** (median - darkest) / (brightest - median). */
  readonly reach: number;
  /** (mean of the centre - mean of the border) / standard deviation. */
  readonly centre: number;
  readonly inverted: boolean;
}

/**
 * Result of the first scale at which the map seems inverted, else of the finest. Undefined if too small or
 * constant.
 */
export function contrastOf(finest: Blocks): Contrast | undefined {
  // Blocks of blocks: the voxels are read once.
  const contrasts = BLOCK_SCALES.map((scale) =>
    contrastOfBlocks(scale === 1 ? finest : averageBlocks(finest.blocks, finest.shape, scale)),
  );
  return contrasts.find((contrast) => contrast?.inverted) ?? contrasts[0];
}

function contrastOfBlocks({ blocks, shape: count }: Blocks): Contrast | undefined {
  if (Math.min(...count) < FEWEST_BLOCKS) return undefined;
  let total = 0;
  for (let i = 0; i < blocks.length; i++) total += blocks[i];
  const mean = total / blocks.length;
  let second = 0;
  let third = 0;
  for (let i = 0; i < blocks.length; i++) {
    const deviation = blocks[i] - mean;
    const square = deviation * deviation;
    second += square;
    third += square * deviation;
  }
  const sd = Math.sqrt(second / blocks.length);
  if (!(sd > 0)) return undefined;
  const sorted = blocks.slice().sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))];
  const median = at(0.5);
  const skewness = third / blocks.length / sd ** 3;
  const reach = (median - at(EXTREME_RANK)) / Math.max(at(1 - EXTREME_RANK) - median, Number.MIN_VALUE);
  const means = partMeans(blocks, count);
  const centre = (means.centre - means.border) / sd;
  const inverted = skewness < INVERTED_SKEWNESS && reach > INVERTED_REACH && centre < INVERTED_CENTRE;
  return { skewness, reach, centre, inverted };
}

/** Means of a map over cubes of about 6 A. */
export interface Blocks {
  readonly blocks: Float64Array;
  readonly shape: Shape;
  /** Of the cubes, voxels. */
  readonly edge: number;
}

/** What checks of the contrast need of a map. */
export interface Overview {
  readonly blocks: Blocks;
  readonly contrast: Contrast | undefined;
}

/** `data`: (z, y, x); `voxelSize` in angstrom. */
export function overviewOf(data: ArrayLike<number>, shape: Shape, voxelSize: number): Overview {
  const blocks = blocksOf(data, shape, voxelSize);
  return { blocks, contrast: contrastOf(blocks) };
}

/** Whether it is the one that `overviewOf` makes at this voxel size. */
export function isOverviewAt(voxelSize: number, { blocks }: Overview): boolean {
  return blocks.edge === blockEdge(voxelSize);
}

/** Means over cubes of `edge` voxels; remainders at the far faces are dropped. */
function averageBlocks(data: ArrayLike<number>, [nz, ny, nx]: Shape, edge: number): Blocks {
  const shape: Shape = [Math.floor(nz / edge), Math.floor(ny / edge), Math.floor(nx / edge)];
  const blocks = new Float64Array(shape[0] * shape[1] * shape[2]);
  const voxels = edge ** 3;
  for (let z = 0; z < shape[0] * edge; z++) {
    for (let y = 0; y < shape[1] * edge; y++) {
      const from = (z * ny + y) * nx;
      const to = (Math.floor(z / edge) * shape[1] + Math.floor(y / edge)) * shape[2];
      for (let bx = 0; bx < shape[2]; bx++) {
        let sum = 0;
        for (let k = 0; k < edge; k++) sum += data[from + bx * edge + k];
        blocks[to + bx] += sum / voxels;
      }
    }
  }
  return { blocks, shape, edge };
}

/** Means of the blocks in the middle of the box, and of those at its faces. */
function partMeans(blocks: Float64Array, shape: Shape): { centre: number; border: number } {
  const within = (margin: number): Uint8Array[] =>
    shape.map((n) =>
      Uint8Array.from({ length: n }, (_, i) => (Math.abs((i + 0.5) / n - 0.5) <= 0.5 - margin ? 1 : 0)),
    );
  const [centreZ, centreY, centreX] = within((1 - CENTRE_SHARE) / 2);
  const [innerZ, innerY, innerX] = within(BORDER_SHARE);
  let centre = 0;
  let centreCount = 0;
  let border = 0;
  let borderCount = 0;
  for (let z = 0, i = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++) {
      const [inCentre, inside] = [centreZ[z] & centreY[y], innerZ[z] & innerY[y]];
      for (let x = 0; x < shape[2]; x++, i++) {
        if ((inCentre & centreX[x]) !== 0) {
          centre += blocks[i];
          centreCount++;
        }
        if ((inside & innerX[x]) === 0) {
          border += blocks[i];
          borderCount++;
        }
      }
    }
  return { centre: centre / centreCount, border: border / borderCount };
}

/**
 * Correlation of neighbouring blocks, over the whole map: noise has none at this distance, density has.
 * Undefined if the map is too small or constant.
 */
export function neighbourCorrelation(
  data: ArrayLike<number>,
  shape: Shape,
  voxelSize: number,
): number | undefined {
  const { blocks, shape: count } = averageBlocks(data, shape, blockEdge(voxelSize));
  if (Math.min(...count) < FEWEST_BLOCKS) return undefined;
  const mean = blocks.reduce((sum, value) => sum + value, 0) / blocks.length;
  const variance = blocks.reduce((sum, value) => sum + (value - mean) ** 2, 0) / blocks.length;
  if (!(variance > 0)) return undefined;
  let [sum, pairs] = [0, 0];
  for (const [stride, n] of [
    [1, count[2]],
    [count[2], count[1]],
    [count[1] * count[2], count[0]],
  ] as const) {
    for (let i = 0; i + stride < blocks.length; i++) {
      if (Math.floor(i / stride) % n === n - 1) continue;
      sum += (blocks[i] - mean) * (blocks[i + stride] - mean);
      pairs++;
    }
  }
  return sum / pairs / variance;
}

/** `data`: (z, y, x); `voxelSize` in angstrom. */
export function blocksOf(data: ArrayLike<number>, shape: Shape, voxelSize: number): Blocks {
  return averageBlocks(data, shape, blockEdge(voxelSize));
}

/** Of the mean of maps. */
export function meanBlocks(all: readonly Blocks[]): Blocks {
  const [first] = all;
  const sum = (i: number): number => all.reduce((total, one) => total + one.blocks[i], 0);
  return { ...first, blocks: first.blocks.map((_, i) => sum(i) / all.length) };
}

/** Correlation of the blocks of two maps: far below 0 where they have opposite contrast. */
export function blockCorrelation({ blocks: one }: Blocks, { blocks: two }: Blocks): number {
  return correlationInside(one, two);
}

function blockEdge(voxelSize: number): number {
  return Math.max(1, Math.round(BLOCK_ANGSTROM / voxelSize));
}
