/**
 * Moves a periodic volume by a part of a voxel (shaders/translate.wgsl), as a filter of its columns along z.
 */
import { translationFactors } from '../math/fourier/translation.ts';
import type { GpuDevice } from './device.ts';
import { filterColumns, throughSpectrum } from './radial-filter.ts';
import type { GpuVolume } from './volume.ts';

/** The map moved by a shift in voxels (z, y, x), periodically; a new volume. */
export function translate(
  gpu: GpuDevice,
  volume: GpuVolume,
  [dz, dy, dx]: readonly [z: number, y: number, x: number],
): Promise<GpuVolume> {
  const name = 'translate';
  const [nz, ny, nx] = volume.shape;
  return throughSpectrum(gpu, name, volume, 0, (spectrum) => {
    const { pitch } = spectrum.plan;
    const factors = [
      translationFactors(nz, nz, dz),
      translationFactors(ny, ny, dy),
      translationFactors(nx, pitch, dx),
    ].flatMap((along) => [...along]);
    return filterColumns(gpu, spectrum, name, {
      tables: { factors: Float32Array.from(factors) },
      parametersOf: (columns, firstRow) => [
        ['u32', columns],
        ['u32', pitch],
        ['u32', ny],
        ['u32', firstRow],
      ],
    });
  });
}
