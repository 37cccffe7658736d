/** Entry points of the shaders of a scaling in soft frequency bands, and their parameters. */
import type { BandPlan } from '../math/soft-scaling/bands.ts';
import type { GpuDevice } from './device.ts';
import { lineKernel } from './fft-lines.ts';
import type { SlabFftPlan } from './fft-slabs.ts';
import { type Kernel, type UniformField, unneededKernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';

/** Name of the shader, and of its buffers and passes in errors. */
export const NAME = 'band-scaling';
/** target_kind of the shader. */
export const TARGETS = { reference: 0, profile: 1, 'geometric-mean': 2, hybrid: 3 } as const;

/** Kernels of a job; those that it does not use are not compiled. */
export interface BandKernels {
  /** Weights a band and transforms it back along z, in one pass over the spectrum. */
  readonly filter: Kernel;
  /** Mean and half the difference of the half maps. */
  readonly combine: Kernel;
  /** Mask to bits, 32 voxels per word: read once per band, at a 32nd of the bytes. */
  readonly pack: Kernel;
  /** Squares of a band summed over blocks, and inside the mask. */
  readonly powers: Kernel;
  /** Signal = power of the mean minus that of half the difference. */
  readonly subtract: Kernel;
  /** One axis of the Gaussian window over a field of blocks. */
  readonly window: Kernel;
  /** Adds a band's signal to the local level. */
  readonly addLevel: Kernel;
  /** Gains of a band by the target's rule, and its amplitude sums. */
  readonly gains: Kernel;
  /** Multiplies measured sums by the squares of gains, for the second measurement. */
  readonly rescale: Kernel;
  /** Corrects gains by what the first ones led to. */
  readonly refine: Kernel;
  /** Spectral sums per shell, from which the tilts within bands follow. */
  readonly shells: Kernel;
  /** Adds the band times its interpolated gains to the result. */
  readonly accumulate: Kernel;
  /** Zeroes voxels outside the mask. */
  readonly clear: Kernel;
}

/** What a job has decides which kernels it runs. */
export interface BandUses {
  /** There are two half maps, hence a noise estimate. */
  readonly difference: boolean;
  /** Sums are taken inside a mask as well as over the box. */
  readonly mask: boolean;
  /** The target follows an average profile, which needs the local level. */
  readonly level: boolean;
  /** Gains are measured and corrected a second time. */
  readonly refined: boolean;
  /** The result is 0 outside the mask. */
  readonly zeroOutside: boolean;
}

/** Compiles side by side. `uses`: what the job has, from which the kernels follow. */
export async function compileBands(gpu: GpuDevice, fft: SlabFftPlan, uses: BandUses): Promise<BandKernels> {
  const of = (entry: string, used = true): Promise<Kernel> | Kernel =>
    used ? getKernel(gpu, NAME, entry) : unneededKernel(entry);
  const isTilted = uses.refined && uses.difference;
  const compiled = {
    filter: lineKernel(gpu, fft.z, 'band-filter', 'main'),
    combine: of('combine'),
    pack: of('pack', uses.mask),
    powers: of('powers'),
    subtract: of('subtract', uses.difference),
    window: of('window'),
    addLevel: of('add_level', uses.level),
    gains: of('gains'),
    rescale: of('rescale', uses.refined),
    refine: of('refine', uses.refined),
    shells: isTilted ? getKernel(gpu, 'band-shells') : unneededKernel('band-shells'),
    accumulate: of('accumulate'),
    clear: of('clear', uses.zeroOutside && uses.mask),
  } satisfies Record<keyof BandKernels, Promise<Kernel> | Kernel>;
  const names = Object.keys(compiled) as (keyof BandKernels)[];
  const kernels = await Promise.all(names.map((name) => compiled[name]));
  return Object.fromEntries(names.map((name, i) => [name, kernels[i]])) as Record<keyof BandKernels, Kernel>;
}

/** The struct of shaders/band-scaling.wgsl, in its order. */
const FIELDS = [
  ...[
    'count height width first_plane planes factor_z factor_y factor_x blocks_z blocks_y blocks_x first_block',
    'has_mask first_part stride length reach target_kind',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, 'u32'] as const),
  ...'centre_a factor_a centre_b factor_b evenly level_factor locality reference_factor floor output_scale'
    .split(' ')
    .map((name) => [name, 'f32'] as const),
];

/** 0 where nothing is given: the entry point does not read it. */
export function fieldsOf(values: Readonly<Record<string, number>>): UniformField[] {
  return FIELDS.map(([name, kind]) => [kind, values[name] ?? 0]);
}

/** Fields of every kernel that relates voxels to blocks. */
export function blockFields({ shape, windows }: BandPlan): Record<string, number> {
  const [factor_z, factor_y, factor_x] = windows.factor;
  const [blocks_z, blocks_y, blocks_x] = windows.blocks;
  return { height: shape[1], width: shape[2], factor_z, factor_y, factor_x, blocks_z, blocks_y, blocks_x };
}
