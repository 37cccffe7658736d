/**
 * Local resolution: the Fourier shell correlation of two half maps inside a window that slides over every
 * voxel, and the frequency at which it falls below a threshold.
 *
 *   FSC(v, r) = sum Re(A_k conj B_k) / sqrt(sum |A_k|^2 sum |B_k|^2)   over the k with round(|k|) = r
 *
 * A_k, B_k: coefficients of the w^3 windows [v - h, v + h), h = w / 2, times the window's weights; k: signed
 * indices -h < k <= h per axis, all of them (both Friedel mates). Shell r has the frequency r / (w voxels).
 */

/**
 * Weights of the window, a product over the axes of t(d), d = -h ... h - 1 voxels from its centre.
 * 'hann': t = cos^2(pi d / w), 1 in the middle and 0 at the edge, half of it at w / 4: the soft window.
 * 'box': t = 1.
 */
export type WindowWeights = 'hann' | 'box';

/** Smallest window: with fewer shells there is no curve. */
export const SMALLEST_RESOLUTION_WINDOW = 6;

/** t(d) for d = -h ... h - 1. */
export function windowWeights(windowVoxels: number, weights: WindowWeights): Float64Array {
  const h = windowVoxels / 2;
  return Float64Array.from({ length: windowVoxels }, (_, i) =>
    weights === 'box' ? 1 : Math.cos((Math.PI * (i - h)) / windowVoxels) ** 2,
  );
}

/** Shells r = 0 ... h. */
export function correlationShellCount(windowVoxels: number): number {
  return windowVoxels / 2 + 1;
}

/** round(sqrt(n)) for squared radii n up to the last shell, h^2 + h: (h + 1/2)^2 is never an integer. */
export function roundedShells(windowVoxels: number): Uint32Array {
  const h = windowVoxels / 2;
  return Uint32Array.from({ length: h * h + h + 1 }, (_, n) => Math.round(Math.sqrt(n)));
}

/** A column of coefficients: all a (along z) of one (b, c), b along y, c along x. */
export interface CoefficientColumn {
  readonly b: number;
  readonly c: number;
  /** Largest |a| within the last shell. */
  readonly deepest: number;
  /** 2 for 0 < c < h, whose column stands for (-b, -c) too; 1 for c = 0 and c = h, which hold both mates. */
  readonly multiplicity: 1 | 2;
}

/** All columns with 0 <= c <= h, -h < b <= h, in ascending order of c, then b. */
export function coefficientColumns(windowVoxels: number): CoefficientColumn[] {
  const h = windowVoxels / 2;
  const columns: CoefficientColumn[] = [];
  for (let c = 0; c <= h; c++) {
    for (let b = 1 - h; b <= h; b++) {
      const rest = h * h + h - b * b - c * c;
      if (rest < 0) continue;
      const deepest = Math.min(h, Math.floor(Math.sqrt(rest)));
      columns.push({ b, c, deepest, multiplicity: c > 0 && c < h ? 2 : 1 });
    }
  }
  return columns;
}

/** Coefficients per shell, both Friedel mates counted. */
export function shellCounts(windowVoxels: number): Float64Array {
  const h = windowVoxels / 2;
  const shellOf = roundedShells(windowVoxels);
  const counts = new Float64Array(h + 1);
  for (const { b, c, deepest, multiplicity } of coefficientColumns(windowVoxels))
    for (let a = -deepest; a <= deepest; a++)
      if (a > -h) counts[shellOf[a * a + b * b + c * c]] += multiplicity;
  return counts;
}

/**
 * Standard deviation of the FSC of a shell between windows of white noise: 1 / sqrt(independent
 * coefficients). Neighbouring coefficients of a weighted window are correlated: of N coefficients
 * N^2 / sum over pairs rho^2 count, rho(k) = prod W(k_axis) / W(0)^3 with W the transform of t^2; for the
 * Hann window W = 1, 2/3, 1/6, 0 at k = 0, 1, 2, 3.
 */
export function correlationNoise(windowVoxels: number, weights: WindowWeights): Float64Array {
  const counts = shellCounts(windowVoxels);
  if (weights === 'box') return counts.map((n) => 1 / Math.sqrt(n));
  const h = windowVoxels / 2;
  const shellOf = roundedShells(windowVoxels);
  const rho = [1, 2 / 3, 1 / 6].map((value) => value * value);
  const wrap = (k: number): number => (k > h ? k - windowVoxels : k <= -h ? k + windowVoxels : k);
  const pairs = new Float64Array(counts.length);
  const shell = (a: number, b: number, c: number): number =>
    shellOf[wrap(a) ** 2 + wrap(b) ** 2 + wrap(c) ** 2] ?? -1;
  for (const { b, c, deepest, multiplicity } of coefficientColumns(windowVoxels)) {
    for (let a = -deepest; a <= deepest; a++) {
      if (a === -h) continue;
      const r = shellOf[a * a + b * b + c * c];
      for (let da = -2; da <= 2; da++)
        for (let db = -2; db <= 2; db++)
          for (let dc = -2; dc <= 2; dc++)
            if (shell(a + da, b + db, c + dc) === r)
              pairs[r] += multiplicity * rho[Math.abs(da)] * rho[Math.abs(db)] * rho[Math.abs(dc)];
    }
  }
  return counts.map((n, r) => Math.sqrt(pairs[r]) / n);
}

/** FSC of the shells from their three sums; 0 where a half map has no power. */
export function correlationOf(cross: number, powerA: number, powerB: number): number {
  return powerA > 0 && powerB > 0 ? cross / (Math.sqrt(powerA) * Math.sqrt(powerB)) : 0;
}

/**
 * Where the curve first falls below its threshold, in shells (r = s means the frequency s / (w voxels)),
 * linear between shells. From shell 1 on: shell 0 is the mean of the window. 1 if shell 1 is below already
 * (no common signal at all), h (Nyquist) if the curve never falls below.
 */
export function findCrossing(correlation: ArrayLike<number>, threshold: number): number {
  const last = correlation.length - 1;
  for (let r = 1; r <= last; r++) {
    const below = correlation[r] - threshold;
    if (below >= 0) continue;
    if (r === 1) return 1;
    const above = correlation[r - 1] - threshold;
    return r - 1 + above / (above - below);
  }
  return last;
}

/** Edge of the window in voxels: the even number nearest to the length. */
export function resolutionWindowVoxels(windowAngstrom: number, voxelSize: number): number {
  return 2 * Math.round(windowAngstrom / voxelSize / 2);
}
