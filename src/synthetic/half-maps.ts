/**
 * Test and demo data with a known answer: a structure, its ideal map, and two half maps of it.
 *   truth      the structure's map, noise-free, all B factors raised by `overallB`;
 *   half maps  truth + independent coloured Gaussian noise over the whole box, its level such that the
 *              expected half-map FSC is 0.143 at `resolution`;
 *   reference  the structure's map with its local B factors shifted so that their 1st percentile is 0
 *              (floor 0): the ideally sharpened map. The half maps' average should come close to it.
 */
import type { MapImage } from '../formats/map-image.ts';
import type { Atom } from '../math/atoms/atom.ts';
import { filterPair, forEachFrequency, transformVolume } from '../math/fourier/host-fft.ts';
import { type Grid, isotropicVoxelSize, type Shape, voxelCount } from '../math/grid.ts';
import { createRandom } from '../math/statistics/random.ts';
import { buildIdealStructure, type IdealStructure } from './ideal-structure.ts';
import { makeMapImage } from './map-image.ts';
import { simulateMapPair } from './simulate-map.ts';

/** What the demo's data are generated from. */
export interface DemoDataOptions {
  readonly seed: number;
  readonly shape: Shape;
  /** Angstrom. */
  readonly voxelSize: number;
  /** Point group of the chains, C<n> or D<n>. */
  readonly symmetry: string;
  /** Target resolution in A: where the half maps' FSC crosses 0.143. */
  readonly resolution: number;
  /** B factor in A^2 added to every atom in truth and half maps, which sharpening must undo. */
  readonly overallB: number;
  readonly onStep?: (message: string) => void;
}

/** Generated maps, all on one grid; (z, y, x), x fastest. */
export interface DemoData {
  readonly structure: IdealStructure;
  readonly atoms: readonly Atom[];
  readonly half1: MapImage;
  readonly half2: MapImage;
  readonly truth: MapImage;
  readonly reference: MapImage;
  /** B factor shift of the reference, A^2. */
  readonly referenceShift: number;
}

/** The demo as documented: its figures in README.md depend on these. */
export const DEMO_DEFAULTS = {
  seed: 1,
  shape: [108, 108, 108] as Shape,
  voxelSize: 1.2,
  symmetry: 'C4',
  resolution: 3.5,
  overallB: 90,
} satisfies DemoDataOptions;

/**
 * FSC at which a half-map resolution is read, and the noise-to-signal power ratio there: (1 - 0.143) / 0.143.
 */
const FSC_THRESHOLD = 0.143;
/**
 * Colour of the noise amplitude: flat at high frequency, 3 times higher towards 0 with a half width of
 * 1/15 A, as the structural noise of ice and unaligned material is.
 */
const NOISE_LOW_FREQUENCY_GAIN = 2;
const NOISE_LOW_FREQUENCY_WIDTH = 1 / 15;
/** Streams of the random generator for the noise of both halves, which is independent. */
const NOISE_STREAMS = [1, 2] as const;

/** Generates structure, maps and noise; the same bits for the same options. */
export function generateDemoData(options: Partial<DemoDataOptions> = {}): DemoData {
  const { seed, shape, voxelSize, symmetry, resolution, overallB, onStep } = { ...DEMO_DEFAULTS, ...options };
  const grid: Grid = { shape, voxelSize: [voxelSize, voxelSize, voxelSize], origin: [0, 0, 0] };
  // Voxel n/2 is the centre of symmetry (method 9).
  const [cz, cy, cx] = shape.map((n) => Math.floor(n / 2) * voxelSize) as [number, number, number];
  const structure = buildIdealStructure({ seed, symmetry, centre: [cx, cy, cz] });
  onStep?.(
    `built ${structure.rotations.length} chains, ${structure.atoms.length} atoms, point group ${symmetry}`,
  );

  const referenceShift = percentile(
    structure.atoms.map((a) => a.bFactor),
    0.01,
  );
  const maps = simulateMapPair(
    structure.atoms.map((a) => ({ ...a, bFactor: a.bFactor + overallB })),
    structure.atoms.map((a) => ({ ...a, bFactor: Math.max(0, a.bFactor - referenceShift) })),
    grid,
  );
  onStep?.('simulated the noise-free map and the reference map');

  const level = noiseLevel(maps.first, grid, resolution);
  const noise = colouredNoisePair(grid, seed, level);
  const half = (which: Float64Array): Float32Array => Float32Array.from(maps.first, (v, i) => v + which[i]);
  onStep?.(`added independent noise to two half maps, aimed at ${resolution} A`);
  return {
    structure,
    atoms: structure.atoms,
    half1: makeMapImage('half map 1', grid, half(noise.first)),
    half2: makeMapImage('half map 2', grid, half(noise.second)),
    truth: makeMapImage('noise-free map', grid, Float32Array.from(maps.first)),
    reference: makeMapImage('reference', grid, Float32Array.from(maps.second)),
    referenceShift,
  };
}

/** The data's entry in a record. */
export function describeDemoData({ structure, atoms, referenceShift }: DemoData): Record<string, unknown> {
  const b = atoms.map((a) => a.bFactor);
  return {
    chains: structure.rotations.length,
    atoms: atoms.length,
    lowestBFactor: Math.min(...b),
    highestBFactor: Math.max(...b),
    referenceShift,
  };
}

/** Voxel (z, y, x) nearest to the centre of the first chain's atoms. */
export function middleOfFirstChain({ atoms, reference: { grid } }: DemoData): Shape {
  const chain = atoms.filter((a) => a.chain === atoms[0].chain);
  const mean = (axis: 'x' | 'y' | 'z'): number => chain.reduce((sum, a) => sum + a[axis], 0) / chain.length;
  return [mean('z'), mean('y'), mean('x')].map((c, axis) =>
    Math.round(c / grid.voxelSize[axis]),
  ) as unknown as Shape;
}

/** Linear interpolation between order statistics. */
function percentile(values: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = fraction * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** Amplitude of the noise against frequency (1/A): real noise is stronger at low frequency. */
function noiseColour(frequency: number): number {
  return 1 + NOISE_LOW_FREQUENCY_GAIN * Math.exp(-Math.LN2 * (frequency / NOISE_LOW_FREQUENCY_WIDTH) ** 2);
}

/**
 * Standard deviation of white noise that, coloured, has (1 - FSC) / FSC times the power of `signal` in
 * the shell at 1 / resolution, one Fourier sampling step to each side.
 */
function noiseLevel(signal: Float64Array, grid: Grid, resolution: number): number {
  const real = signal.slice();
  const imaginary = new Float64Array(real.length);
  transformVolume(real, imaginary, grid.shape);
  const target = 1 / resolution;
  const step = 1 / (Math.min(...grid.shape) * isotropicVoxelSize(grid));
  let power = 0;
  let count = 0;
  forEachFrequency(grid, (i, squared) => {
    if (Math.abs(Math.sqrt(squared) - target) > step) return;
    power += real[i] ** 2 + imaginary[i] ** 2;
    count++;
  });
  const wanted = ((1 - FSC_THRESHOLD) / FSC_THRESHOLD) * (power / count);
  return Math.sqrt(wanted / voxelCount(grid.shape)) / noiseColour(target);
}

/** Two independent noise volumes, up to the corners of the Fourier box as in real half maps. */
function colouredNoisePair(
  grid: Grid,
  seed: number,
  level: number,
): { first: Float64Array; second: Float64Array } {
  const [first, second] = NOISE_STREAMS.map((stream) => {
    const random = createRandom(seed, stream);
    return Float64Array.from({ length: voxelCount(grid.shape) }, () => level * random.gaussian());
  }) as [Float64Array, Float64Array];
  filterPair(first, second, grid, noiseColour);
  return { first, second };
}
