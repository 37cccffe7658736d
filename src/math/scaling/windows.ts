/** The scaling window: its size, and the assignment of its Fourier coefficients to shells (method 4). */

/**
 * 'octant': LocScale's profile, raw unfolded indices a, b, c >= 0 (the default, equal to the original).
 * 'sphere': all signed frequencies, the better estimator.
 */
export type RadialProfileKind = 'octant' | 'sphere';

/** Weights of the window's voxels before its transform; LocScale's windows have none. */
export type WindowTaper = 'hann';

/** cos^2(pi d / w), d voxels from the window's centre: 1 there, 0 at the edge. */
export function hannWeight(distance: number, windowVoxels: number): number {
  return Math.cos((Math.PI * distance) / windowVoxels) ** 2;
}

/** Mean square of the Hann weights over a window: 3/8 along each axis. Amplitudes are divided by its root. */
export const HANN_MEAN_SQUARE = (3 / 8) ** 3;

/** Edge of the scaling window in voxels: 25 A rounded up to an even integer. */
export function windowVoxelsFor(voxelSize: number, windowAngstrom = 25): number {
  const edge = Math.ceil(windowAngstrom / voxelSize);
  return edge % 2 === 0 ? edge : edge + 1;
}

/** Number of shells of a window's profile: r = 0 ... windowVoxels / 2. */
export function shellCountOf(windowVoxels: number): number {
  return windowVoxels / 2 + 1;
}

/**
 * The Fourier coefficients of a window that enter its radial profile. Parallel arrays, one entry per
 * coefficient; a runs along z, b along y, c along x. Entries of one (c, b) pair are contiguous with a
 * ascending, in ascending order of c, then b.
 */
export interface ShellWeights {
  readonly windowVoxels: number;
  readonly kind: RadialProfileKind;
  readonly a: Int16Array;
  readonly b: Int16Array;
  readonly c: Int16Array;
  /** floor(sqrt(a^2 + b^2 + c^2)), 0 ... windowVoxels / 2. */
  readonly shell: Uint16Array;
  /** Multiplicity of the entry in its shell: 2 if its Friedel mate is not listed. */
  readonly multiplicity: Uint8Array;
  /**
   * Sum of the multiplicities per shell: profile[r] = sum of multiplicity * |F| over the shell / counts[r].
   */
  readonly counts: Float64Array;
}

/**
 * 'octant': all raw indices 0 <= a, b, c <= h below radius h + 1. The original does not fold indices
 * above h to negative frequencies, so that those lie beyond the last shell and never count.
 * 'sphere': signed indices -h < a, b, c <= h below radius h + 1, one of each pair of Friedel mates
 * (h and -h are the same coefficient of an even window).
 */
export function shellWeights(windowVoxels: number, kind: RadialProfileKind): ShellWeights {
  const key = `${kind} ${windowVoxels}`;
  let weights = weightsOf.get(key);
  if (!weights) {
    weights = listShellWeights(windowVoxels, kind);
    weightsOf.set(key, weights);
  }
  return weights;
}

/** Cached: every tile size tried needs the same list. */
const weightsOf = new Map<string, ShellWeights>();

function listShellWeights(windowVoxels: number, kind: RadialProfileKind): ShellWeights {
  const h = windowVoxels / 2;
  const entries: [a: number, b: number, c: number, shell: number, multiplicity: number][] = [];
  const counts = new Float64Array(shellCountOf(windowVoxels));
  const ownMate = (k: number): boolean => k === 0 || k === h;
  for (let c = 0; c <= h; c++) {
    const bStart = kind === 'octant' || ownMate(c) ? 0 : 1 - h;
    for (let b = bStart; b <= h; b++) {
      const aStart = kind === 'octant' || (ownMate(c) && ownMate(b)) ? 0 : 1 - h;
      for (let a = aStart; a <= h; a++) {
        // Exact: the square root of an integer below 2^53 never rounds across an integer.
        const shell = Math.floor(Math.sqrt(a * a + b * b + c * c));
        if (shell > h) continue;
        const multiplicity = kind === 'octant' || (ownMate(a) && ownMate(b) && ownMate(c)) ? 1 : 2;
        entries.push([a, b, c, shell, multiplicity]);
        counts[shell] += multiplicity;
      }
    }
  }
  return {
    windowVoxels,
    kind,
    a: Int16Array.from(entries, (e) => e[0]),
    b: Int16Array.from(entries, (e) => e[1]),
    c: Int16Array.from(entries, (e) => e[2]),
    shell: Uint16Array.from(entries, (e) => e[3]),
    multiplicity: Uint8Array.from(entries, (e) => e[4]),
    counts,
  };
}
