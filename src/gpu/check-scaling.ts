/**
 * Local scaling on a GPU and driver that have not been seen yet: the job's own kernels on a tile of its plan,
 * against float64. White noise in the place of the maps, so that no shell is without amplitude, whatever the
 * maps hold: ten voxels by the definition of method 4, and with all scale factors 1 the sum of all shells, which
 * is the map at every voxel of the tile. Then the copies: a plane of the real map into the box, and the tile's
 * voxels back to those of the mask.
 */
import type { LocalScalingJob } from '../engine/engine.ts';
import { shellKernels, shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { compileScalingRule } from '../math/scaling/scaling-rules.ts';
import { createWindowProfile, cutWindow } from '../math/scaling/window-profile.ts';
import { createRandom } from '../math/statistics/random.ts';
import { checkGatheredPlane, forEachUnitRow, positionInUnits, readPlanes } from './check-tiles.ts';
import type { GpuDevice } from './device.ts';
import type { GpuTile, GpuTilePlan } from './plan-tiles.ts';
import { SCALING_ROWS, UNIT_ROWS } from './tile-units.ts';
import { relativeError } from './verification.ts';
import type { GpuVolume } from './volume.ts';

/** A prepared job, and the parts of its work. */
export interface TilesUnderTest {
  readonly gpu: GpuDevice;
  readonly plan: GpuTilePlan;
  readonly job: LocalScalingJob;
  readonly volumes: { readonly map: GpuVolume; readonly mask: GpuVolume; readonly scaled: GpuVolume };
  readonly buffers: {
    readonly mapBox: GPUBuffer;
    readonly referenceBox: GPUBuffer | undefined;
    /** Of the tile, read by the hybrid rule only. */
    readonly differenceMask: GPUBuffer;
    readonly factors: GPUBuffer;
    /** Per unit voxel: result, {B factor, quality}. */
    readonly scaled: GPUBuffer;
    readonly fits: GPUBuffer;
  };
  /** Each submits its part for the tile. */
  gather(tile: GpuTile): void;
  scale(tile: GpuTile): void;
  convolve(tile: GpuTile): void;
  place(tile: GpuTile): void;
}

const VOXELS = 10;
const MOST_TRIED = 8 * VOXELS;
/**
 * Of a shell, relative to the mean of all: that of a few coefficients may nearly vanish by chance, and its
 * factor then shows their rounding errors enlarged.
 */
const LEAST_AMPLITUDE = 0.1;
/** Planes of the volume that are compared. */
const PLANES = 32;
/** Bytes of ones that are written at a time. */
const PIECE = 2 ** 22;

/** The worst relative error of all checks. */
export async function checkScaling(job: TilesUnderTest): Promise<number> {
  const { plan } = job;
  const tile = plan.tiles.reduce((most, next) => (next.unitCount > most.unitCount ? next : most));
  const errors = [...(await checkVoxels(job, tile)), await checkSum(job, tile)];
  errors.push(await checkGather(job, tile), await checkPlace(job, tile));
  // NaN stays NaN.
  return Math.max(...errors);
}

async function checkVoxels(under: TilesUnderTest, tile: GpuTile): Promise<number[]> {
  const { gpu, plan, job, buffers } = under;
  const map = noise(gpu, buffers.mapBox, 1, voxelCount(plan.box));
  const reference = buffers.referenceBox && noise(gpu, buffers.referenceBox, 2, voxelCount(plan.box));
  const inside = job.differenceMask && sides(gpu, buffers.differenceMask, voxelCount(plan.tileSize));
  under.scale(tile);
  const { lanes } = plan.profiles;
  const unitVoxels = tile.unitCount * lanes * UNIT_ROWS;
  const scaled = new Float32Array(await gpu.read(buffers.scaled, 0, 4 * unitVoxels));
  const fits = new Float32Array(await gpu.read(buffers.fits, 0, 8 * unitVoxels));
  const scaleVoxel = createVoxelScaling(job, plan, map, reference);
  const expected: number[][] = [[], [], []];
  const ours: number[][] = [[], [], []];
  for (let k = 0; k < MOST_TRIED && expected[0].length < VOXELS; k++) {
    // Steps that meet every lane, and every row of a unit.
    const voxel = (Math.floor(((k + 0.5) * unitVoxels) / VOXELS) + 37 * k) % unitVoxels;
    const position = positionInUnits(tile.units, lanes, voxel, SCALING_ROWS);
    const at = indexIn(plan.tileSize, position);
    const found = scaleVoxel(position, inside !== undefined && inside[at] > 0.5);
    if (found === undefined) continue;
    found.forEach((value, i) => {
      expected[i].push(value);
    });
    [scaled[voxel], fits[2 * voxel], fits[2 * voxel + 1]].forEach((value, i) => {
      ours[i].push(value);
    });
  }
  return expected.map((values, i) => relativeError(ours[i], values));
}

/**
 * Result, B factor and quality at a position in the tile (z, y, x), by their definitions; undefined where a
 * shell of the map nearly vanishes.
 */
function createVoxelScaling(
  job: LocalScalingJob,
  { box, profiles }: GpuTilePlan,
  map: Float32Array,
  reference: Float32Array | undefined,
): (position: Shape, inDifferenceMask: boolean) => [number, number, number] | undefined {
  const { windowVoxels: w, profileKind, windowTaper: taper, rule } = job;
  const { shellCount } = profiles;
  const profileOf = createWindowProfile(w, profileKind, taper);
  const factorsOf = compileScalingRule(rule, shellCount, true);
  const kernels = shellKernels(w, taper);
  const wide = shellKernelVoxels(w, taper);
  const h = wide / 2;
  const factors = new Float64Array(shellCount);
  const fit = new Float64Array(2);
  return ([z, y, x], inDifferenceMask) => {
    const centre = [z + h, y + h, x + h] as const;
    const profile = (voxels: Float32Array): Float64Array => profileOf(cutWindow(voxels, box, centre, w, 0));
    const ofMap = profile(map);
    const mean = ofMap.reduce((sum, amplitude) => sum + amplitude, 0) / shellCount;
    if (Math.min(...ofMap) < LEAST_AMPLITUDE * mean) return undefined;
    const ofReference = reference ? profile(reference) : new Float64Array(shellCount);
    factorsOf(ofMap, ofReference, inDifferenceMask, factors, fit);
    const kernel = kernels[0].map((_, i) => factors.reduce((sum, s, r) => sum + s * kernels[r][i], 0));
    const window = cutWindow(map, box, centre, wide, 0);
    const along = (i: number): number => Math.abs(i - h);
    let sum = 0;
    for (let i = 0, at = 0; i < wide; i++)
      for (let j = 0; j < wide; j++)
        for (let k = 0; k < wide; k++, at++)
          sum += window[at] * kernel[(along(i) * (h + 1) + along(j)) * (h + 1) + along(k)];
    return [sum, fit[0], fit[1]];
  };
}

/** sum_r B_r = map, at all unit voxels. */
async function checkSum(under: TilesUnderTest, tile: GpuTile): Promise<number> {
  const { gpu, plan, job, buffers } = under;
  const map = noise(gpu, buffers.mapBox, 3, voxelCount(plan.box));
  const ones = new Float32Array(Math.min(PIECE, buffers.factors.size) / 4).fill(1);
  for (let at = 0; at < buffers.factors.size; at += ones.byteLength)
    gpu.device.queue.writeBuffer(
      buffers.factors,
      at,
      ones.subarray(0, Math.min(ones.length, (buffers.factors.size - at) / 4)),
    );
  under.convolve(tile);
  const { lanes } = plan.profiles;
  const unitVoxels = tile.unitCount * lanes * UNIT_ROWS;
  const scaled = new Float32Array(await gpu.read(buffers.scaled, 0, 4 * unitVoxels));
  const margin = shellKernelVoxels(job.windowVoxels, job.windowTaper) / 2;
  const expected = new Float32Array(unitVoxels);
  forEachUnitRow(tile, lanes, SCALING_ROWS, (first, [z, y, x]) => {
    const from = indexIn(plan.box, [z + margin, y + margin, x + margin]);
    expected.set(map.subarray(from, from + lanes), first);
  });
  return relativeError(scaled, expected);
}

/** A plane of the box from the real map. */
async function checkGather(under: TilesUnderTest, tile: GpuTile): Promise<number> {
  const { gpu, plan, job, volumes, buffers } = under;
  under.gather(tile);
  const margin = shellKernelVoxels(job.windowVoxels, job.windowTaper) / 2;
  const gathered = { volume: volumes.map, start: tile.start, margin, padValue: job.padValues.map };
  return checkGatheredPlane(gpu, buffers.mapBox, plan.box, gathered);
}

/** Results to the mask voxels of some planes; the volume is 0 afterwards, as before. */
async function checkPlace(under: TilesUnderTest, tile: GpuTile): Promise<number> {
  const { gpu, plan, volumes, buffers } = under;
  under.place(tile);
  const { lanes } = plan.profiles;
  const unitVoxels = tile.unitCount * lanes * UNIT_ROWS;
  const scaled = new Float32Array(await gpu.read(buffers.scaled, 0, 4 * unitVoxels));
  const [nz, ny, nx] = volumes.mask.shape;
  const first = tile.start[0] + tile.units[0];
  const planes = Math.min(PLANES, nz - first);
  const mask = await readPlanes(gpu, volumes.mask, first, planes);
  const placed = await readPlanes(gpu, volumes.scaled, first, planes);
  const expected = new Float32Array(placed.length);
  forEachUnitRow(tile, lanes, SCALING_ROWS, (voxel, position) => {
    const [z, y, x] = position.map((at, axis) => at + tile.start[axis]);
    if (z < first || z >= first + planes || y >= ny) return;
    const at = ((z - first) * ny + y) * nx + x;
    for (let lane = 0; lane < Math.min(lanes, nx - x); lane++)
      if (mask[at + lane] > 0.5) expected[at + lane] = scaled[voxel + lane];
  });
  const encoder = gpu.device.createCommandEncoder({ label: 'self-test' });
  for (const { buffer } of volumes.scaled.slabs) encoder.clearBuffer(buffer);
  await gpu.finish(encoder);
  return relativeError(placed, expected);
}

function indexIn([, ny, nx]: Shape, [z, y, x]: Shape): number {
  return (z * ny + y) * nx + x;
}

function noise(gpu: GpuDevice, buffer: GPUBuffer, seed: number, count: number): Float32Array {
  const random = createRandom(seed);
  return write(
    gpu,
    buffer,
    Float32Array.from({ length: count }, () => random.gaussian()),
  );
}

function sides(gpu: GpuDevice, buffer: GPUBuffer, count: number): Float32Array {
  return write(
    gpu,
    buffer,
    Float32Array.from({ length: count }, (_, i) => i % 2),
  );
}

function write(gpu: GpuDevice, buffer: GPUBuffer, values: Float32Array<ArrayBuffer>): Float32Array {
  gpu.device.queue.writeBuffer(buffer, 0, values);
  return values;
}
