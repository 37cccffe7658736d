/** Density that a reference does not explain: a ligand that it lacks, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { runLocScale } from '../../src/pipeline/index.ts';
import type { LocScaleJob, LocScaleParameters, MapImage } from '../../src/pipeline/types.ts';
import { makeMapImage } from '../../src/synthetic/map-image.ts';
import { describeEngines } from '../support/engines.ts';
import { grid, type LigandScene, ligandScene } from '../support/ligand-scene.ts';

let made: LigandScene | undefined;
const scene = (): LigandScene => {
  made ??= ligandScene();
  return made;
};

/** A ball about the middle, A. */
const around = (radius: number): MapImage => {
  const [nz, ny, nx] = grid.shape;
  const inside = (i: number): boolean => {
    const at = [Math.floor(i / (ny * nx)) - nz / 2, (Math.floor(i / nx) % ny) - ny / 2, (i % nx) - nx / 2];
    return Math.hypot(...at) * grid.voxelSize[0] <= radius;
  };
  const data = Float32Array.from({ length: nz * ny * nx }, (_, i) => (inside(i) ? 1 : 0));
  return makeMapImage('mask.mrc', grid, data);
};

const ofHalfMaps = (half1: MapImage, half2: MapImage): LocScaleJob['input'] => ({
  kind: 'half-maps',
  half1,
  half2,
});

const look = async (
  on: Engine,
  input: LocScaleJob['input'],
  map: MapImage,
  parameters: Partial<LocScaleParameters> = {},
) => {
  const job: LocScaleJob = {
    input,
    mask: around(20),
    reference: { kind: 'model-map', map },
    parameters: {
      scaling: 'locscale',
      windowVoxels: 12,
      resolution: 4.2,
      ...parameters,
      unexplained: true,
    },
  };
  const { unexplained, scaled, mask, soft } = await runLocScale(job, { engine: on });
  if (unexplained === undefined) throw new Error('Nothing was looked for.');
  const density = Float32Array.from(await on.download(unexplained.map));
  on.release(unexplained.map, scaled, mask);
  for (const volume of [soft?.resolution, soft?.signal]) if (volume) on.release(volume);
  return { ...unexplained, density };
};
const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((v, axis) => v - b[axis]));

describeEngines('unexplained density', (engine) => {
  it('is the ligand that the reference lacks', async () => {
    const { half1, half2, partial, position } = scene();
    const { blobs, density } = await look(await engine(), ofHalfMaps(half1, half2), partial);
    expect(blobs).toHaveLength(1);
    const [blob] = blobs;
    expect(distance(blob.position, position)).toBeLessThan(2);
    // Its atoms fill a ball of 4.1 A, 289 A^3.
    expect(blob.volume).toBeGreaterThan(150);
    expect(blob.volume).toBeLessThan(550);
    expect(blob.meanFsc).toBeGreaterThan(0.5);
    expect(blob.explained).toBeLessThan(0.2);
    const [, ny, nx] = grid.shape;
    const fromLigand = (i: number): number => {
      const at = [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (ny * nx))];
      const place = at.map((v, axis) => grid.origin[2 - axis] + v * grid.voxelSize[0]);
      return distance(place, position);
    };
    const far = density.filter((_, i) => fromLigand(i) > 14);
    expect(far.every((value) => value === 0)).toBe(true);
    const highest = density.reduce((most, value) => Math.max(most, value), 0);
    expect(fromLigand(density.indexOf(highest))).toBeLessThan(4);
  });

  it('is found in a single map, by its power above that of the solvent', async () => {
    const { map, partial, position } = scene();
    const { blobs } = await look(await engine(), { kind: 'map', map }, partial);
    expect(blobs).toHaveLength(1);
    expect(distance(blobs[0].position, position)).toBeLessThan(2);
    expect(blobs[0].meanFsc).toBeUndefined();
    expect(blobs[0].signalToNoise).toBeGreaterThan(2);
  });
});

// Of the method: by the same dispatches as above, for which a software GPU takes seconds.
describe('unexplained density', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await createCpuEngine({ threads: 2 });
  });
  afterAll(() => engine.dispose());

  it('is nothing where the reference is complete', async () => {
    const { half1, half2, map, complete } = scene();
    const { blobs, density } = await look(engine, ofHalfMaps(half1, half2), complete);
    expect(blobs).toEqual([]);
    expect(density.every((value) => value === 0)).toBe(true);
    expect((await look(engine, { kind: 'map', map }, complete)).blobs).toEqual([]);
  });

  it('is nothing in noise', async () => {
    const { noise1, noise2, complete } = scene();
    expect((await look(engine, ofHalfMaps(noise1, noise2), complete)).blobs).toEqual([]);
    expect((await look(engine, { kind: 'map', map: noise1 }, complete)).blobs).toEqual([]);
  });
});
