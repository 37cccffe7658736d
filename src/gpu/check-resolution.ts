/**
 * Local resolution on a GPU and driver that have not been seen yet: the job's own kernels on a tile of its
 * plan, against float64. Noise of which the half maps share a part in the place of the maps, so that no shell
 * is without power: the sums over every shell at ten voxels by their definition; then what is read from sums
 * that were read back, at the voxels of the mask; and the copies, a plane of the real half maps into the box.
 */
import type { LocalResolutionJob } from '../engine/engine.ts';
import { transformVolume } from '../math/fourier/host-fft.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import {
  correlationOf,
  findCrossing,
  type WindowWeights,
  windowWeights,
} from '../math/scaling/local-resolution.ts';
import { cutWindow } from '../math/scaling/window-profile.ts';
import { createRandom } from '../math/statistics/random.ts';
import { checkGatheredPlane, forEachUnitRow, positionInUnits, readPlanes } from './check-tiles.ts';
import type { GpuDevice } from './device.ts';
import type { GpuResolutionPlan } from './plan-local-resolution.ts';
import { RESOLUTION_ROWS, RUN } from './tile-units.ts';
import { relativeError } from './verification.ts';
import type { GpuVolume } from './volume.ts';

type Tile = GpuResolutionPlan['tiles'][number];

/** A prepared job, and the parts of its work. */
export interface ResolutionUnderTest {
  readonly gpu: GpuDevice;
  readonly plan: GpuResolutionPlan;
  readonly job: LocalResolutionJob;
  readonly volumes: {
    readonly half1: GpuVolume;
    readonly half2: GpuVolume;
    readonly mask: GpuVolume;
    readonly resolution: GpuVolume;
    readonly correlations: readonly { readonly shell: number; readonly volume: GpuVolume }[];
  };
  readonly buffers: {
    /** Boxes of the half maps, mask of the tile, (3 shell + (cross, |A|^2, |B|^2), unit voxel). */
    readonly half1: GPUBuffer;
    readonly half2: GPUBuffer;
    readonly inside: GPUBuffer;
    readonly sums: GPUBuffer;
  };
  /** Each submits its part for the tile. */
  gather(tile: Tile): void;
  measure(tile: Tile): void;
  place(tile: Tile): void;
}

const VOXELS = 10;
/** Whether a curve falls below a threshold this near is a matter of rounding. */
const UNDECIDED = 1e-5;

/** The worst relative error of all checks. Leaves the results at 0, as before. */
export async function checkResolution(under: ResolutionUnderTest): Promise<number> {
  const { gpu, plan, volumes } = under;
  const tile = plan.tiles.reduce((most, next) => (next.unitCount > most.unitCount ? next : most));
  const sums = await measureNoise(under, tile);
  const errors = [checkSums(under, tile, sums), await checkGathered(under, tile)];
  under.place(tile);
  const { threshold, voxelSize } = under.job;
  const edge = plan.windowVoxels * voxelSize;
  const resolutionOf = (curve: number[]): number | undefined =>
    curve.some((value) => Math.abs(value - threshold) < UNDECIDED)
      ? undefined
      : edge / findCrossing(curve, threshold);
  errors.push(await checkPlaced(under, tile, sums.found, volumes.resolution, resolutionOf));
  for (const { shell, volume } of volumes.correlations)
    errors.push(await checkPlaced(under, tile, sums.found, volume, (curve) => curve[shell]));
  const encoder = gpu.device.createCommandEncoder({ label: 'self-test' });
  for (const { slabs } of [volumes.resolution, ...volumes.correlations.map(({ volume }) => volume)])
    for (const { buffer } of slabs) encoder.clearBuffer(buffer);
  await gpu.finish(encoder);
  // NaN stays NaN.
  return Math.max(...errors);
}

interface NoiseSums {
  readonly halves: readonly [Float32Array, Float32Array];
  readonly found: Float32Array;
}

/** At all voxels of the units, whatever the mask. */
async function measureNoise(under: ResolutionUnderTest, tile: Tile): Promise<NoiseSums> {
  const { gpu, plan, buffers } = under;
  const random = createRandom(1);
  const count = voxelCount(plan.box);
  const common = Float32Array.from({ length: count }, () => random.gaussian());
  const half = (): Float32Array<ArrayBuffer> => common.map((value) => value + random.gaussian());
  const halves = [half(), half()] as const;
  gpu.device.queue.writeBuffer(buffers.half1, 0, halves[0]);
  gpu.device.queue.writeBuffer(buffers.half2, 0, halves[1]);
  gpu.device.queue.writeBuffer(buffers.inside, 0, new Float32Array(voxelCount(plan.tileSize)).fill(1));
  under.measure(tile);
  const bytes = 12 * plan.shellCount * tile.unitCount * plan.lanes * RUN;
  return { halves, found: new Float32Array(await gpu.read(buffers.sums, 0, bytes)) };
}

/** Every shell counts alike: its sums are taken relative to its power. */
function checkSums({ plan, job }: ResolutionUnderTest, tile: Tile, { halves, found }: NoiseSums): number {
  const { windowVoxels: w, box, lanes, shellCount } = plan;
  const unitVoxels = tile.unitCount * lanes * RUN;
  const [ours, expected]: [number[], number[]] = [[], []];
  for (let k = 0; k < VOXELS; k++) {
    // Steps that meet every lane, and every place of a run along z.
    const voxel = Math.min(unitVoxels - 1, Math.floor(((k + 0.5) * unitVoxels) / VOXELS) + 37 * k);
    const centre = positionInUnits(tile.units, lanes, voxel, RESOLUTION_ROWS).map(
      (n) => n + w / 2,
    ) as unknown as Shape;
    const [a, b] = halves.map((half) => transformWindow(cutWindow(half, box, centre, w, 0), w, job.weights));
    const direct = sumShells(a, b, w);
    for (let r = 0; r < shellCount; r++) {
      const power = Math.sqrt(direct[r][1] * direct[r][2]);
      for (let i = 0; i < 3; i++) {
        ours.push(found[(3 * r + i) * unitVoxels + voxel] / power);
        expected.push(direct[r][i] / power);
      }
    }
  }
  return relativeError(ours, expected);
}

interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function transformWindow(window: Float64Array, w: number, weights: WindowWeights): Spectrum {
  const t = windowWeights(w, weights);
  const re = window.map(
    (value, i) => value * t[Math.floor(i / w ** 2)] * t[Math.floor(i / w) % w] * t[i % w],
  );
  const im = new Float64Array(w ** 3);
  transformVolume(re, im, [w, w, w], false);
  return { re, im };
}

/** (cross, |A|^2, |B|^2) of every shell. */
function sumShells(a: Spectrum, b: Spectrum, w: number): number[][] {
  const sums = Array.from({ length: w / 2 + 1 }, () => [0, 0, 0]);
  const signed = (k: number): number => (2 * k > w ? k - w : k);
  for (let i = 0; i < w ** 3; i++) {
    const k = [Math.floor(i / w ** 2), Math.floor(i / w) % w, i % w].map(signed);
    const shell = sums[Math.round(Math.hypot(...k))];
    if (shell === undefined) continue;
    shell[0] += a.re[i] * b.re[i] + a.im[i] * b.im[i];
    shell[1] += a.re[i] ** 2 + a.im[i] ** 2;
    shell[2] += b.re[i] ** 2 + b.im[i] ** 2;
  }
  return sums;
}

async function checkGathered(under: ResolutionUnderTest, tile: Tile): Promise<number> {
  const { gpu, plan, job, volumes, buffers } = under;
  under.gather(tile);
  const margin = plan.windowVoxels / 2;
  const errors: number[] = [];
  for (const [i, half] of (['half1', 'half2'] as const).entries())
    errors.push(
      await checkGatheredPlane(gpu, buffers[half], plan.box, {
        ...{ volume: volumes[half], start: tile.start, margin, padValue: job.padValues[i] },
      }),
    );
  const { tileSize: box } = plan;
  const mask = { volume: volumes.mask, start: tile.start, margin: 0, padValue: 0 };
  errors.push(await checkGatheredPlane(gpu, buffers.inside, box, mask));
  return Math.max(...errors);
}

/** Values of the curves at the mask voxels of as many planes as a unit has, 0 elsewhere; undefined: any. */
async function checkPlaced(
  { gpu, plan, volumes }: ResolutionUnderTest,
  tile: Tile,
  sums: Float32Array,
  volume: GpuVolume,
  readCurve: (curve: number[]) => number | undefined,
): Promise<number> {
  const { lanes, shellCount } = plan;
  const unitVoxels = tile.unitCount * lanes * RUN;
  const [nz, ny, nx] = volume.shape;
  const first = tile.start[0] + tile.units[0];
  const planes = Math.min(RUN, nz - first);
  const mask = await readPlanes(gpu, volumes.mask, first, planes);
  const placed = await readPlanes(gpu, volume, first, planes);
  const expected = new Float64Array(placed.length);
  const sum = (r: number, i: number, voxel: number): number => sums[(3 * r + i) * unitVoxels + voxel];
  forEachUnitRow(tile, lanes, RESOLUTION_ROWS, (voxel, position) => {
    const [z, y, x] = position.map((at, axis) => at + tile.start[axis]);
    if (z < first || z >= first + planes || y >= ny) return;
    const at = ((z - first) * ny + y) * nx + x;
    for (let lane = 0; lane < Math.min(lanes, nx - x); lane++) {
      if (!(mask[at + lane] > 0.5)) continue;
      const curve = Array.from({ length: shellCount }, (_, r) =>
        correlationOf(sum(r, 0, voxel + lane), sum(r, 1, voxel + lane), sum(r, 2, voxel + lane)),
      );
      expected[at + lane] = readCurve(curve) ?? placed[at + lane];
    }
  });
  return relativeError(placed, expected);
}
