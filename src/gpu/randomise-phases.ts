/**
 * Turns the phases of a volume beyond a frequency (shaders/randomise-phases.wgsl), as a filter of its columns
 * along z.
 */
import { firstRotatedSquare, phasorTable, type RandomPhases } from '../math/fourier/random-phases.ts';
import type { GpuDevice } from './device.ts';
import { filterColumns, squaredFrequencies, throughSpectrum } from './radial-filter.ts';
import type { GpuVolume } from './volume.ts';

/** Phases from a table in float64, as random as on the CPU: they depend on index and seed alone. */
export function randomisePhases(gpu: GpuDevice, volume: GpuVolume, phases: RandomPhases): Promise<GpuVolume> {
  const name = 'randomise-phases';
  const phasors = Float32Array.from(phasorTable());
  return throughSpectrum(gpu, name, volume, phasors.byteLength, (spectrum) => {
    const { pitch, shape } = spectrum.plan;
    return filterColumns(gpu, spectrum, name, {
      tables: { squares: squaredFrequencies(shape, pitch), phasors },
      parametersOf: (columns, firstRow) => [
        ['u32', columns],
        ['u32', pitch],
        ['u32', shape[1]],
        ['u32', shape[2]],
        ['u32', firstRow],
        ['u32', phases.seed],
        ['f32', firstRotatedSquare(phases)],
      ],
    });
  });
}
