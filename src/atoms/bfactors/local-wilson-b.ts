/**
 * Local B factors of a map from the decay of its power in windows of 25 A or more (method 4, last lines, and
 * 8).
 *
 * With half maps the signal power of a shell is sum Re(F1 conj F2): noise, being independent, averages out.
 * With one map the noise power is taken from windows outside the mask, where there are any.
 *
 * The power of atoms decays even at B = 0, because of form factors and interference of neighbouring atoms.
 * This part is divided out by the power of `unitMap`, a map of the same atoms with B = 0 on the same grid, or
 * else by that of an average protein (protein-decay.ts). The remainder is the B factor that reproduces the
 * map's decay.
 *
 * The taper blurs a window's spectrum and so flattens its decay. Its power spectrum has the variance s = 1 /
 * (3 edge^2) along each axis, so that exp(-B f^2 / 2) becomes exp(-B' f^2 / 2) with B' = B / (1 + B s): 6 %
 * less for B = 120 A^2 in windows of 25 A. This is undone.
 *
 * Windows stand on a lattice of about 5 A, which a taper 12 A wide at half height does not see; between
 * lattice points B is interpolated, each point weighted by how well its window determines it.
 */
import type { HostMemory } from '../../engine/host-memory.ts';
import { isLocScaleError, LocScaleError, named } from '../../errors.ts';
import { type Grid, isotropicVoxelSize, voxelCount } from '../../math/grid.ts';
import {
  bFactorStretch,
  FEWEST_FIT_SHELLS,
  START_PER_RESOLUTION,
  scalingWindowFor,
} from '../../math/scaling/follow-resolution.ts';
import { type BFactorField, latticeFor, requirePositions, requireVoxels } from './b-factor-field.ts';
import { type Decay, type DecayShells, fitDecay } from './fit-decay.ts';
import { proteinLogPower } from './protein-decay.ts';
import {
  forEachWindowSpectra,
  planWindows,
  type SpectraVisitor,
  type WindowLattice,
  type WindowPlan,
  windowSpectraBytes,
} from './window-spectra.ts';

/** (z, y, x), x fastest, all on one grid. */
export interface LocalWilsonMaps {
  readonly data:
    | { readonly half1: Float32Array; readonly half2: Float32Array }
    | { readonly map: Float32Array };
  /** Map of the model's atoms with B = 0. */
  readonly unitMap?: Float32Array;
  /** Voxels > 0.5 are the particle; the noise of a single map is measured outside. */
  readonly mask?: Float32Array;
}

/** Points or mask at which B factors are requested; at least one of the two. */
export interface LocalWilsonTargets {
  /** x, y, z of each point in A. */
  readonly positions?: Float64Array;
  /** Voxels > 0.5 of the mask of `LocalWilsonMaps`. */
  readonly insideMask?: boolean;
}

export interface LocalWilsonOptions {
  /** Range of the fit, A: the Wilson cut-off and the resolution (method 3). */
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
  /** Edge of the windows, even; default 25 A, more for data coarser than 6 A. */
  readonly windowVoxels?: number;
  /** Voxels between windows; default about 5 A. */
  readonly stepVoxels?: number;
  /** Memory for the transforms of the planes. Default: the JS heap. */
  readonly memory?: HostMemory;
}

const LATTICE_ANGSTROM = 5;
/**
 * Relative variance of a coefficient's power. Without atoms it is that of speckle, 1; with atoms map and
 * model have the same speckle, except for variations of B inside the window.
 */
const SPECKLE = { unknownAtoms: 1, sameAtoms: 0.25 } as const;
/**
 * Limits for the number of windows outside the mask in which noise is measured: fewer are unreliable, more
 * add nothing.
 */
const NOISE_WINDOWS = { fewest: 4, most: 64 } as const;
/** Lower limit of 1 - B' s: a decay steeper than B = 1000 A^2 in windows of 25 A is due to the taper. */
const LEAST_KEPT = 0.5;
/** Initial overall B factor, A^2: single-particle maps have 50 to 300. */
const USUAL_B = 100;

export function measureLocalB(
  maps: LocalWilsonMaps,
  grid: Grid,
  targets: LocalWilsonTargets,
  options: LocalWilsonOptions,
): BFactorField {
  const voxelSize = isotropicVoxelSize(grid);
  const { wilsonCutoff, fscCutoff } = options;
  const windowVoxels =
    options.windowVoxels ?? scalingWindowFor(voxelSize, fscCutoff, Math.min(...grid.shape));
  const step = options.stepVoxels ?? latticeStep(voxelSize);
  const plan = planFit(windowVoxels, voxelSize, wilsonCutoff, fscCutoff);
  const lattice = latticeFor(grid, step);
  if (targets.positions !== undefined) requirePositions(lattice, grid, targets.positions);
  if (targets.insideMask === true) {
    if (maps.mask === undefined) throw new LocScaleError('internal', 'Local B factors inside no mask.');
    requireVoxels(lattice, grid, maps.mask);
  }
  const measured = measureSpectra(maps, grid, plan, lattice, options.memory);
  const halves = 'half1' in maps.data;
  const shellsOf = (point: number | undefined): DecayShells => ({
    squaredFrequency: plan.squaredFrequency,
    counts: plan.counts,
    logUnit: unitLogPower(measured, plan, point),
    noise: measured.noise,
    speckle: maps.unitMap === undefined ? SPECKLE.unknownAtoms : SPECKLE.sameAtoms,
    halves,
  });
  const overall = fitDecay(measured.totalSignal, shellsOf(undefined), USUAL_B * bFactorStretch(fscCutoff));
  if (overall === undefined) {
    throw new LocScaleError(
      'bad-input',
      'No B factor can be measured: the map holds no signal in the fit range.',
      {
        expected: `signal up to ${fscCutoff.toFixed(1)} A`,
        hint: 'Check the mask and the resolution, and that the half maps belong together.',
      },
    );
  }
  const sharpened = undoTaper(plan.windowVoxels * voxelSize);
  const size = voxelCount(lattice.shape);
  const bFactors = new Float64Array(size).fill(Number.NaN);
  const variances = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  measured.points.forEach((point, i) => {
    const signal = measured.signal.subarray(i * plan.shells, (i + 1) * plan.shells);
    const fit: Decay | undefined = fitDecay(signal, shellsOf(i), overall.bFactor);
    if (fit === undefined) return;
    ({ bFactor: bFactors[point], variance: variances[point] } = sharpened(fit));
  });
  return {
    shape: lattice.shape,
    step,
    bFactors,
    variances,
    overall: sharpened(overall).bFactor,
    resolution: fscCutoff,
  };
}

/**
 * Peak host memory of `measureLocalB` in bytes for this number of maps, with windows around all voxels of the
 * mask marked in the lattice; 0 if nothing can be measured.
 */
export function localBBytes(
  lattice: WindowLattice,
  voxelSize: number,
  { wilsonCutoff, fscCutoff, windowVoxels }: LocalWilsonOptions & { readonly windowVoxels: number },
  maps: number,
): number {
  try {
    return windowSpectraBytes(planFit(windowVoxels, voxelSize, wilsonCutoff, fscCutoff), lattice, maps);
  } catch (error) {
    if (isLocScaleError(error) && error.tag === 'bad-input') return 0;
    throw error;
  }
}

/** Lattice of windows for these voxels > 0.5. */
export function latticeOf(grid: Grid, mask: Float32Array): WindowLattice {
  const lattice = latticeFor(grid, latticeStep(isotropicVoxelSize(grid)));
  requireVoxels(lattice, grid, mask);
  return lattice;
}

/** Lattice spacing in voxels. */
function latticeStep(voxelSize: number): number {
  return Math.max(1, Math.round(LATTICE_ANGSTROM / voxelSize));
}

/**
 * Shells from the Wilson cut-off to the resolution; if too few, from 2.5 times the resolution, as in the
 * windows of local scaling.
 */
function planFit(
  windowVoxels: number,
  voxelSize: number,
  wilsonCutoff: number,
  fscCutoff: number,
): WindowPlan {
  const shellsOf = ({ counts }: WindowPlan): number => counts.filter((count) => count > 0).length;
  for (const start of [wilsonCutoff, Math.max(wilsonCutoff, START_PER_RESOLUTION * fscCutoff)]) {
    const plan = planWindows(windowVoxels, voxelSize, start, fscCutoff);
    if (shellsOf(plan) >= FEWEST_FIT_SHELLS) return plan;
  }
  const edge = windowVoxels * voxelSize;
  throw new LocScaleError(
    'bad-input',
    `Windows of ${windowVoxels} voxels (${edge.toFixed(1)} A) have too few shells to measure B factors.`,
    {
      expected: `${FEWEST_FIT_SHELLS} half shells up to ${fscCutoff.toFixed(1)} A`,
      hint: `Use a larger window with ${named('windowVoxels')}.`,
    },
  );
}

/** Corrects fits for the taper of windows of this edge (A). */
function undoTaper(edge: number): (fit: Decay) => Decay {
  const spread = 1 / (3 * edge * edge);
  return ({ bFactor, variance }) => {
    const kept = Math.max(LEAST_KEPT, 1 - bFactor * spread);
    return { bFactor: bFactor / kept, variance: variance / kept ** 4 };
  };
}

interface MeasuredSpectra {
  /** Lattice index of each window. */
  readonly points: number[];
  /** Per window and shell: signal power summed over the shell, and that of the unit map. */
  readonly signal: Float64Array;
  readonly unit: Float64Array | undefined;
  /** Sums over all windows. */
  readonly totalSignal: Float64Array;
  readonly totalUnit: Float64Array | undefined;
  /** Noise power per coefficient. */
  readonly noise: Float64Array;
}

function measureSpectra(
  maps: LocalWilsonMaps,
  grid: Grid,
  plan: WindowPlan,
  lattice: WindowLattice,
  memory: HostMemory | undefined,
): MeasuredSpectra {
  const { data, unitMap, mask } = maps;
  const density = 'half1' in data ? [data.half1, data.half2] : [data.map];
  const pads = density.map((map) => solventMean(map, mask));
  const halves = density.length === 2;
  const unitProducts: [number, number][] = unitMap === undefined ? [] : [[density.length, density.length]];
  const products: [number, number][] = halves
    ? [[0, 1], [0, 0], [1, 1], ...unitProducts]
    : [[0, 0], ...unitProducts];
  const volumes = unitMap === undefined ? density : [...density, unitMap];
  const allPads = unitMap === undefined ? pads : [...pads, 0];

  const windows = lattice.wanted.reduce((sum, wanted) => sum + wanted, 0);
  const { shells } = plan;
  const points: number[] = [];
  const signal = new Float64Array(windows * shells);
  const unit = unitMap === undefined ? undefined : new Float64Array(windows * shells);
  const noise = halves
    ? new Float64Array(shells)
    : noiseOutside(density[0], pads[0], grid, plan, lattice, mask, memory);
  const add: SpectraVisitor = (point, sums) => {
    const to = points.push(point) * shells - shells;
    for (let r = 0; r < shells; r++) {
      signal[to + r] = sums[0][r];
      if (halves) noise[r] += (sums[1][r] + sums[2][r]) / 2 - sums[0][r];
      else signal[to + r] -= noise[r] * plan.counts[r];
    }
    unit?.set(sums[products.length - 1], to);
  };
  forEachWindowSpectra(volumes, grid.shape, allPads, plan, lattice, products, add, memory);
  // The noise of half maps is averaged over windows: shells of a single window are too uncertain.
  if (halves)
    for (let r = 0; r < shells; r++) noise[r] = Math.max(0, noise[r]) / (windows * plan.counts[r] || 1);
  return {
    points,
    signal,
    unit,
    totalSignal: sumOverWindows(signal, shells),
    totalUnit: unit && sumOverWindows(unit, shells),
    noise,
  };
}

function sumOverWindows(values: Float64Array, shells: number): Float64Array {
  const total = new Float64Array(shells);
  for (let i = 0; i < values.length; i++) total[i % shells] += values[i];
  return total;
}

/** ln of the power per coefficient at B = 0, of one window or of all windows. */
function unitLogPower(measured: MeasuredSpectra, plan: WindowPlan, window: number | undefined): Float64Array {
  const { shells, counts, squaredFrequency } = plan;
  const { unit, totalUnit } = measured;
  if (unit === undefined || totalUnit === undefined)
    return squaredFrequency.map((squared) => proteinLogPower(Math.sqrt(squared)));
  const values = window === undefined ? totalUnit : unit.subarray(window * shells, (window + 1) * shells);
  // A window without atoms (needed for interpolation only) has no power of its own and uses that of all
  // windows.
  const empty = values.some((value, r) => counts[r] > 0 && !(value > 0));
  return Float64Array.from(empty ? totalUnit : values, (value, r) => Math.log(value / (counts[r] || 1)));
}

function solventMean(map: Float32Array, mask: Float32Array | undefined): number {
  if (mask === undefined) return 0;
  let sum = 0;
  let count = 0;
  for (let i = 0; i < map.length; i++) {
    if (mask[i] > 0.5) continue;
    sum += map[i];
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

/** Mean power per coefficient in windows without mask voxels; 0 if such windows are rare. */
function noiseOutside(
  map: Float32Array,
  pad: number,
  grid: Grid,
  plan: WindowPlan,
  lattice: WindowLattice,
  mask: Float32Array | undefined,
  memory: HostMemory | undefined,
): Float64Array {
  const noise = new Float64Array(plan.shells);
  if (mask === undefined) return noise;
  const outside = emptyWindows(grid, plan.windowVoxels, lattice, mask);
  if (outside.length < NOISE_WINDOWS.fewest) return noise;
  const every = Math.max(1, Math.floor(outside.length / NOISE_WINDOWS.most));
  const wanted = new Uint8Array(lattice.wanted.length);
  let windows = 0;
  for (let i = 0; i < outside.length; i += every, windows++) wanted[outside[i]] = 1;
  forEachWindowSpectra(
    [map],
    grid.shape,
    [pad],
    plan,
    { ...lattice, wanted },
    [[0, 0]],
    (_point, [power]) => {
      for (let r = 0; r < plan.shells; r++) noise[r] += power[r] / (windows * plan.counts[r] || 1);
    },
    memory,
  );
  return noise;
}

/** Lattice points whose windows are inside the box and contain no mask voxel. */
function emptyWindows(
  { shape }: Grid,
  windowVoxels: number,
  lattice: WindowLattice,
  mask: Float32Array,
): number[] {
  const h = windowVoxels / 2;
  const [, ny, nx] = shape;
  const [lz, ly, lx] = lattice.shape;
  const occupied = new Uint8Array(voxelCount(lattice.shape));
  for (let i = 0; i < mask.length; i++) {
    if (!(mask[i] > 0.5)) continue;
    const voxel = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    const nearest = voxel.map((v) => Math.round(v / lattice.step));
    occupied[(nearest[0] * ly + nearest[1]) * lx + nearest[2]] = 1;
  }
  const reach = Math.ceil(h / lattice.step);
  const free: number[] = [];
  for (let z = 0, point = 0; z < lz; z++)
    for (let y = 0; y < ly; y++)
      for (let x = 0; x < lx; x++, point++) {
        const centre = [z, y, x].map((i) => i * lattice.step);
        if (centre.some((c, axis) => c < h || c + h > shape[axis])) continue;
        if (!anyWithin(occupied, lattice.shape, [z, y, x], reach)) free.push(point);
      }
  return free;
}

function anyWithin(
  occupied: Uint8Array,
  [lz, ly, lx]: WindowLattice['shape'],
  [cz, cy, cx]: readonly number[],
  reach: number,
): boolean {
  for (let z = Math.max(0, cz - reach); z <= Math.min(lz - 1, cz + reach); z++)
    for (let y = Math.max(0, cy - reach); y <= Math.min(ly - 1, cy + reach); y++)
      for (let x = Math.max(0, cx - reach); x <= Math.min(lx - 1, cx + reach); x++)
        if (occupied[(z * ly + y) * lx + x] === 1) return true;
  return false;
}
