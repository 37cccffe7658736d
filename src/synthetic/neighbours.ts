/** Closest approach between sets of points, through a hash grid. */
import { distance, type Vector } from './vectors.ts';

/** Edge of the cells; distances that are searched are at most this. */
const CELL_ANGSTROM = 4;
const NONE: readonly never[] = [];

/** Hash of a cell; unique for indices -1024 ... 1023 along each axis. */
function keyOf(x: number, y: number, z: number): number {
  return ((x + 1024) * 2048 + (y + 1024)) * 2048 + (z + 1024);
}

/** A growable point set with nearest-distance queries up to one cell (4 A). */
export interface PointSet {
  insert(point: Vector, tag: number): void;
  /** Distance to the nearest point whose tag is accepted; Infinity where none lies within 4 A. */
  nearest(point: Vector, accept: (tag: number) => boolean): number;
}

/** An empty set. */
export function createPointSet(): PointSet {
  const cells = new Map<number, { point: Vector; tag: number }[]>();
  const cellOf = (v: number): number => Math.floor(v / CELL_ANGSTROM);
  return {
    insert(point, tag) {
      const key = keyOf(cellOf(point[0]), cellOf(point[1]), cellOf(point[2]));
      const cell = cells.get(key);
      if (cell) cell.push({ point, tag });
      else cells.set(key, [{ point, tag }]);
    },
    nearest(point, accept) {
      const [cx, cy, cz] = [cellOf(point[0]), cellOf(point[1]), cellOf(point[2])];
      let closest = CELL_ANGSTROM;
      for (let x = cx - 1; x <= cx + 1; x++) {
        for (let y = cy - 1; y <= cy + 1; y++) {
          for (let z = cz - 1; z <= cz + 1; z++) {
            for (const entry of cells.get(keyOf(x, y, z)) ?? NONE) {
              if (accept(entry.tag)) closest = Math.min(closest, distance(point, entry.point));
            }
          }
        }
      }
      return closest < CELL_ANGSTROM ? closest : Number.POSITIVE_INFINITY;
    },
  };
}
