/**
 * Neighbours of points within a cut-off, in time linear in the points: they are sorted into cells whose edge
 * is at least the cut-off, so that all neighbours of a point lie in its own and the 26 adjacent cells.
 * All memory is allocated once per list and reused by every rebuild.
 */

/** Called with two points and their separation (position of i - position of j), once per pair. */
export type PairVisitor = (
  i: number,
  j: number,
  dx: number,
  dy: number,
  dz: number,
  squaredDistance: number,
) => void;

export interface CellList {
  /** Sorts the points; `positions` holds x, y, z of each and is referenced until the next rebuild. */
  rebuild(positions: Float64Array): void;
  /** Every pair of points closer than the cut-off, once, in an order that depends only on the positions. */
  forEachPair(visit: PairVisitor): void;
  /** Every point closer than the cut-off to (x, y, z), including a point at that position. */
  forEachNear(x: number, y: number, z: number, visit: (i: number, squaredDistance: number) => void): void;
}

/** Limit of cells per point: if points are far apart, the cells grow instead of the memory. */
const CELLS_PER_POINT = 4;
const FEWEST_CELLS = 64;

/** Half of the 26 directions: each pair of adjacent cells is met once. (z, y, x) */
const FORWARD: readonly (readonly [number, number, number])[] = [
  [0, 0, 1],
  ...[-1, 0, 1].map((x) => [0, 1, x] as const),
  ...[-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => [1, y, x] as const)),
];

interface SortedPoints {
  /** Points in the order of their cells, and where each cell's points start. */
  readonly order: Int32Array;
  readonly starts: Int32Array;
  /** Coordinates in the order of the cells, for sequential access. */
  readonly sorted: Float64Array;
  /** Corners of the box around all points, its cells, and their edge; (x, y, z). */
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly cells: Int32Array;
  edge: number;
}

/** A box around all points in cells whose edge is at least the cut-off. */
function chooseCells(positions: Float64Array, cutoff: number, mostCells: number, points: SortedPoints): void {
  const { low, high, cells } = points;
  low.fill(Number.POSITIVE_INFINITY);
  high.fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < positions.length; i += 3) {
    for (let axis = 0; axis < 3; axis++) {
      const p = positions[i + axis];
      if (p < low[axis]) low[axis] = p;
      if (p > high[axis]) high[axis] = p;
    }
  }
  let edge = cutoff;
  for (;;) {
    for (let axis = 0; axis < 3; axis++) cells[axis] = Math.floor((high[axis] - low[axis]) / edge) + 1;
    if (cells[0] * cells[1] * cells[2] <= mostCells) break;
    edge *= 1.25;
  }
  points.edge = edge;
}

function cellAlong({ low, edge }: SortedPoints, p: number, axis: number): number {
  return Math.floor((p - low[axis]) / edge);
}

/** Sorts points by their cell, counting: `order`, `sorted` and `starts` become those of `cellOf`. */
function sortByCell(
  positions: Float64Array,
  cellOf: Int32Array,
  cellCount: number,
  points: SortedPoints,
): void {
  const { order, sorted, starts } = points;
  const count = cellOf.length;
  for (let cell = 0; cell < cellCount; cell++) starts[cell + 1] += starts[cell];
  // Counting down fills each cell from its end and leaves every start where it belongs.
  for (let i = count - 1; i >= 0; i--) {
    const at = --starts[cellOf[i] + 1];
    order[at] = i;
    sorted[3 * at] = positions[3 * i];
    sorted[3 * at + 1] = positions[3 * i + 1];
    sorted[3 * at + 2] = positions[3 * i + 2];
  }
  // The pass moved start[cell + 1] to the start of `cell`: shift back by one.
  for (let cell = 0; cell < cellCount; cell++) starts[cell] = starts[cell + 1];
  starts[cellCount] = count;
}

/** Points closer than the cut-off to (x, y, z). */
function visitNear(
  points: SortedPoints,
  squaredCutoff: number,
  [x, y, z]: readonly [number, number, number],
  visit: (i: number, squaredDistance: number) => void,
): void {
  const { order, starts, sorted, cells } = points;
  const [cx, cy, cz] = [cellAlong(points, x, 0), cellAlong(points, y, 1), cellAlong(points, z, 2)];
  const [nx, ny, nz] = cells;
  for (let tz = Math.max(0, cz - 1); tz <= Math.min(nz - 1, cz + 1); tz++) {
    for (let ty = Math.max(0, cy - 1); ty <= Math.min(ny - 1, cy + 1); ty++) {
      for (let tx = Math.max(0, cx - 1); tx <= Math.min(nx - 1, cx + 1); tx++) {
        const cell = (tz * ny + ty) * nx + tx;
        for (let a = starts[cell]; a < starts[cell + 1]; a++) {
          const r2 = (x - sorted[3 * a]) ** 2 + (y - sorted[3 * a + 1]) ** 2 + (z - sorted[3 * a + 2]) ** 2;
          if (r2 < squaredCutoff) visit(order[a], r2);
        }
      }
    }
  }
}

/** `count` points; `cutoff` in the unit of the positions. */
export function createCellList(count: number, cutoff: number): CellList {
  const squaredCutoff = cutoff * cutoff;
  const mostCells = CELLS_PER_POINT * count + FEWEST_CELLS;
  const points: SortedPoints = {
    order: new Int32Array(count),
    starts: new Int32Array(mostCells + 1),
    sorted: new Float64Array(3 * count),
    low: new Float64Array(3),
    high: new Float64Array(3),
    cells: new Int32Array(3),
    edge: cutoff,
  };
  const { order, starts, sorted, cells } = points;
  const cellOf = new Int32Array(count);

  function rebuild(positions: Float64Array): void {
    if (count === 0) return;
    chooseCells(positions.subarray(0, 3 * count), cutoff, mostCells, points);
    const cellCount = cells[0] * cells[1] * cells[2];
    starts.fill(0, 0, cellCount + 1);
    for (let i = 0; i < count; i++) {
      const x = cellAlong(points, positions[3 * i], 0);
      const y = cellAlong(points, positions[3 * i + 1], 1);
      const z = cellAlong(points, positions[3 * i + 2], 2);
      const cell = (z * cells[1] + y) * cells[0] + x;
      cellOf[i] = cell;
      starts[cell + 1]++;
    }
    sortByCell(positions, cellOf, cellCount, points);
  }

  function visitPairs(from: number, fromEnd: number, to: number, toEnd: number, visit: PairVisitor): void {
    for (let a = from; a < fromEnd; a++) {
      const x = sorted[3 * a];
      const y = sorted[3 * a + 1];
      const z = sorted[3 * a + 2];
      for (let b = to < 0 ? a + 1 : to; b < toEnd; b++) {
        const dx = x - sorted[3 * b];
        const dy = y - sorted[3 * b + 1];
        const dz = z - sorted[3 * b + 2];
        const r2 = dx * dx + dy * dy + dz * dz;
        if (r2 < squaredCutoff) visit(order[a], order[b], dx, dy, dz, r2);
      }
    }
  }

  function forEachPair(visit: PairVisitor): void {
    if (count === 0) return;
    const [nx, ny, nz] = cells;
    for (let z = 0, cell = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0; x < nx; x++, cell++) {
          const from = starts[cell];
          const fromEnd = starts[cell + 1];
          if (from === fromEnd) continue;
          visitPairs(from, fromEnd, -1, fromEnd, visit);
          for (let k = 0; k < FORWARD.length; k++) {
            const direction = FORWARD[k];
            const tz = z + direction[0];
            const ty = y + direction[1];
            const tx = x + direction[2];
            if (tz >= nz || ty < 0 || ty >= ny || tx < 0 || tx >= nx) continue;
            const target = (tz * ny + ty) * nx + tx;
            visitPairs(from, fromEnd, starts[target], starts[target + 1], visit);
          }
        }
      }
    }
  }

  return {
    rebuild,
    forEachPair,
    forEachNear(x, y, z, visit) {
      if (count > 0) visitNear(points, squaredCutoff, [x, y, z], visit);
    },
  };
}

/** Distance of each point to the nearest other one; Infinity where none lies within `cutoff`. */
export function nearestDistances(positions: Float64Array, cutoff: number): Float64Array {
  const count = positions.length / 3;
  const nearest = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const list = createCellList(count, cutoff);
  list.rebuild(positions);
  list.forEachPair((i, j, _dx, _dy, _dz, r2) => {
    if (r2 < nearest[i]) nearest[i] = r2;
    if (r2 < nearest[j]) nearest[j] = r2;
  });
  for (let i = 0; i < count; i++) nearest[i] = Math.sqrt(nearest[i]);
  return nearest;
}
