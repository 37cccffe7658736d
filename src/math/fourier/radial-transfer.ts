/**
 * Radial transfer functions g(|f|), tabulated once in float64 and rounded once, evaluated by linear
 * interpolation on every engine. With 2^16 intervals over [0, sqrt(3)/2] cycles/voxel the
 * interpolation error of the tanh filter of method 2 is below 3e-8.
 */

const INTERVALS = 65536;

export interface RadialTransfer {
  /**
   * Factors at most 1 for cycles per voxel along z, y and x before |f| is taken, where voxels are not cubes:
   * finest voxel size over the axis's own. Default 1.
   */
  readonly axisScale?: readonly [z: number, y: number, x: number];
  /** Frequency of the last sample, cycles per (finest) voxel. */
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

/**
 * LocScale's low-pass (method 2), a hyperbolic tangent with an edge 10 % of the cut-off fc wide:
 *   g(f) = [tanh(pi (f + fc) / (0.2 fc)) - tanh(pi (f - fc) / (0.2 fc))] / 2
 * `cutoffAngstrom` and `voxelSize` in angstrom.
 */
export function tanhLowPass(cutoffAngstrom: number, voxelSize: number): RadialTransfer {
  const cutoff = voxelSize / cutoffAngstrom;
  const steepness = Math.PI / (2 * 0.1 * cutoff);
  return tabulateTransfer(
    (f) => 0.5 * (Math.tanh(steepness * (f + cutoff)) - Math.tanh(steepness * (f - cutoff))),
  );
}

/**
 * Weights a map by the signal expected from its half-map FSC: C_ref = sqrt(2 FSC / (1 + FSC)) per shell,
 * 0 where the FSC is negative (-apply_fsc_filter). Shell r holds the frequencies r/edge <= f < (r + 1)/edge.
 * Frequencies beyond the last shell (the corners of Fourier space) take the last shell's weight; the
 * original passes them unweighted, which lets through the noise that the filter is there to remove.
 * `correlation`: FSC per shell from r = 0; `edgeVoxels`: edge the shells were counted on (the shortest).
 */
export function fscWeightFilter(correlation: readonly number[], edgeVoxels: number): RadialTransfer {
  const weight = correlation.map((value) => {
    const fsc = Math.max(0, value);
    return Math.sqrt((2 * fsc) / (1 + fsc));
  });
  // A step is put a little below its shell's first frequency, inside the gap sqrt(r^2 - 1) ... r that
  // holds no coefficient, so that interpolation between table entries does not blur frequencies on it.
  return tabulateTransfer((f) => {
    const radius = f * edgeVoxels;
    const next = Math.ceil(radius);
    const shell = next > 0 && radius > next - 1 / (4 * next) ? next : Math.floor(radius);
    return weight[Math.min(shell, weight.length - 1)];
  });
}
