/** What the GPU engine says that a verb takes, beside what `createBuffer` of the device was asked for. */
import { beforeAll, expect, it } from 'vitest';
import type { Volume } from '../../../src/engine/engine.ts';
import {
  bandScaling,
  bandSettings,
  bandVolumes,
  localResolution,
  localScaling,
  volumesOf,
} from '../../../src/engine/jobs.ts';
import type { GpuDevice } from '../../../src/gpu/device.ts';
import { createGpuEngine, type GpuEngine } from '../../../src/gpu/index.ts';
import type { AtomSet } from '../../../src/math/atoms/atom-set.ts';
import { filterBins } from '../../../src/math/fourier/local-filter.ts';
import { tanhLowPass } from '../../../src/math/fourier/radial-transfer.ts';
import type { Grid, Shape } from '../../../src/math/grid.ts';
import { pointGroup } from '../../../src/math/symmetry/point-group.ts';
import { countDeviceBytes, type DeviceBytes } from '../../support/device-bytes.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { noiseVolume } from '../../support/random-volume.ts';

const edge = 32;
/**
 * Parameters, tables and the two read-back buffers are counted as so much, which most of a small box is not.
 */
const SMALL_BYTES = 2 ** 20;
const MOST = 1.15;
const shape: Shape = [edge, edge, edge];
const volumeBytes = 4 * edge ** 3;
const grid: Grid = { shape, voxelSize: [1.5, 1.5, 1.5], origin: [0, 0, 0] };
const larger: Shape = [edge + 6, edge + 6, edge + 6];

const atoms: AtomSet = {
  count: 40,
  positions: Float64Array.from({ length: 120 }, (_, i) => edge * (0.5 + 0.3 * Math.sin(i))),
  elements: Array.from({ length: 40 }, () => 'C'),
  bFactors: new Float64Array(40).fill(60),
  occupancies: new Float64Array(40).fill(1),
};

/** Lower limits: volumes and spectra in several slabs, and columns along z in strips. */
const SLABS = {
  slabBytes: 4 * edge ** 2 * Math.ceil(edge / 3),
  bindingBytes: 12 * edge ** 2 * Math.ceil(edge / 2),
};

describeGpu(`bytes of the device, ${edge}^3 voxels`, (open) => {
  for (const [way, limits] of [
    ['', {}],
    [', in slabs', SLABS],
  ] as const) {
    let gpu: GpuDevice;
    let engine: GpuEngine;
    let counted: DeviceBytes;
    const ball = (): Promise<Volume> => {
      const near = (i: number): number => Math.abs(i - edge / 2);
      const inside = (i: number): boolean =>
        Math.max(near(i % edge), near(Math.floor(i / edge) % edge), near(Math.floor(i / edge ** 2))) < 6;
      return engine.upload(
        Float32Array.from({ length: edge ** 3 }, (_, i) => (inside(i) ? 1 : 0)),
        shape,
      );
    };
    const put = (seed: number): Promise<Volume> => engine.upload(noiseVolume(shape, seed), shape);

    beforeAll(async () => {
      // Of its own: what it counts is not shared.
      gpu = await open({ ...limits, lineBytes: 16 * 1024 + (way === '' ? 0 : 1024) });
      counted = countDeviceBytes(gpu);
      engine = await createGpuEngine(gpu, { kind: 'software' });
    });

    /** Most bytes of `work` beside what lives before it. */
    const taken = async (work: () => Promise<Volume | readonly Volume[] | unknown>): Promise<number> => {
      // Kernels and tables that stay are made by the first call.
      const discard = async (): Promise<void> => {
        const made = await work();
        const volumes = (Array.isArray(made) ? made : [made]) as Volume[];
        engine.release(...volumes);
      };
      await discard();
      counted.watch();
      const before = counted.now;
      await discard();
      expect(counted.now).toBe(before);
      expect(gpu.allocatedBytes).toBe(counted.now);
      return counted.peak - before;
    };
    const expectTruth = (predicted: number, measured: number): void => {
      expect(measured).toBeGreaterThan(0);
      expect(predicted).toBeGreaterThanOrEqual(measured);
      expect(predicted).toBeLessThanOrEqual(MOST * measured + SMALL_BYTES);
    };

    const verbs: readonly (readonly [string, () => Promise<readonly [number, number]>])[] = [
      [
        'average',
        async () => {
          const a = await put(1);
          const bytes = await taken(() => engine.average(a, a));
          return [engine.bytesOf.average(shape), bytes];
        },
      ],
      [
        'binarise',
        async () => {
          const a = await put(1);
          return [
            engine.bytesOf.binarise(shape),
            await taken(async () => (await engine.binarise(a, 0)).mask),
          ];
        },
      ],
      [
        'radialFilter',
        async () => {
          const a = await put(1);
          const bytes = await taken(() => engine.radialFilter(a, tanhLowPass(6, 1.5)));
          return [engine.bytesOf.radialFilter(shape), bytes];
        },
      ],
      [
        'translate',
        async () => {
          const a = await put(1);
          const bytes = await taken(() => engine.translate(a, [0.5, 0, 0.25]));
          return [engine.bytesOf.translate(shape), bytes];
        },
      ],
      [
        'resample',
        async () => {
          const a = await put(1);
          return [engine.bytesOf.resample(shape, larger), await taken(() => engine.resample(a, larger))];
        },
      ],
      [
        'simulateMap',
        async () => [
          engine.bytesOf.simulateMap(atoms.count, grid),
          await taken(() => engine.simulateMap(atoms, grid)),
        ],
      ],
      [
        'symmetrise by voxels',
        async () => {
          const a = await put(1);
          const operators = pointGroup('C4');
          const bytes = await taken(() => engine.symmetrise(a, operators));
          return [engine.bytesOf.symmetrise(shape, operators), bytes];
        },
      ],
      [
        'symmetrise by interpolation',
        async () => {
          const a = await put(1);
          const operators = pointGroup('C3');
          const bytes = await taken(() => engine.symmetrise(a, operators));
          return [engine.bytesOf.symmetrise(shape, operators), bytes];
        },
      ],
      [
        'shellSpectra',
        async () => {
          const [a, b] = [await put(1), await put(2)];
          return [engine.bytesOf.shellSpectra(shape), await taken(() => engine.shellSpectra(a, b))];
        },
      ],
      [
        'shellSpectra of one map',
        async () => {
          const a = await put(1);
          return [engine.bytesOf.shellSpectra(shape, 1), await taken(() => engine.shellSpectra(a, a))];
        },
      ],
      [
        'confidenceMap',
        async () => {
          const a = await put(1);
          const noise = { mean: 0, variance: 1 };
          return [engine.bytesOf.confidenceMap(shape), await taken(() => engine.confidenceMap(a, noise))];
        },
      ],
      [
        'localFilter',
        async () => {
          const a = await put(1);
          const cutoffs = Float32Array.from({ length: edge ** 3 }, (_, i) => 4 + 0.1 * (i % 2));
          const bins = filterBins(cutoffs, 1.5);
          const b = await engine.upload(cutoffs, shape);
          return [engine.bytesOf.localFilter(shape), await taken(() => engine.localFilter(a, b, bins))];
        },
      ],
    ];
    it.each(verbs)(`%s${way}`, async (_name, measure) => {
      expectTruth(...(await measure()));
    });

    it(`soft bands that fade and say what they measure${way}`, async () => {
      const [half1, half2, reference, mask] = [await put(1), await put(2), await put(3), await ball()];
      const target = { kind: 'reference' } as const;
      const options = { fadeResolution: 4, zeroOutside: true, measureLocal: true };
      const job = { ...grid, half1, half2, reference, mask, target, ...options };
      const { estimate } = await engine.openBandScaling(bandSettings(job));
      const bytes = await taken(async () => bandVolumes(await bandScaling(engine, job)));
      expectTruth(estimate.workingBytes + volumeBytes, bytes);
    });

    if (way !== '') continue;
    // Their buffers are those of tiles, not of slabs: larger than the lower limits allow.
    it('local scaling that measures B factors', async () => {
      const [map, reference, mask] = [await put(1), await put(2), await ball()];
      const settings = {
        ...({ mask, windowVoxels: 8, profileKind: 'octant', measureBFactors: true } as const),
        rule: { kind: 'reference-profile', voxelSize: 1.5, wilsonCutoff: 10, fscCutoff: 3 } as const,
      };
      const maps = { map, reference, padValues: { map: 0, reference: 0 } };
      const { estimate } = await engine.openLocalScaling(settings);
      const bytes = await taken(async () => volumesOf(await localScaling(engine, { ...settings, ...maps })));
      expectTruth(estimate.workingBytes + 3 * volumeBytes, bytes);
    });

    it('local resolution', async () => {
      const [half1, half2, mask] = [await put(1), await put(2), await ball()];
      const settings = { mask, windowVoxels: 8, weights: 'hann', voxelSize: 1.5, threshold: 0.143 } as const;
      const { estimate } = await engine.openLocalResolution(settings);
      const job = { ...settings, half1, half2, padValues: [0, 0] } as const;
      const bytes = await taken(async () => (await localResolution(engine, job)).resolution);
      expectTruth(estimate.workingBytes + volumeBytes, bytes);
    });
  }
});
