/**
 * Local resolution of one tile on one thread: cross and power spectra of the windows of both half maps
 * around every mask voxel (kernels/assembly/local-resolution.ts), and the crossing of each curve.
 */
import type { Shape } from '../math/grid.ts';
import {
  coefficientColumns,
  correlationOf,
  correlationShellCount,
  findCrossing,
  roundedShells,
  type WindowWeights,
} from '../math/scaling/local-resolution.ts';
import type { Kernels } from './kernels/kernels.ts';
import { BLOCK, gatherTile, gatherTileMask, makeTileShape, type TileMask, type TileShape } from './tile.ts';
import { findRuns } from './window-profiles.ts';

/** Everything the threads share about a job; volumes are float32 (z, y, x) over shared memory. */
export interface ResolutionTileJob {
  readonly shape: Shape;
  readonly windowVoxels: number;
  readonly weights: WindowWeights;
  /** Voxel size, A. */
  readonly voxelSize: number;
  readonly threshold: number;
  readonly padValues: readonly [number, number];
  readonly tileSize: Shape;
  readonly half1: Float32Array;
  readonly half2: Float32Array;
  readonly mask: Float32Array;
  readonly resolution: Float32Array;
  /** FSC of some shells. */
  readonly correlations: readonly { readonly shell: number; readonly volume: Float32Array }[];
}

/** Bytes of sums per shell of a block of 8 voxels: cross, |A|^2, |B|^2. */
const SUM_BYTES = 96;

export class TileResolver {
  private readonly kernels: Kernels;
  private readonly job: ResolutionTileJob;
  private readonly tile: TileShape;
  private readonly shells: number;
  private readonly input: number;
  private readonly lanes: number;
  private readonly runs: number;
  private readonly sums: number;
  private readonly curve: Float64Array;

  constructor(kernels: Kernels, job: ResolutionTileJob) {
    const { windowVoxels: w, tileSize } = job;
    this.kernels = kernels;
    this.job = job;
    this.tile = resolutionTile(w, tileSize);
    this.shells = correlationShellCount(w);
    this.curve = new Float64Array(this.shells);
    const { zPlanes, planePitch, rowPitch, inputFloats } = this.tile;
    const yIn = tileSize[1] + w - 1;
    const k = kernels;
    const soft = job.weights === 'hann';
    const { words, columns } = columnList(w, soft);
    // The planes of the second map follow those of the first.
    this.input = k.allocate(4 * (zPlanes * planePitch + inputFloats));
    const xPitch = 8 * (tileSize[2] + w);
    const yPitch = 8 * (tileSize[1] + w);
    const xCells = k.allocate(128 * zPlanes * yIn * this.shells);
    k.exports.configureProfiles(
      w,
      2 * zPlanes,
      yIn,
      4 * rowPitch,
      4 * planePitch,
      k.putFloats(phases(w, this.shells, tileSize[2] + w)),
      xPitch,
      0,
      0,
      0,
      0,
      k.allocate(16 * zPlanes * yIn * this.shells),
      xCells,
      0,
      0,
      0,
      0,
      0,
    );
    this.sums = k.allocate(SUM_BYTES * tileSize[0] * this.shells);
    const step = (2 * Math.PI) / w;
    const xTurns = [Math.cos, Math.sin].flatMap((f) =>
      Array.from({ length: tileSize[2] }, (_, x) => f(step * (x % w))),
    );
    k.exports.configureCorrelations(
      k.putWords([
        w,
        zPlanes,
        yIn,
        soft ? 1 : 0,
        xCells,
        k.allocate(128 * zPlanes * columns),
        k.allocate(128 * zPlanes),
        k.allocate(128 * zPlanes),
        k.allocate(128 * (w + zPlanes)),
        k.allocate(3 * 128 * zPlanes),
        this.sums,
        k.putFloats(phases(w, w, tileSize[1] + w)),
        yPitch,
        k.putFloats(phases(w, w, w / 2)),
        k.putFloats(xTurns),
        4 * tileSize[2],
        k.putWords(words),
        this.shells,
      ]),
    );
    this.lanes = k.allocate((tileSize[0] * tileSize[1] * tileSize[2]) / 8);
    this.runs = k.allocate(8 * tileSize[0]);
  }

  /** Resolves the mask voxels of the tile whose first voxel is `start`; returns their number. */
  run(start: Shape): number {
    const { kernels, job, tile } = this;
    const mask = gatherTileMask(kernels, tile, job.mask, job.shape, start, this.lanes);
    if (mask.count === 0) return 0;
    const second = this.input + 4 * tile.zPlanes * tile.planePitch;
    gatherTile(kernels, tile, job.half1, job.shape, start, job.padValues[0], this.input);
    gatherTile(kernels, tile, job.half2, job.shape, start, job.padValues[1], second);
    const [nz, ny] = tile.size;
    let next = 0;
    for (let block = mask.firstBlock; block <= mask.lastBlock; block++) {
      if (block === mask.firstBlock) kernels.exports.seedX(this.input, BLOCK * block);
      kernels.exports.slideX(this.input, BLOCK * block);
      if (mask.lastRow[block] < 0) continue;
      if (job.weights === 'hann') kernels.exports.softenX(BLOCK * block);
      let seed = true;
      for (let y = 0; y <= Math.min(ny - 1, mask.lastRow[block]); y++) {
        const at = (block * ny + y) * nz;
        const runs = findRuns(mask.lanes, at, nz);
        // Before the first wanted row the recursion has not begun.
        if (runs.length === 0 && seed) continue;
        kernels.words(this.runs, runs.length).set(runs);
        kernels.exports.correlateRow(seed, y, this.runs, runs.length / 2);
        seed = false;
        next = this.resolveRow(mask, at, next);
      }
    }
    return mask.count;
  }

  /** Curves of the mask voxels of one row, in the order z, lane; returns the number after the last one. */
  private resolveRow(mask: TileMask, at: number, first: number): number {
    const { job, curve, shells } = this;
    const [nz] = this.tile.size;
    const sums = this.kernels.floats(this.sums, (SUM_BYTES / 4) * nz * shells);
    const edge = job.windowVoxels * job.voxelSize;
    let next = first;
    for (let z = 0; z < nz; z++) {
      const bits = mask.lanes[at + z];
      for (let lane = 0; lane < BLOCK; lane++) {
        if ((bits & (1 << lane)) === 0) continue;
        for (let r = 0, i = z * shells * 24 + lane; r < shells; r++, i += 24)
          curve[r] = correlationOf(sums[i], sums[i + 8], sums[i + 16]);
        const voxel = mask.voxels[next++];
        job.resolution[voxel] = edge / findCrossing(curve, job.threshold);
        for (const { shell, volume } of job.correlations) volume[voxel] = curve[shell];
      }
    }
    return next;
  }
}

function resolutionTile(w: number, size: Shape): TileShape {
  return makeTileShape(w, size, size.map((n) => n + w - 1) as unknown as Shape);
}

/** Kernel memory of a TileResolver, bytes. */
export function resolverBytes(w: number, weights: WindowWeights, size: Shape): number {
  const { zPlanes, planePitch, inputFloats } = resolutionTile(w, size);
  const shells = correlationShellCount(w);
  const { words, columns } = columnList(w, weights === 'hann');
  const cells = 144 * zPlanes * (size[1] + w - 1) * shells + 128 * zPlanes * (columns + 7) + 128 * w;
  const tables = 8 * (shells * (size[2] + w) + w * (size[1] + 2 * w) + size[2]) + 4 * words.length;
  const voxels = size[0] * size[1] * size[2];
  return (
    4 * (zPlanes * planePitch + inputFloats) +
    cells +
    tables +
    SUM_BYTES * size[0] * shells +
    voxels / 8 +
    65536
  );
}

/** {cos, sin} of 2 pi k u / w, k < rows, u < length. */
function phases(w: number, rows: number, length: number): Float64Array {
  const table = new Float64Array(2 * rows * length);
  for (let k = 0, i = 0; k < rows; k++) {
    for (let u = 0; u < length; u++) {
      const angle = (2 * Math.PI * ((k * u) % w)) / w;
      table[i++] = Math.cos(angle);
      table[i++] = Math.sin(angle);
    }
  }
  return table;
}

/**
 * The coefficients in the kernel's order: planes 0 < c < h first, which count twice, then 0 and h. With soft
 * windows each plane begins and ends with a column that is only a neighbour.
 */
export function columnList(w: number, soft: boolean): { words: number[]; columns: number } {
  const h = w / 2;
  const shellOf = roundedShells(w);
  const all = coefficientColumns(w);
  const words: number[] = [];
  let columns = 0;
  const modulo = (k: number): number => (k + 2 * w) % w;
  for (const c of [...Array.from({ length: h - 1 }, (_, i) => i + 1), 0, h]) {
    const plane = all.filter((column) => column.c === c);
    const margin = soft ? 1 : 0;
    words.push(c, plane.length + 2 * margin, c === h - 1 ? 1 : 0);
    columns += plane.length + 2 * margin;
    if (soft) words.push(modulo(plane[0].b - 1), 0, 0);
    for (const { b, deepest } of plane) {
      const first = Math.max(-deepest, 1 - h);
      words.push(modulo(b), deepest - first + 1, modulo(first));
      for (let a = first; a <= deepest; a++) words.push(shellOf[a * a + b * b + c * c]);
    }
    if (soft) words.push(modulo(plane[plane.length - 1].b + 1), 0, 0);
  }
  return { words, columns };
}
