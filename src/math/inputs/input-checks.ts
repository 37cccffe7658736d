/**
 * Detects maps that are not plain reconstructions, which the method requires (method 1). An earlier filter
 * irrecoverably removes detail beyond its cut-off; a mask removes the noise.
 */

/** Power must fall by this many powers of ten ... */
const DROP_DECADES = 2.5;
/** ... within this share of the shells, which no unfiltered map does ... */
const DROP_WIDTH = 0.1;
/** ... below this share of Nyquist: maps often end in a drop right at it, from resampling. */
const HIGHEST_SHARE = 0.9;
/** ... and above this share: the shape of the particle makes the first shells fall steeply. */
const LOWEST_SHARE = 0.1;

/**
 * Resolution (A) at which the map was low-pass filtered well before Nyquist, or undefined.
 * `meanPower`: mean |F|^2 of the coefficients of shells r = 0, 1, ... up to Nyquist (spectral sums divided
 * by counts); `voxelSize` in angstrom.
 */
export function findLowPass(meanPower: ArrayLike<number>, voxelSize: number): number | undefined {
  const shells = meanPower.length;
  const width = Math.max(2, Math.round(DROP_WIDTH * shells));
  const highestAfter = new Float64Array(shells + 1);
  for (let r = shells - 1; r >= 0; r--) highestAfter[r] = Math.max(meanPower[r], highestAfter[r + 1]);
  const factor = 10 ** -DROP_DECADES;
  for (let r = Math.max(3, Math.ceil(LOWEST_SHARE * shells)); r + width <= HIGHEST_SHARE * shells; r++) {
    if (!(meanPower[r] > 0) || highestAfter[r + width] > factor * meanPower[r]) continue;
    // The cut-off itself: where the power has fallen by one power of ten.
    let edge = r;
    while (edge < r + width && meanPower[edge] > 0.1 * meanPower[r]) edge++;
    return (2 * voxelSize * shells) / edge;
  }
  return undefined;
}

/** One sentence for what `findLowPass` found. */
export function filteredMapWarning(meanPower: ArrayLike<number>, voxelSize: number): string | undefined {
  const resolution = findLowPass(meanPower, voxelSize);
  return resolution === undefined ? undefined : lowPassWarning(resolution);
}

export function lowPassWarning(resolution: number): string {
  return (
    `The map seems to be low-pass filtered at about ${resolution.toFixed(1)} A already; finer ` +
    'detail cannot be recovered: use the unfiltered half maps if you have them.'
  );
}

/**
 * A sphere inscribed in the box leaves 1 - pi/6 = 48 % of the voxels outside; more zeros mean a tighter mask.
 */
const ZERO_SHARE = 0.55;

/** Whether the fraction of voxels that are exactly 0 indicates a mask. */
export function isMasked(zeroShare: number): boolean {
  return zeroShare > ZERO_SHARE;
}

/**
 * One sentence if the map was masked with a hard edge, else undefined. `zeros`: voxels that are exactly 0.
 */
export function maskedMapWarning(zeros: number, voxels: number): string | undefined {
  const share = zeros / voxels;
  if (!isMasked(share)) return undefined;
  return (
    `${Math.floor(share * 100)} % of the voxels are exactly 0, the map seems to be masked already; ` +
    'noise cannot be estimated from it and windows at the mask edge are affected: use the ' +
    'unmasked map if you have it.'
  );
}
