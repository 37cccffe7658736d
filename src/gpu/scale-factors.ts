/** Scale factors of all unit voxels from their profiles (shaders/scale-factors.wgsl). */
import type { Shape } from '../math/grid.ts';
import type { ScalingRule } from '../math/scaling/scaling-rules.ts';
import { tabulateScalingRule } from '../math/scaling/scaling-tables.ts';
import type { GpuDevice } from './device.ts';
import { type Bound, createTable, type Kernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { UNIT_ROWS } from './tile-units.ts';
import type { UniformSlots } from './uniform-slots.ts';

/** The prepared kernel of one rule. */
export interface ScaleFactors {
  /** What is verified before the first tile. */
  readonly kernels: readonly Kernel[];
  /**
   * Replaces the map's profiles by scale factors and writes (B factor, quality) per unit voxel.
   * `differenceMask` is the tile's, (z, y, x) of `tileSize`; only the hybrid rule reads it.
   */
  encode(
    pass: GPUComputePassEncoder,
    bound: {
      readonly factors: Bound;
      readonly reference: Bound;
      readonly units: Bound;
      readonly differenceMask: Bound;
      readonly fits: Bound;
    },
    unitCount: number,
    uniforms: UniformSlots,
  ): void;
  /** Frees the tables; the kernel stays cached. */
  destroy(): void;
}

/** Shader file, and label of buffers. */
const NAME = 'scale-factors';

/** Sizes are override constants: loops over shells can be unrolled by the driver. */
export function compileScaleFactors(gpu: GpuDevice, shellCount: number, lanes: number): Promise<Kernel> {
  return getKernel(gpu, NAME, 'main', { shell_count: shellCount, lanes });
}

/**
 * Tabulates the rule in float64 (math/scaling/scaling-tables.ts); only voxel-dependent work is left to the
 * shader.
 */
export async function createScaleFactors(
  gpu: GpuDevice,
  rule: ScalingRule,
  shellCount: number,
  tileSize: Shape,
  lanes: number,
): Promise<ScaleFactors> {
  const main = await compileScaleFactors(gpu, shellCount, lanes);
  const { values, setFloats, hybrid } = tabulateScalingRule(rule, shellCount);
  const tables = createTable(gpu, `${NAME} tables`, values);
  return {
    kernels: [main],
    encode(pass, { differenceMask, ...buffers }, unitCount, uniforms) {
      const parameters = uniforms.write([
        ['u32', unitCount],
        ['u32', setFloats],
        ['u32', hybrid ? 1 : 0],
        ['u32', tileSize[1]],
        ['u32', tileSize[2]],
      ]);
      const bound = { parameters, tables, difference_mask: differenceMask, ...buffers };
      main.run(pass, bound, [Math.ceil((unitCount * lanes * UNIT_ROWS) / 64)]);
    },
    destroy() {
      gpu.destroyBuffer(tables);
    },
  };
}
