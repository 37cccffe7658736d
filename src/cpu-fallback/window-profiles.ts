/**
 * Radial profiles of the windows around the mask voxels of a tile: sliding DFTs in WASM
 * (kernels/assembly/window-profiles.ts), rows and runs chosen here.
 */
import { type RadialProfileKind, shellWeights } from '../math/scaling/windows.ts';
import type { Kernels } from './kernels/kernels.ts';
import { profileFields, putParameters, slidingFields } from './kernels/parameters.ts';
import { BLOCK, type TileMask, type TileShape } from './tile.ts';

/** A gap along z shorter than this is cheaper to slide across than to start again after. */
const MERGE_GAP = 5;

/** Radial profiles of the windows around the voxels of a tile, by sliding DFTs. */
export class WindowProfiler {
  /** w / 2 + 1. */
  readonly shells: number;
  /** Of this thread. */
  private readonly kernels: Kernels;
  /** Of the tile and its input. */
  private readonly shape: TileShape;
  /** Address of the factors per shell, 1 / (coefficients w^1.5). */
  private readonly norms: number;
  /** Address of the list of runs of mask voxels. */
  private readonly runsAddress: number;

  constructor(kernels: Kernels, shape: TileShape, kind: RadialProfileKind) {
    this.kernels = kernels;
    this.shape = shape;
    const { windowVoxels: w, size } = shape;
    const h = w / 2;
    this.shells = h + 1;
    const { pairs, counts, pairCount } = frequencyPairs(w, kind);
    const zIn = shape.zPlanes;
    const rows = size[1] + w - 1;
    const k = kernels;
    k.exports.configureSliding(
      putParameters(k, slidingFields, {
        windowVoxels: w,
        planes: zIn,
        rows,
        rowPitch: 4 * shape.rowPitch,
        planePitch: 4 * shape.planePitch,
        xTable: k.putFloats(phaseTable(w, h + 1, size[2] + w)),
        xTablePitch: 8 * (size[2] + w),
        xState: k.allocate(8 * zIn * rows * (h + 1)),
        xCells: k.allocate(64 * zIn * rows * (h + 1)),
      }),
    );
    k.exports.configureProfiles(
      putParameters(k, profileFields, {
        yTable: k.putFloats(phaseTable(w, w, size[1] + w)),
        yTablePitch: 8 * (size[1] + w),
        zTable: k.putFloats(phaseTable(w, w, size[0] + w)),
        zTablePitch: 8 * (size[0] + w),
        yCells: k.allocate(64 * zIn * pairCount),
        delta: k.allocate(64 * zIn),
        folded: k.allocate(64 * (w + zIn)),
        sums: k.allocate(32 * size[0] * (h + 1)),
        pairs: k.putWords(pairs),
      }),
    );
    // Mean over the shell of orthonormal amplitudes: 1 / (count w^{3/2}).
    this.norms = k.putFloats(Array.from(counts, (count) => 1 / (count * w ** 1.5)));
    this.runsAddress = k.allocate(8 * size[0]);
  }

  /**
   * Computes the profiles of all mask voxels of a tile from `input`; written to `out` (shells floats per
   * voxel) in the order of TileMask.voxels.
   */
  run(input: number, mask: TileMask, out: number): void {
    const { exports } = this.kernels;
    const [nz, ny, nx] = this.shape.size;
    const blocks = nx / BLOCK;
    let next = out;
    let started = false;
    for (let block = 0; block < blocks; block++) {
      if (block > mask.lastBlock) break;
      if (block < mask.firstBlock) continue;
      if (!started) exports.seedX(input, BLOCK * block);
      started = true;
      exports.slideX(input, BLOCK * block);
      let seed = true;
      for (let y = 0; y < ny; y++) {
        const at = (block * ny + y) * nz;
        const runs = findRuns(mask.lanes, at, nz);
        if (runs.length === 0) {
          // Between requested rows the recursion continues without profiles; it starts at the first.
          if (!seed && y < mask.lastRow[block]) exports.profileRow(false, y, this.runsAddress, 0);
          continue;
        }
        this.kernels.words(this.runsAddress, runs.length).set(runs);
        exports.profileRow(seed, y, this.runsAddress, runs.length / 2);
        seed = false;
        next = exports.emitRow(mask.lanesAddress + at, this.runsAddress, runs.length / 2, this.norms, next);
      }
    }
  }
}

/** Runs [first, end) of non-zero bytes, merged over short gaps. */
export function findRuns(lanes: Uint8Array, at: number, count: number): number[] {
  const runs: number[] = [];
  for (let z = 0; z < count; z++) {
    if (lanes[at + z] === 0) continue;
    const last = runs.length - 1;
    if (last > 0 && z - runs[last] < MERGE_GAP) runs[last] = z + 1;
    else runs.push(z, z + 1);
  }
  return runs;
}

/** {cos, sin} of 2 pi k u / w, k < rows, u < length. */
export function phaseTable(w: number, rows: number, length: number): Float64Array {
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
 * The frequencies of a profile in the kernel's order. Per plane: c, the number of b, for each b its index
 * modulo w and its list of (a modulo w, shell), then a flag to double all sums so far. In the sphere the
 * planes 0 < c < h represent c and -c: they come first and are doubled once; the planes 0 and h contain their
 * own Friedel mates, so both mates are listed.
 */
function frequencyPairs(w: number, kind: RadialProfileKind) {
  const h = w / 2;
  const { a, b, c, shell, multiplicity, counts } = shellWeights(w, kind);
  const planes = new Map<number, Map<number, number[]>>();
  const order = kind === 'sphere' ? [...range(1, h), 0, h] : range(0, h + 1);
  for (const plane of order) planes.set(plane, new Map());
  const add = (cIndex: number, bIndex: number, aIndex: number, r: number): void => {
    const rows = planes.get(cIndex) as Map<number, number[]>;
    const key = (bIndex + w) % w;
    const row = rows.get(key) ?? [];
    row.push((aIndex + w) % w, r);
    rows.set(key, row);
  };
  for (let i = 0; i < shell.length; i++) {
    add(c[i], b[i], a[i], shell[i]);
    if (multiplicity[i] === 2 && (c[i] === 0 || c[i] === h)) add(c[i], -b[i], -a[i], shell[i]);
  }
  const words: number[] = [];
  let pairCount = 0;
  for (const [plane, rows] of planes) {
    words.push(plane, rows.size);
    for (const [bIndex, entries] of rows) words.push(bIndex, entries.length / 2, ...entries);
    words.push(kind === 'sphere' && plane === h - 1 ? 1 : 0);
    pairCount += rows.size;
  }
  return { pairs: words, counts, pairCount };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
