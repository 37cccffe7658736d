/**
 * Radial transfer functions g(|f|), tabulated once in float64 and rounded once, evaluated by linear
 * interpolation on every engine. With 2^16 intervals over [0, sqrt(3)/2] cycles/voxel the
 * interpolation error of the tanh filter of method 2 is below 3e-8.
 */

const INTERVALS = 65536;

export interface RadialTransfer {
  /** Frequency of the last sample, cycles per voxel. */
  readonly maxFrequency: number;
  /** g at i * maxFrequency / (table.length - 1). */
  readonly table: Float32Array;
}

/** Tabulates g, a function of the frequency in cycles per voxel. */
export function tabulateTransfer(g: (cyclesPerVoxel: number) => number): RadialTransfer {
  const maxFrequency = Math.sqrt(3) / 2;
  const table = new Float32Array(INTERVALS + 1);
  for (let i = 0; i <= INTERVALS; i++) table[i] = g((i * maxFrequency) / INTERVALS);
  return { maxFrequency, table };
}
