/**
 * Places a model in the frame of a map. Coordinates are absolute (angstrom); voxel (0, 0, 0) is at the grid's
 * origin (ORIGIN of the header, else NSTART). The box of a map ends half a voxel beyond its outermost voxels.
 */
import { LocScaleError } from '../errors.ts';
import type { Atom } from '../math/atoms/atom.ts';
import { type AtomSet, atomSetOf } from '../math/atoms/atom-set.ts';
import { scatteringFactorOf } from '../math/atoms/scattering-factors.ts';
import type { Grid } from '../math/grid.ts';

export { diagnoseModel } from './diagnose-model.ts';
export { judgeModelFit } from './judge-model-fit.ts';

export interface PlacedModel<A extends Atom> {
  /** Atoms inside the box, of known elements and non-zero occupancy: those that the map can show. */
  readonly atoms: AtomSet;
  /** The same atoms, in the same order, as passed in. */
  readonly inside: readonly A[];
  readonly outside: {
    readonly count: number;
    /** Largest distance of an atom from the box, A. */
    readonly farthestAngstrom: number;
    /** Number of atoms outside if the map's origin were ignored. */
    readonly countWithoutOrigin: number;
  };
  /** Notes on atoms left out and on anomalies, one sentence each. */
  readonly warnings: readonly string[];
}

/** `parameter`: the one that named the model. */
export function noAtomInMap(grid: Grid, parameter: string): LocScaleError {
  return new LocScaleError('bad-input', 'No atom of the model lies in the map.', {
    parameter,
    expected: `atoms in the box that begins at x, y, z = ${[...grid.origin].reverse().join(', ')} A`,
    hint: 'Fit the model into the map (ChimeraX: fitmap), or check ORIGIN and NSTART of the map.',
  });
}

export function placeModel<A extends Atom>(
  { atoms: model }: { readonly atoms: readonly A[] },
  grid: Grid,
): PlacedModel<A> {
  const inside: A[] = [];
  const unknown = new Map<string, number>();
  let [outside, farthest, outsideWithoutOrigin, negative, empty] = [0, 0, 0, 0, 0];
  const noOrigin: Grid = { ...grid, origin: [0, 0, 0] };
  for (const atom of model) {
    if (distanceBeyond(atom, noOrigin) > 0) outsideWithoutOrigin++;
    const beyond = distanceBeyond(atom, grid);
    farthest = Math.max(farthest, beyond);
    if (beyond > 0) outside++;
    else if (!scatteringFactorOf(atom.element))
      unknown.set(atom.element, (unknown.get(atom.element) ?? 0) + 1);
    else if (atom.occupancy === 0) empty++;
    else {
      if (atom.bFactor < 0) negative++;
      inside.push(atom);
    }
  }
  const warnings: string[] = [];
  if (outside > 0) warnings.push(describeOutside(model.length, outside, farthest, outsideWithoutOrigin));
  for (const [element, count] of unknown) {
    warnings.push(`${atomCount(count)} of unknown element "${element}" left out.`);
  }
  if (empty > 0) warnings.push(`${atomCount(empty)} with occupancy 0 left out.`);
  if (negative > 0) warnings.push(`${atomCount(negative)} with a negative B factor, which counts as 0.`);
  const atoms = atomSetOf(inside);
  if (atoms.count > 1 && atoms.bFactors.every((b) => b === atoms.bFactors[0])) {
    warnings.push(`All atoms have the same B factor, ${atoms.bFactors[0].toFixed(1)} A^2.`);
  }
  return {
    atoms,
    inside,
    outside: {
      count: outside,
      farthestAngstrom: farthest,
      countWithoutOrigin: outsideWithoutOrigin,
    },
    warnings,
  };
}

/** Distance of an atom from the box of a map, A; 0 inside. */
export function distanceBeyond(
  { x, y, z }: Pick<Atom, 'x' | 'y' | 'z'>,
  { shape, voxelSize, origin }: Grid,
): number {
  const along = (position: number, axis: number): number => {
    const first = origin[axis] - voxelSize[axis] / 2;
    const last = first + shape[axis] * voxelSize[axis];
    return Math.max(0, first - position, position - last);
  };
  return Math.hypot(along(z, 0), along(y, 1), along(x, 2));
}

function describeOutside(all: number, outside: number, farthest: number, withoutOrigin: number): string {
  const share =
    outside === all
      ? `All ${atomCount(all)} lie`
      : `${outside} of ${atomCount(all)} ${outside === 1 ? 'lies' : 'lie'}`;
  const statement = `${share} outside the map, by up to ${farthest.toFixed(1)} A; these are left out.`;
  // A few atoms outside mean a model larger than the map; many, if the origin explains them, mean a wrong
  // frame.
  if (outside < 0.1 * all || withoutOrigin > 0.5 * outside) return statement;
  return (
    `${statement} If the map's origin were 0 it would be ` +
    `${withoutOrigin === 0 ? 'none' : withoutOrigin}: was the model built in a copy of the map without ` +
    'its origin?'
  );
}

function atomCount(count: number): string {
  return count === 1 ? '1 atom' : `${count} atoms`;
}
