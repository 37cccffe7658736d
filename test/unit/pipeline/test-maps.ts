/** Small maps for pipeline tests: a blob of density in noise, seeded. */
import { isLocScaleError, type LocScaleError } from '../../../src/errors.ts';
import type { MapImage } from '../../../src/formats/map-image.ts';
import type { Grid, Shape } from '../../../src/math/grid.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { defaultParameters } from '../../../src/pipeline/index.ts';
import type { LocScaleJob, LocScaleParameters } from '../../../src/pipeline/types.ts';
import { makeMapImage } from '../../../src/synthetic/map-image.ts';

export const edge = 20;
export const shape: Shape = [edge, edge, edge];

export function gridOf(change: Partial<Grid> = {}): Grid {
  return { shape, voxelSize: [3, 3, 3], origin: [0, 0, 0], ...change };
}

/** Value of each voxel from its distance (voxels) to the box centre. */
export function radialMap(
  name: string,
  value: (radius: number, index: number) => number,
  grid: Grid = gridOf(),
): MapImage {
  const [nz, ny, nx] = grid.shape;
  const data = new Float32Array(nz * ny * nx);
  for (let i = 0; i < data.length; i++) {
    const [z, y, x] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    data[i] = value(Math.hypot(z - nz / 2, y - ny / 2, x - nx / 2), i);
  }
  return makeMapImage(name, grid, data);
}

/** exp(-r^2 / 2 / width^2) plus Gaussian noise of the given sd. */
export function noisyBlob(
  name: string,
  seed: number,
  noise = 0.05,
  width = 3,
  grid: Grid = gridOf(),
): MapImage {
  const random = createRandom(seed);
  return radialMap(
    name,
    (radius) => Math.exp(-(radius ** 2) / 2 / width ** 2) + noise * random.gaussian(),
    grid,
  );
}

export function ballMask(name: string, radiusVoxels: number, grid: Grid = gridOf()): MapImage {
  return radialMap(name, (radius) => (radius <= radiusVoxels ? 1 : 0), grid);
}

export const parameters = (change: Partial<LocScaleParameters> = {}): LocScaleParameters => ({
  ...defaultParameters,
  windowVoxels: 6,
  ...change,
});

export function halfMapJob(change: Partial<LocScaleJob> = {}): LocScaleJob {
  return {
    input: { kind: 'half-maps', half1: noisyBlob('half1.mrc', 1), half2: noisyBlob('half2.mrc', 2) },
    mask: ballMask('mask.mrc', 3),
    reference: { kind: 'model-map', map: noisyBlob('reference.mrc', 3, 0.01, 2) },
    parameters: parameters(),
    ...change,
  };
}

export async function errorOf(promise: Promise<unknown>): Promise<LocScaleError> {
  try {
    await promise;
  } catch (error) {
    if (isLocScaleError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
