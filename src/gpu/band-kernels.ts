/** Entry points of the shaders of a scaling in soft frequency bands, and their parameters. */
import type { BandPlan } from '../math/soft-scaling/bands.ts';
import type { GpuDevice } from './device.ts';
import { lineKernel } from './fft-lines.ts';
import type { SlabFftPlan } from './fft-slabs.ts';
import { type Kernel, type UniformField, unneededKernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';

export const NAME = 'band-scaling';
/** target_kind of the shader. */
export const TARGETS = { reference: 0, profile: 1, 'geometric-mean': 2, hybrid: 3 } as const;

export interface BandKernels {
  readonly filter: Kernel;
  readonly combine: Kernel;
  readonly pack: Kernel;
  readonly powers: Kernel;
  readonly subtract: Kernel;
  readonly window: Kernel;
  readonly addLevel: Kernel;
  readonly gains: Kernel;
  readonly accumulate: Kernel;
  readonly clear: Kernel;
}

/** What a job has decides which kernels it runs. */
export interface BandUses {
  readonly difference: boolean;
  readonly mask: boolean;
  readonly level: boolean;
  readonly zeroOutside: boolean;
}

export async function compileBands(gpu: GpuDevice, fft: SlabFftPlan, uses: BandUses): Promise<BandKernels> {
  const of = (entry: string, used = true): Promise<Kernel> | Kernel =>
    used ? getKernel(gpu, NAME, entry) : unneededKernel(entry);
  const [filter, combine, pack, powers, subtract, window, addLevel, gains, accumulate, clear] =
    await Promise.all([
      lineKernel(gpu, fft.z, 'band-filter', 'main'),
      of('combine'),
      of('pack', uses.mask),
      of('powers'),
      of('subtract', uses.difference),
      of('window'),
      of('add_level', uses.level),
      of('gains'),
      of('accumulate'),
      of('clear', uses.zeroOutside && uses.mask),
    ]);
  return { filter, combine, pack, powers, subtract, window, addLevel, gains, accumulate, clear };
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

export function blockFields({ shape, windows }: BandPlan): Record<string, number> {
  const [factor_z, factor_y, factor_x] = windows.factor;
  const [blocks_z, blocks_y, blocks_x] = windows.blocks;
  return { height: shape[1], width: shape[2], factor_z, factor_y, factor_x, blocks_z, blocks_y, blocks_x };
}
