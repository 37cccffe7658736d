/**
 * A globule of atoms with a ligand beside it, and half maps of both: what a reference without the ligand leaves
 * unexplained is known.
 */
import type { StructureAtom } from '../../src/formats/structure.ts';
import { filterPair } from '../../src/math/fourier/host-fft.ts';
import { type Grid, voxelCount } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { makeMapImage } from '../../src/synthetic/map-image.ts';
import { simulateMapPair } from '../../src/synthetic/simulate-map.ts';

const EDGE = 48;
const VOXEL = 1.4;
/** Not at 0: positions are those of models, in the frame of ORIGIN. */
export const grid: Grid = {
  shape: [EDGE, EDGE, EDGE],
  voxelSize: [VOXEL, VOXEL, VOXEL],
  origin: [-12, 7, 20],
};
const RADIUS = 13;
/** A, between neighbours, as in proteins. */
const APART = 1.9;
/** Beyond the surface. */
const LIGAND_AT = RADIUS + 4.5;
const LIGAND_RADIUS = 2.6;

export interface LigandScene {
  readonly globule: readonly StructureAtom[];
  readonly ligand: readonly StructureAtom[];
  /** Mean of the ligand's atoms: x, y, z. */
  readonly position: readonly [number, number, number];
  readonly half1: MapImage;
  readonly half2: MapImage;
  /** Their mean. */
  readonly map: MapImage;
  readonly noise1: MapImage;
  readonly noise2: MapImage;
  /** Of the globule alone, and with the ligand; sharper than the half maps. */
  readonly partial: MapImage;
  readonly complete: MapImage;
}

/** `noise`: its standard deviation over that of the density. */
export function ligandScene(noise = 0.5): LigandScene {
  const random = createRandom(3);
  const [cz, cy, cx] = grid.origin.map((at) => at + (EDGE / 2) * VOXEL);
  const atoms: StructureAtom[] = [];
  const place = (chain: string, [mx, my, mz]: readonly number[], radius: number, count: number): void => {
    const placed: number[][] = [];
    for (let tries = 0; placed.length < count && tries < 200_000; tries++) {
      const [x, y, z] = [0, 0, 0].map(() => (2 * random.uniform() - 1) * radius);
      if (Math.hypot(x, y, z) > radius) continue;
      if (placed.some(([u, v, w]) => Math.hypot(x - u, y - v, z - w) < (chain === 'A' ? APART : 1.3)))
        continue;
      placed.push([x, y, z]);
      const serial = atoms.length + 1;
      atoms.push({
        element: serial % 4 === 0 ? 'N' : 'C',
        ...{ x: mx + x, y: my + y, z: mz + z, bFactor: 20 + 60 * random.uniform(), occupancy: 1, chain },
        ...{ residueNumber: chain === 'A' ? Math.ceil(serial / 8) : 1 },
        ...{ residueName: chain === 'A' ? 'ALA' : 'LIG', atomName: `C${serial % 90}` },
        ...{ altloc: '', insertionCode: '', model: 1, charge: 0, hetero: chain !== 'A', serial },
      });
    }
  };
  place('A', [cx, cy, cz], RADIUS, 520);
  place('L', [cx + 0.6 * LIGAND_AT, cy, cz + 0.8 * LIGAND_AT], LIGAND_RADIUS, 12);
  const globule = atoms.filter(({ chain }) => chain === 'A');
  const ligand = atoms.filter(({ chain }) => chain === 'L');
  const inMap = (list: readonly StructureAtom[], addedB: number) =>
    list.map((atom) => ({ ...atom, bFactor: atom.bFactor + addedB }));
  const truth = simulateMapPair(inMap(atoms, 50), [], grid).first;
  const references = simulateMapPair(globule, atoms, grid);
  const sd = Math.sqrt(truth.reduce((sum, value) => sum + value * value, 0) / truth.length);
  const [one, two] = [1, 2].map(() =>
    Float64Array.from({ length: voxelCount(grid.shape) }, () => noise * sd * random.gaussian()),
  );
  // More of it at low resolution, as ice has it.
  filterPair(one, two, grid, (f) => 1 + 2 * Math.exp(-((f * 15) ** 2)));
  const image = (name: string, value: (i: number) => number): MapImage =>
    makeMapImage(
      name,
      grid,
      Float32Array.from({ length: truth.length }, (_, i) => value(i)),
    );
  const mean = (axis: 'x' | 'y' | 'z'): number =>
    ligand.reduce((sum, atom) => sum + atom[axis], 0) / ligand.length;
  return {
    ...{ globule, ligand, position: [mean('x'), mean('y'), mean('z')] },
    half1: image('half1.mrc', (i) => truth[i] + one[i]),
    half2: image('half2.mrc', (i) => truth[i] + two[i]),
    map: image('map.mrc', (i) => truth[i] + (one[i] + two[i]) / 2),
    noise1: image('noise1.mrc', (i) => one[i]),
    noise2: image('noise2.mrc', (i) => two[i]),
    partial: image('partial.mrc', (i) => references.first[i]),
    complete: image('complete.mrc', (i) => references.second[i]),
  };
}
