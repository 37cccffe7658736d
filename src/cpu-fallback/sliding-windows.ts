/**
 * Transforms of the windows around the mask voxels of a tile, of two maps at once, row by row
 * (kernels/assembly/local-resolution.ts): memory of the kernel, its tables, and the walk through a tile.
 */
import type { Shape } from '../math/grid.ts';
import type { Kernels } from './kernels/kernels.ts';
import { correlationFields, putParameters, slidingFields } from './kernels/parameters.ts';
import { BLOCK, gatherTile, makeTileShape, type TileMask, type TileShape } from './tile.ts';
import { findRuns, phaseTable } from './window-profiles.ts';

/** The coefficients of a window in the kernel's order, plane after plane. */
export interface ColumnList {
  /** u32, as the kernel reads them. */
  readonly words: readonly number[];
  /** Planes c. */
  readonly planes: number;
  /** Columns (b, c), of all planes. */
  readonly columns: number;
}

/** Windows to slide, and which sums to take. */
export interface SlidingSettings {
  /** w, even. */
  readonly windowVoxels: number;
  /** Voxels (z, y, x) of a tile. */
  readonly size: Shape;
  /** Coefficients that belong to some shell. */
  readonly list: ColumnList;
  /** Hann weights. */
  readonly soft: boolean;
  /** Sums absolute values of the coefficients instead of products; soft windows only. */
  readonly amplitudes: boolean;
}

/** Bytes of the three sums per shell of a block of 8 voxels. */
const SUM_BYTES = 96;

/** Fourier coefficients of windows around consecutive voxels, each from the one before (docs/method.md). */
export class SlidingWindows {
  /** w / 2 + 1. */
  readonly shells: number;
  /** Of this thread. */
  private readonly kernels: Kernels;
  /** Shape of the input with its margins. */
  private readonly tile: TileShape;
  /** Hann weights: each coefficient takes its neighbours' along every axis. */
  private readonly soft: boolean;
  /** Address of both maps, one behind the other. */
  private readonly input: number;
  /** Address of the list of runs of mask voxels. */
  private readonly runs: number;
  /** Address of the sums per shell of a block of voxels. */
  private readonly sums: number;

  constructor(kernels: Kernels, { windowVoxels: w, size, list, soft, amplitudes }: SlidingSettings) {
    this.kernels = kernels;
    this.soft = soft;
    this.tile = windowTile(w, size);
    this.shells = w / 2 + 1;
    const { zPlanes, planePitch, rowPitch, inputFloats } = this.tile;
    const rows = size[1] + w - 1;
    const k = kernels;
    // The planes of the second map follow those of the first.
    this.input = k.allocate(4 * (zPlanes * planePitch + inputFloats));
    const xCells = k.allocate(128 * zPlanes * rows * this.shells);
    k.exports.configureSliding(
      putParameters(k, slidingFields, {
        windowVoxels: w,
        planes: 2 * zPlanes,
        rows,
        rowPitch: 4 * rowPitch,
        planePitch: 4 * planePitch,
        xTable: k.putFloats(phaseTable(w, this.shells, size[2] + w)),
        xTablePitch: 8 * (size[2] + w),
        xState: k.allocate(16 * zPlanes * rows * this.shells),
        xCells,
      }),
    );
    this.sums = k.allocate(SUM_BYTES * size[0] * this.shells);
    const step = (2 * Math.PI) / w;
    const xTurns = [Math.cos, Math.sin].flatMap((f) =>
      Array.from({ length: size[2] }, (_, x) => f(step * (x % w))),
    );
    k.exports.configureCorrelations(
      putParameters(k, correlationFields, {
        windowVoxels: w,
        planes: zPlanes,
        rows,
        soft: soft ? 1 : 0,
        amplitudes: amplitudes ? 1 : 0,
        xCells,
        yCells: k.allocate(128 * zPlanes * list.columns),
        delta: k.allocate(128 * zPlanes),
        column: k.allocate(128 * zPlanes),
        folded: k.allocate(128 * (w + zPlanes)),
        series: k.allocate(3 * 128 * zPlanes),
        sums: this.sums,
        yTable: k.putFloats(phaseTable(w, w, size[1] + w)),
        yTablePitch: 8 * (size[1] + w),
        zTable: k.putFloats(phaseTable(w, w, w / 2)),
        xTable: k.putFloats(xTurns),
        xTablePitch: 4 * size[2],
        list: k.putWords(list.words),
        listedPlanes: list.planes,
      }),
    );
    this.runs = k.allocate(8 * size[0]);
  }

  /**
   * Walks through the tile at `start`. `onRow` receives the row's offset in `TileMask.lanes` and the sums of
   * its voxels: [z][shell][3][lane].
   */
  run(
    start: Shape,
    shape: Shape,
    mask: TileMask,
    maps: readonly [Float32Array, Float32Array],
    padValues: readonly [number, number],
    onRow: (at: number, sums: Float32Array) => void,
  ): void {
    const { kernels, tile, shells } = this;
    const second = this.input + 4 * tile.zPlanes * tile.planePitch;
    gatherTile(kernels, tile, maps[0], shape, start, padValues[0], this.input);
    gatherTile(kernels, tile, maps[1], shape, start, padValues[1], second);
    const [nz, ny] = tile.size;
    for (let block = mask.firstBlock; block <= mask.lastBlock; block++) {
      if (block === mask.firstBlock) kernels.exports.seedX(this.input, BLOCK * block);
      kernels.exports.slideX(this.input, BLOCK * block);
      if (mask.lastRow[block] < 0) continue;
      if (this.soft) kernels.exports.softenX(BLOCK * block);
      let seed = true;
      for (let y = 0; y <= Math.min(ny - 1, mask.lastRow[block]); y++) {
        const at = (block * ny + y) * nz;
        const runs = findRuns(mask.lanes, at, nz);
        // The recursion starts at the first requested row.
        if (runs.length === 0 && seed) continue;
        kernels.words(this.runs, runs.length).set(runs);
        kernels.exports.correlateRow(seed, y, this.runs, runs.length / 2);
        seed = false;
        onRow(at, kernels.floats(this.sums, (SUM_BYTES / 4) * nz * shells));
      }
    }
  }
}

/** A tile without convolutions: its box is what the windows of its voxels read. */
function windowTile(w: number, size: Shape): TileShape {
  return makeTileShape(w, size, size.map((n) => n + w - 1) as unknown as Shape);
}

/** Kernel memory of SlidingWindows, bytes. */
export function slidingBytes(w: number, size: Shape, { words, columns }: ColumnList): number {
  const { zPlanes, planePitch, inputFloats } = windowTile(w, size);
  const shells = w / 2 + 1;
  const cells = 144 * zPlanes * (size[1] + w - 1) * shells + 128 * zPlanes * (columns + 7) + 128 * w;
  const tables = 8 * (shells * (size[2] + w) + w * (size[1] + 2 * w) + size[2]) + 4 * words.length;
  return 4 * (zPlanes * planePitch + inputFloats) + cells + tables + SUM_BYTES * size[0] * shells + 65536;
}

/** A plane of coefficients: c along x; for each b along y the first and last a along z, with their shells. */
export interface ListedPlane {
  /** Frequency along x. */
  readonly c: number;
  /** All sums so far count twice. */
  readonly doubles: boolean;
  /** Ascending by one. */
  readonly columns: readonly {
    readonly b: number;
    readonly firstA: number;
    readonly shells: readonly number[];
  }[];
}

/**
 * Encodes the planes for the kernel. With soft windows each plane begins and ends with a column used as
 * neighbour only.
 */
export function listColumns(w: number, planes: readonly ListedPlane[], soft: boolean): ColumnList {
  const words: number[] = [];
  let listed = 0;
  const modulo = (k: number): number => (k + 2 * w) % w;
  for (const { c, doubles, columns } of planes) {
    const count = columns.length + (soft ? 2 : 0);
    words.push(c, count, doubles ? 1 : 0);
    listed += count;
    if (soft) words.push(modulo(columns[0].b - 1), 0, 0);
    for (const { b, firstA, shells } of columns)
      words.push(modulo(b), shells.length, modulo(firstA), ...shells);
    if (soft) words.push(modulo(columns[columns.length - 1].b + 1), 0, 0);
  }
  return { words, planes: planes.length, columns: listed };
}
