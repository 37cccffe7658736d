/**
 * An engine made of the tests' float64 reference code: slow, plain, single-threaded. It drives the
 * pipeline in tests without a real engine, and is an oracle for real ones on small maps. It counts the
 * volumes that are held, so that tests see what a run leaves behind.
 */
import { cpuBytes } from '../../src/cpu-fallback/bytes.ts';
import { bandRegion, checkBandMaps, checkBandSettings, chooseTiles } from '../../src/engine/checks.ts';
import type {
  Engine,
  LocalScalingJob,
  LocalScalingResult,
  ScalingRun,
  ScalingTile,
  TileHooks,
  Volume,
} from '../../src/engine/engine.ts';
import { LocScaleError } from '../../src/errors.ts';
import { binWeight } from '../../src/math/fourier/local-filter.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { planBands } from '../../src/math/soft-scaling/bands.ts';
import { confidenceFromMap, noiseEstimate } from '../../src/math/statistics/confidence.ts';
import { directBandScaling } from './direct-band-scaling.ts';
import { directLocalResolution } from './direct-local-resolution.ts';
import { directLocalScaling } from './direct-local-scaling.ts';
import { modelMapDirectly } from './direct-model-map.ts';
import { randomisePhasesDirectly } from './direct-random-phases.ts';
import { resampleDirectly } from './direct-resample.ts';
import { symmetriseDirectly } from './direct-symmetrise.ts';
import { translateDirectly } from './direct-translation.ts';
import { referenceFft3d, referenceShellSums, signedIndex } from './reference-fft.ts';

interface SimpleVolume extends Volume {
  readonly data: Float32Array;
}

export interface SimpleEngine extends Engine {
  /** Volumes uploaded or made and not yet released. */
  readonly held: ReadonlySet<Volume>;
  /** Names of the verbs called, in order. */
  readonly calls: string[];
  /** Most volumes held at any time. */
  mostHeld(): number;
}

/** `largestTile`: larger tiles of a local scaling do not fit its memory. */
export function createSimpleEngine({ largestTile = TILE }: { largestTile?: Shape } = {}): SimpleEngine {
  const held = new Set<Volume>();
  const calls: string[] = [];
  let most = 0;
  const make = (data: Float32Array, shape: Shape): SimpleVolume => {
    const volume = { data, shape };
    held.add(volume);
    most = Math.max(most, held.size);
    return volume;
  };
  const voxels = (volume: Volume, verb: string): Float32Array => {
    if (!held.has(volume)) throw new Error(`${verb}: the volume was released, or is another engine's`);
    return (volume as SimpleVolume).data;
  };
  const called = (verb: string): void => {
    calls.push(verb);
  };

  const scale = async (
    job: LocalScalingJob,
    result: LocalScalingResult,
    { tileSize, tiles }: Pick<ScalingRun, 'tileSize' | 'tiles'>,
    starts: readonly Shape[] | undefined,
    hooks: TileHooks = {},
  ): Promise<void> => {
    called('localScaling');
    const { shape } = job.map;
    const chosenTiles = chooseTiles(tiles, starts);
    const mask = voxels(job.mask, 'localScaling');
    const inMask = maskIndices(mask);
    const total = chosenTiles.reduce((sum, { maskVoxels }) => sum + maskVoxels, 0);
    const input = directInput(job, (volume) => voxels(volume, 'localScaling'));
    const { scaled, bFactor, quality } = result;
    const out = [scaled, bFactor, quality].map((volume) => volume && voxels(volume, 'localScaling'));
    let done = 0;
    for (const tile of chosenTiles) {
      const start = String(tile.start);
      for (const index of inMask.filter((i) => String(tileStart(i, shape, tileSize)) === start)) {
        // Lets timers and aborts of the caller run between windows.
        if (done % 64 === 0) await new Promise((resolve) => setTimeout(resolve));
        if (hooks.signal?.aborted === true) throw new Error('stopped in the middle');
        const [voxel] = directLocalScaling(input, [index]);
        [voxel.value, voxel.bFactor, voxel.quality].forEach((value, i) => {
          const volume = out[i];
          if (volume !== undefined) volume[index] = value;
        });
        hooks.onProgress?.(++done, total);
      }
      await hooks.onTiles?.([tile]);
    }
  };

  return {
    name: 'cpu',
    description: 'reference code of the tests',
    memoryLimitBytes: undefined,
    bytesOf: { ...cpuBytes(1), host: () => 0, retained: () => 0 },
    held,
    calls,
    mostHeld: () => most,
    allocateHost: (count) => new Float32Array(count),
    freeHost: () => undefined,
    async upload(data, shape) {
      called('upload');
      if (data.length !== voxelCount(shape)) throw new Error(`upload: ${data.length} voxels for ${shape}`);
      return make(data, shape);
    },
    async download(volume) {
      called('download');
      return voxels(volume, 'download');
    },
    async inspect(volume, body) {
      called('inspect');
      return body(voxels(volume, 'inspect'));
    },
    release(...volumes) {
      for (const volume of volumes)
        if (!held.delete(volume)) throw new Error('release: the volume is not held');
    },
    async average(a, b) {
      called('average');
      const other = voxels(b, 'average');
      return make(
        voxels(a, 'average').map((value, i) => (value + other[i]) / 2),
        a.shape,
      );
    },
    async statistics(volume, where) {
      called('statistics');
      const data = voxels(volume, 'statistics');
      const mask = where === undefined ? undefined : voxels(where.mask, 'statistics');
      const values = Array.from(data).filter((_, i) => mask === undefined || mask[i] > 0.5 === where?.inside);
      const finite = values.filter((value) => Number.isFinite(value));
      const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
      const variance = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length;
      return {
        min: finite.reduce((a, b) => Math.min(a, b), Infinity),
        max: finite.reduce((a, b) => Math.max(a, b), -Infinity),
        mean,
        sd: Math.sqrt(variance),
        count: values.length,
        zeros: values.filter((value) => value === 0).length,
        nonFinite: values.length - finite.length,
      };
    },
    async binarise(volume, threshold) {
      called('binarise');
      const limit = Math.fround(threshold);
      const mask = voxels(volume, 'binarise').map((value) => (value >= limit ? 1 : 0));
      return { mask: make(mask, volume.shape), voxels: mask.reduce((sum, value) => sum + value, 0) };
    },
    async radialFilter(volume, transfer) {
      called('radialFilter');
      const { shape } = volume;
      const [nz, ny, nx] = shape;
      const spectrum = referenceFft3d(voxels(volume, 'radialFilter'), undefined, shape);
      const last = transfer.table.length - 1;
      const [sz, sy, sx] = transfer.axisScale ?? [1, 1, 1];
      for (let i = 0; i < spectrum.re.length; i++) {
        const fz = (sz * signedIndex(Math.floor(i / (ny * nx)), nz)) / nz;
        const fy = (sy * signedIndex(Math.floor(i / nx) % ny, ny)) / ny;
        const fx = (sx * signedIndex(i % nx, nx)) / nx;
        const at = (Math.sqrt(fz * fz + fy * fy + fx * fx) / transfer.maxFrequency) * last;
        const low = Math.min(Math.floor(at), last - 1);
        const gain = transfer.table[low] + (at - low) * (transfer.table[low + 1] - transfer.table[low]);
        spectrum.re[i] *= gain;
        spectrum.im[i] *= gain;
      }
      const back = referenceFft3d(spectrum.re, spectrum.im, shape, true);
      return make(
        Float32Array.from(back.re, (value) => value / back.re.length),
        shape,
      );
    },
    async randomisePhases(volume, phases) {
      called('randomisePhases');
      const { shape } = volume;
      const turned = randomisePhasesDirectly(voxels(volume, 'randomisePhases'), shape, phases);
      return make(Float32Array.from(turned), shape);
    },
    async translate(volume, shift) {
      called('translate');
      const moved = translateDirectly(voxels(volume, 'translate'), volume.shape, shift);
      return make(Float32Array.from(moved), volume.shape);
    },
    async resample(volume, shape) {
      called('resample');
      return make(
        Float32Array.from(resampleDirectly(voxels(volume, 'resample'), volume.shape, shape)),
        shape,
      );
    },
    async simulateMap(atoms, grid, options) {
      called('simulateMap');
      return make(Float32Array.from(modelMapDirectly(atoms, grid, options?.blurBFactor)), grid.shape);
    },
    async symmetrise(volume, operators, options) {
      called('symmetrise');
      const averaged = symmetriseDirectly(voxels(volume, 'symmetrise'), volume.shape, operators, options);
      return make(Float32Array.from(averaged), volume.shape);
    },
    async shellSpectra(a, b, rule) {
      called('shellSpectra');
      const first = referenceFft3d(voxels(a, 'shellSpectra'), undefined, a.shape);
      const second = a === b ? first : referenceFft3d(voxels(b, 'shellSpectra'), undefined, b.shape);
      return referenceShellSums(first, second, a.shape, 'half', rule);
    },
    async noiseStatistics(volume, boxes) {
      called('noiseStatistics');
      return noiseEstimate(voxels(volume, 'noiseStatistics'), volume.shape, boxes);
    },
    async confidenceMap(volume, noise) {
      called('confidenceMap');
      return make(
        confidenceFromMap(voxels(volume, 'confidenceMap'), volume.shape, noise.mean, noise.variance),
        volume.shape,
      );
    },
    async openLocalScaling(settings) {
      called('openLocalScaling');
      const mask = voxels(settings.mask, 'openLocalScaling');
      const fitting = TILE.map((edge, axis) => Math.min(edge, largestTile[axis])) as unknown as Shape;
      const tiles = tilesOf(mask, settings.mask.shape, TILE);
      const maskVoxels = tiles.reduce((sum, tile) => sum + tile.maskVoxels, 0);
      return {
        estimate: { maskVoxels, workingBytes: 1_000_000, seconds: 1, tileSize: TILE, tiles },
        async start(maps, tileSize = fitting) {
          if (tileSize.some((edge, axis) => edge > largestTile[axis]))
            throw new LocScaleError('out-of-memory', `No room for tiles of ${tileSize.join(' x ')}.`);
          const job = { ...settings, ...maps };
          const { shape } = job.map;
          const cut = { tileSize, tiles: tilesOf(mask, shape, tileSize) };
          const empty = () => make(new Float32Array(voxelCount(shape)), shape);
          const result = {
            scaled: empty(),
            ...(job.measureBFactors ? { bFactor: empty(), quality: empty() } : {}),
          };
          return {
            ...cut,
            result,
            run: (hooks, starts) => scale(job, result, cut, starts, hooks),
            close: async () => undefined,
          };
        },
      };
    },
    async openLocalResolution(settings) {
      called('openLocalResolution');
      const indices = maskIndices(voxels(settings.mask, 'openLocalResolution'));
      return {
        estimate: { maskVoxels: indices.length, workingBytes: 1_000_000, seconds: 1 },
        async run(halves, hooks) {
          called('localResolution');
          const job = { ...settings, ...halves };
          const { shape } = job.mask;
          const [half1, half2] = [job.half1, job.half2].map((half) => voxels(half, 'localResolution'));
          const resolution = new Float32Array(voxelCount(shape));
          const curves = (job.correlationShells ?? []).map(() => new Float32Array(voxelCount(shape)));
          for (const [done, index] of indices.entries()) {
            const found = directLocalResolution({ ...job, shape, half1, half2 }, index);
            resolution[index] = found.resolution;
            job.correlationShells?.forEach((shell, i) => {
              curves[i][index] = found.curve[shell];
            });
            hooks?.onProgress?.(done + 1, indices.length);
          }
          return {
            resolution: make(resolution, shape),
            correlations: curves.map((curve) => make(curve, shape)),
          };
        },
      };
    },
    async openBandScaling(settings) {
      called('openBandScaling');
      checkBandSettings(settings);
      return {
        estimate: {
          bands: planBands(settings, settings.windowSigma).count,
          workingBytes: 1_000_000,
          seconds: 1,
        },
        async start(maps) {
          called('startBandScaling');
          checkBandMaps(settings, maps);
          const of = (volume: Volume | undefined) => volume && voxels(volume, 'bandScaling');
          const inMask = maps.mask && maskIndices(voxels(maps.mask, 'bandScaling')).length;
          bandRegion(settings, maps.mask, inMask ?? 0);
          const { scaled, bands } = directBandScaling({
            ...settings,
            half1: voxels(maps.half1, 'bandScaling'),
            half2: of(maps.half2),
            reference: of(maps.reference),
            differenceMask: of(maps.differenceMask),
            mask: of(maps.mask),
          });
          const none = async (): Promise<never> => {
            throw new Error('the tests of ranks have real engines');
          };
          return {
            async run(hooks) {
              called('bandScaling');
              hooks?.signal?.throwIfAborted();
              hooks?.onProgress?.(bands.length, bands.length);
            },
            scaleBand: none,
            addBand: none,
            finish: async () => ({ scaled: make(Float32Array.from(scaled), settings.shape), bands }),
            close: async () => undefined,
          };
        },
      };
    },
    async localFilter(volume, cutoffs, bins) {
      called('localFilter');
      const at = voxels(cutoffs, 'localFilter');
      const out = new Float32Array(at.length);
      for (const bin of bins) {
        const filtered = await this.radialFilter(volume, bin.transfer);
        const data = voxels(filtered, 'localFilter');
        at.forEach((cutoff, i) => {
          if (cutoff > 0) out[i] += binWeight(1 / cutoff, bin.below, bin.at, bin.above) * data[i];
        });
        held.delete(filtered);
      }
      return make(out, volume.shape);
    },
    async dispose() {
      held.clear();
    },
  };
}

/** Edges of its tiles: small, so that small maps have several. */
const TILE: Shape = [8, 8, 8];

function tileStart(index: number, [, ny, nx]: Shape, tileSize: Shape): Shape {
  const at = [Math.floor(index / (ny * nx)), Math.floor(index / nx) % ny, index % nx];
  return at.map((k, axis) => k - (k % tileSize[axis])) as unknown as Shape;
}

function tilesOf(mask: Float32Array, shape: Shape, tileSize: Shape): ScalingTile[] {
  const tiles = new Map<string, ScalingTile>();
  for (const index of maskIndices(mask)) {
    const start = tileStart(index, shape, tileSize);
    const voxels = (tiles.get(String(start))?.maskVoxels ?? 0) + 1;
    tiles.set(String(start), { start, maskVoxels: voxels, cost: voxels });
  }
  return [...tiles.values()];
}

function maskIndices(mask: Float32Array): number[] {
  return Array.from(mask.keys()).filter((i) => mask[i] > 0.5);
}

function directInput(
  job: LocalScalingJob,
  voxels: (volume: Volume) => Float32Array,
): Parameters<typeof directLocalScaling>[0] {
  return {
    shape: job.map.shape,
    map: voxels(job.map),
    ...(job.reference === undefined ? {} : { reference: voxels(job.reference) }),
    ...(job.differenceMask === undefined ? {} : { differenceMask: voxels(job.differenceMask) }),
    windowVoxels: job.windowVoxels,
    profileKind: job.profileKind,
    ...(job.windowTaper === undefined ? {} : { windowTaper: job.windowTaper }),
    rule: job.rule,
    padValues: job.padValues,
  };
}
