/** Maps of 6 to 12 A and subtomogram averages, whose atoms have known B factors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Grid, Shape } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { runLocScale } from '../../src/pipeline/index.ts';
import { defaultParameters } from '../../src/pipeline/parameters.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { describeEngines } from '../support/engines.ts';
import { noisyBlob } from '../unit/pipeline/test-maps.ts';

const EDGE = 56;
const RADIUS = 18;
const ATOMS = 6000;
/** Voxels from the centre to the two places where B is looked at. */
const AWAY = 9;

/**
 * Point atoms in a ball, lower B in the half of low x. Lengths in voxels: B in voxel^2. An atom's density is
 * (4 pi / B)^(3/2) exp(-4 pi^2 r^2 / B).
 */
function twoHalves(lowB: number, highB: number): Float32Array {
  const random = createRandom(11);
  const map = new Float64Array(EDGE ** 3);
  const centre = EDGE / 2;
  for (let n = 0; n < ATOMS; ) {
    const [z, y, x] = [0, 0, 0].map(() => RADIUS * (2 * random.uniform() - 1));
    if (Math.hypot(z, y, x) > RADIUS) continue;
    n++;
    const b = x < 0 ? lowB : highB;
    const reach = Math.ceil(Math.sqrt(14 * b) / (2 * Math.PI));
    const height = ((4 * Math.PI) / b) ** 1.5;
    const first = [z, y, x].map((v) => Math.round(v + centre) - reach);
    const along = [z, y, x].map((v, axis) =>
      Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
        Math.exp((-4 * Math.PI ** 2 * (first[axis] + i - v - centre) ** 2) / b),
      ),
    );
    for (let iz = 0; iz <= 2 * reach; iz++)
      for (let iy = 0; iy <= 2 * reach; iy++) {
        const row = ((first[0] + iz) * EDGE + first[1] + iy) * EDGE + first[2];
        const weight = height * along[0][iz] * along[1][iy];
        for (let ix = 0; ix <= 2 * reach; ix++) map[row + ix] += weight * along[2][ix];
      }
  }
  return Float32Array.from(map);
}

/** 1 within 2 voxels of the two places. */
function twoPlaces(): { mask: Float32Array; low: number[]; high: number[] } {
  const mask = new Float32Array(EDGE ** 3);
  const low: number[] = [];
  const high: number[] = [];
  for (let i = 0; i < mask.length; i++) {
    const [z, y, x] = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE].map(
      (v) => v - EDGE / 2,
    );
    if (Math.hypot(z, y, Math.abs(x) - AWAY) > 2) continue;
    mask[i] = 1;
    (x < 0 ? low : high).push(i);
  }
  return { mask, low, high };
}

const template = noisyBlob('template.mrc', 1);
function imageOf(name: string, data: Float32Array, voxelSize: number): MapImage {
  const shape: Shape = [EDGE, EDGE, EDGE];
  const grid: Grid = { shape, voxelSize: [voxelSize, voxelSize, voxelSize], origin: [0, 0, 0] };
  return { ...template, name, data, grid };
}

const mean = (values: Float32Array, at: readonly number[]): number =>
  at.reduce((sum, i) => sum + values[i], 0) / at.length;

/** Runs without a reference; compares with the B factors of the atoms, as a share of them. */
async function errorsOf(on: Engine, resolution: number, voxelSize: number): Promise<[number, number]> {
  // exp(-B f^2 / 4) at the resolution is 0.29 and 0.08.
  const [lowB, highB] = [5, 10].map((b) => b * resolution ** 2);
  const { mask, low, high } = twoPlaces();
  const result = await runLocScale(
    {
      input: {
        kind: 'map',
        map: imageOf('map.mrc', twoHalves(lowB / voxelSize ** 2, highB / voxelSize ** 2), voxelSize),
      },
      mask: imageOf('mask.mrc', mask, voxelSize),
      reference: { kind: 'none' },
      parameters: { ...defaultParameters, resolution, measureBFactors: true },
    },
    { engine: on },
  );
  const { fitRange, windowAngstrom } = result.numbers;
  expect(fitRange?.shells).toBeGreaterThanOrEqual(3);
  expect(windowAngstrom / resolution).toBeGreaterThan(4.1);
  const bFactors = await on.download(result.bFactor!);
  const errors = [mean(bFactors, low) / lowB - 1, mean(bFactors, high) / highB - 1].map(Math.abs);
  on.release(result.scaled, result.mask, result.bFactor!, result.quality!);
  return [errors[0], errors[1]];
}

describe('B factors of coarse maps are those of the atoms', () => {
  let cpu: Engine;
  beforeAll(async () => {
    cpu = await createCpuEngine({ threads: 2 });
  });
  afterAll(() => cpu.dispose());

  // Windows pass some low frequencies on at their sharp edges: steep fall-offs come out 10 % too low. The
  // rest is speckle, most in the window of 4.2 times the resolution that 6 A have.
  it.each([
    [6, 1.5, 0.3],
    [7.9, 1.975, 0.2],
    [12, 3, 0.2],
    [30, 12, 0.2],
  ])('at %d A on voxels of %d A, to a share of %d', async (resolution, voxelSize, tolerance) => {
    const [low, high] = await errorsOf(cpu, resolution, voxelSize);
    expect(low).toBeLessThan(tolerance);
    expect(high).toBeLessThan(tolerance);
  });
});

describeEngines('B factors at 10 A', (engine) => {
  it('are those of the atoms, to a share of 0.2', async () => {
    const [low, high] = await errorsOf(await engine(), 10, 2.5);
    expect(low).toBeLessThan(0.2);
    expect(high).toBeLessThan(0.2);
  });
});
