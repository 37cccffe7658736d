/**
 * A GPU with less memory than anybody knows, in every mode: jobs by tiles and bands become smaller and give the same
 * result; a verb whose memory cannot be smaller is refused, leaves nothing behind, and the engine serves on.
 */
import { expect, it } from 'vitest';
import type { Engine, LocalResolutionJob, LocalScalingJob, Volume } from '../../src/engine/engine.ts';
import { bandScaling, localResolution, localScaling } from '../../src/engine/jobs.ts';
import { type GpuAdapterEntry, openDevice } from '../../src/gpu/adapters.ts';
import { createGpuEngine, type GpuEngine } from '../../src/gpu/index.ts';
import { filterBins } from '../../src/math/fourier/local-filter.ts';
import type { Shape } from '../../src/math/grid.ts';
import { decayProfile } from '../../src/math/soft-scaling/profile.ts';
import { pointGroup } from '../../src/math/symmetry/point-group.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { randomAtoms } from '../support/random-atoms.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';
import { makeScarce, type Scarcity } from '../support/scarce-device.ts';

const SHAPE: Shape = [28, 32, 36];
const VOXEL_SIZE = 1.5;
const GRID = { shape: SHAPE, voxelSize: [VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE], origin: [0, 0, 0] } as const;

interface Maps {
  readonly half1: Volume;
  readonly half2: Volume;
  readonly reference: Volume;
  readonly mask: Volume;
}

async function upload(engine: Engine): Promise<Maps> {
  const particle = mapLikeVolume(SHAPE, 1);
  const half = (seed: number) => noiseVolume(SHAPE, seed).map((value, i) => 0.3 * value + particle[i]);
  const [half1, half2, reference, mask] = await Promise.all(
    [half(2), half(3), mapLikeVolume(SHAPE, 4), blobMask(SHAPE, 0.8)].map((data) =>
      engine.upload(data, SHAPE),
    ),
  );
  return { half1, half2, reference, mask };
}

const scalingJob = ({ half1, reference, mask }: Maps): LocalScalingJob => ({
  map: half1,
  reference,
  mask,
  windowVoxels: 8,
  profileKind: 'octant',
  rule: { kind: 'reference-profile', voxelSize: VOXEL_SIZE, wilsonCutoff: 10.1, fscCutoff: 3.9 },
  padValues: { map: 0.4, reference: -0.2 },
  measureBFactors: false,
});
const resolutionJob = ({ half1, half2, mask }: Maps): LocalResolutionJob => ({
  half1,
  half2,
  mask,
  windowVoxels: 6,
  weights: 'hann',
  voxelSize: VOXEL_SIZE,
  threshold: 0.143,
  padValues: [0.4, -0.2],
});

type Mode = (engine: Engine, maps: Maps) => Promise<Volume>;

/** Jobs whose tiles or bands can be smaller. */
const JOBS: readonly [string, Mode][] = [
  ["LocScale's windows", async (engine, maps) => (await localScaling(engine, scalingJob(maps))).scaled],
  [
    'local resolution',
    async (engine, maps) => (await localResolution(engine, resolutionJob(maps))).resolution,
  ],
];

/**
 * Those that need what they need, and bytes that are not enough: soft bands have a result before their buffers, and
 * are refused a table, bits of the mask, or a spectrum.
 */
const VERBS: readonly [
  string,
  (engine: Engine, maps: Maps) => Promise<unknown>,
  bytes?: readonly number[],
][] = [
  [
    'soft bands',
    (engine, { half1, half2, mask }) =>
      bandScaling(engine, {
        half1,
        half2,
        mask,
        voxelSize: GRID.voxelSize,
        target: { kind: 'profile', profile: decayProfile(40) },
      }),
    [130_000, 131_000, 140_000, 200_000, 300_000],
  ],
  ['model map', (engine) => engine.simulateMap(randomAtoms(50, GRID, { seed: 1 }), GRID)],
  ['average over a symmetry', (engine, { half1 }) => engine.symmetrise(half1, pointGroup('C3'))],
  ['resampling', (engine, { half1 }) => engine.resample(half1, [32, 36, 42])],
  ['FSC', (engine, { half1, half2 }) => engine.shellSpectra(half1, half2)],
  [
    'filter',
    (engine, { half1 }) =>
      engine.radialFilter(half1, { table: new Float32Array(8).fill(1), maxFrequency: 1 }),
  ],
  [
    'filter by place',
    (engine, { half1, half2 }) => engine.localFilter(half1, half2, filterBins([0.1, 0.2], VOXEL_SIZE)),
  ],
  ['mean of the half maps', (engine, { half1, half2 }) => engine.average(half1, half2)],
];

function tests(adapter: () => GpuAdapterEntry): void {
  let opened: Promise<{ engine: GpuEngine; scarcity: Scarcity; maps: Maps }> | undefined;
  const open = () => {
    opened ??= (async () => {
      const device = await openDevice(adapter());
      const scarcity = makeScarce(device);
      const engine = await createGpuEngine(device);
      return { engine, scarcity, maps: await upload(engine) };
    })();
    return opened;
  };

  it.each(JOBS)('%s: are done in smaller pieces, with the same result (1e-6)', async (_, mode) => {
    const { engine, scarcity, maps } = await open();
    let expected = new Float32Array();
    const run = async (): Promise<Float32Array> => {
      const volume = await mode(engine, maps);
      const voxels = await engine.download(volume);
      engine.release(volume);
      return voxels as Float32Array<ArrayBuffer>;
    };
    const needed = await scarcity.peakOf(async () => {
      expected = (await run()) as Float32Array<ArrayBuffer>;
    });
    const before = scarcity.refused;
    scarcity.allow(0.5 * needed);
    const scarce = await run().finally(() => scarcity.allow(Number.POSITIVE_INFINITY));
    expect(scarcity.refused).toBeGreaterThan(before);
    expect(relativeL2(scarce, expected)).toBeLessThan(1e-6);
  });

  it.each(JOBS)('%s: refused where not even the result fits, and afterwards done', async (_, mode) => {
    const { engine, scarcity, maps } = await open();
    scarcity.allow(50_000);
    const failing = mode(engine, maps).finally(() => scarcity.allow(Number.POSITIVE_INFINITY));
    await expect(failing).rejects.toMatchObject({ tag: 'out-of-memory' });
    engine.release(await mode(engine, maps));
  });

  it.each(VERBS)(
    '%s: refused without the memory, and afterwards done with it',
    async (_, verb, amounts = [50_000]) => {
      const { engine, scarcity, maps } = await open();
      const used = engine.gpu.allocatedBytes;
      for (const bytes of amounts) {
        const refused = scarcity.refused;
        scarcity.allow(bytes);
        const failing = verb(engine, maps).finally(() => scarcity.allow(Number.POSITIVE_INFINITY));
        await expect(failing, `${bytes} bytes`).rejects.toMatchObject({ tag: 'out-of-memory' });
        expect(scarcity.refused).toBeGreaterThan(refused);
        // Tables of transforms stay.
        expect(engine.gpu.allocatedBytes - used).toBeLessThan(50_000);
      }
      await verb(engine, maps);
    },
  );

  it('uploading: refused, and afterwards done', async () => {
    const { engine, scarcity } = await open();
    scarcity.allow(1000);
    const data = noiseVolume(SHAPE, 9);
    const failing = engine.upload(data, SHAPE).finally(() => scarcity.allow(Number.POSITIVE_INFINITY));
    await expect(failing).rejects.toMatchObject({ tag: 'out-of-memory' });
    expect(await engine.download(await engine.upload(data, SHAPE))).toEqual(data);
  });
}

const found = await findTestAdapter();
if ('reason' in found)
  describeMissing('a GPU with little memory', found.reason, () => tests(() => found as never));
else tests(() => found);
