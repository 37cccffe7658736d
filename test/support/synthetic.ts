/** Small generated data sets, made once per test process. */

import type { MapImage } from '../../src/formats/map-image.ts';
import { type DemoData, type DemoDataOptions, generateDemoData } from '../../src/synthetic/half-maps.ts';
import { makeMapImage } from '../../src/synthetic/map-image.ts';

export interface SmallDataset extends DemoData {
  /** 1 within about 3 A of the structure, else 0. */
  readonly mask: MapImage;
}

const cache = new Map<string, SmallDataset>();

/**
 * One subunit (C1, about 1,150 atoms, 65 A long) in a 60^3 box of 1.5 A voxels; half maps at 4 A. The window
 * of 25 A is 18 voxels. Treat the arrays as read-only: they are shared between tests.
 */
export function smallDataset(options: Partial<DemoDataOptions> = {}): SmallDataset {
  const key = JSON.stringify(options);
  const known = cache.get(key);
  if (known) return known;
  const data = generateDemoData({
    seed: 7,
    shape: [60, 60, 60],
    voxelSize: 1.5,
    symmetry: 'C1',
    resolution: 4,
    ...options,
  });
  const dataset = { ...data, mask: maskAround(data, 3) };
  cache.set(key, dataset);
  return dataset;
}

function maskAround(data: DemoData, distanceAngstrom: number): MapImage {
  const { grid } = data.truth;
  const [nz, ny, nx] = grid.shape;
  const voxelSize = grid.voxelSize[0];
  const mask = new Float32Array(nz * ny * nx);
  const reach = Math.ceil(distanceAngstrom / voxelSize);
  for (const atom of data.atoms) {
    const centre = [atom.z, atom.y, atom.x].map((p) => p / voxelSize) as [number, number, number];
    const [cz, cy, cx] = centre.map(Math.round) as [number, number, number];
    for (let z = Math.max(0, cz - reach); z <= Math.min(nz - 1, cz + reach); z++) {
      for (let y = Math.max(0, cy - reach); y <= Math.min(ny - 1, cy + reach); y++) {
        for (let x = Math.max(0, cx - reach); x <= Math.min(nx - 1, cx + reach); x++) {
          const d = Math.hypot(z - centre[0], y - centre[1], x - centre[2]) * voxelSize;
          if (d <= distanceAngstrom) mask[(z * ny + y) * nx + x] = 1;
        }
      }
    }
  }
  return makeMapImage('mask', grid, mask);
}
