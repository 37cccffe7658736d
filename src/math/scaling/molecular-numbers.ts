/** Numbers that follow from the mask and the sampling (method 3). */
import type { HalfMapVerdict } from '../inputs/half-map-verdict.ts';

const AVOGADRO = 6.02214076e23;
/** Mean density of protein, g/cm^3. */
const PROTEIN_DENSITY = 1.35;
/** Mean mass of an atom of protein (54 % C, 20 % O, 16 % N), Da. */
const MEAN_ATOM_MASS = 13.14;
/** Daltons per cubic angstrom of the molecular weight in the Wilson cut-off (Henderson 1995). */
const DALTON_PER_CUBIC_ANGSTROM = 0.8;
/**
 * Atoms from the mask volume against atoms of deposited models inside their masks (LocScale's correction).
 */
const ATOMS_PER_MODEL_ATOM = 1.55;

export interface MolecularNumbers {
  /** Cubic angstrom. */
  readonly molecularVolume: number;
  readonly atoms: number;
  readonly pseudoModelAtoms: number;
  /** Angstrom. */
  readonly wilsonCutoff: number;
}

/**
 * `maskVoxels`: voxels of confidence >= 0.99 (or of the user's mask); `voxelSize` in angstrom;
 * `molecularWeightKiloDalton` replaces the mask volume in the number of pseudo-atoms.
 */
export function molecularNumbers(
  maskVoxels: number,
  voxelSize: number,
  molecularWeightKiloDalton?: number,
): MolecularNumbers {
  const molecularVolume = maskVoxels * voxelSize ** 3;
  // 1 A = 1e-8 cm.
  const grams = PROTEIN_DENSITY * maskVoxels * (voxelSize * 1e-8) ** 3;
  const atoms = roundHalfEven((grams / MEAN_ATOM_MASS) * AVOGADRO);
  return {
    molecularVolume,
    atoms,
    pseudoModelAtoms:
      molecularWeightKiloDalton === undefined
        ? roundHalfEven(atoms / ATOMS_PER_MODEL_ATOM)
        : Math.trunc((molecularWeightKiloDalton * 1000) / MEAN_ATOM_MASS),
    wilsonCutoff: wilsonCutoffOf(DALTON_PER_CUBIC_ANGSTROM * molecularVolume),
  };
}

/**
 * Resolution (A) from which Wilson statistics hold, for a molecular weight in Da: d = 1 / (0.309 M^(-1/12))
 * (Singer 2021).
 */
export function wilsonCutoffOf(molecularWeight: number): number {
  return 1 / (0.309 * molecularWeight ** (-1 / 12));
}

/** The original's "nyquist": twice the voxel size rounded to 0.1 A, plus 0.1 A. */
export function nyquistCutoffOf(voxelSize: number): number {
  return (roundHalfEven(2 * voxelSize * 10) + 1) / 10;
}

export interface FscCutoff {
  /** Angstrom. */
  readonly cutoff: number;
  readonly source: FscCutoffSource;
}

/** A low-pass detected in the map (A) limits the data if their resolution is otherwise unknown. */
export function endAtLowPass(chosen: FscCutoff, lowPass: number | undefined): FscCutoff {
  if (chosen.source !== 'nyquist' || lowPass === undefined || lowPass <= chosen.cutoff) return chosen;
  return { cutoff: lowPass, source: 'low-pass' };
}

/**
 * `half-map FSC to Nyquist`: it stays above 0.143 there. `nyquist`: nothing is known, LocScale's rule.
 * `low-pass`: the same, but the map was low-pass filtered there.
 */
export type FscCutoffSource =
  | 'user'
  | 'half-map FSC'
  | 'half-map FSC to Nyquist'
  | 'half-map FSC within the mask'
  | 'nyquist'
  | 'low-pass';

/**
 * Resolution used for scaling: the user's, else that of the half maps, else 1 A above "nyquist", for one map
 * alone and for half maps that have nothing in common.
 */
export function chooseFscCutoff(
  userResolution: number | undefined,
  halfMaps: Pick<HalfMapVerdict, 'end' | 'resolution'> | undefined,
  voxelSize: number,
): FscCutoff {
  if (userResolution !== undefined) return { cutoff: userResolution, source: 'user' };
  if (halfMaps?.resolution !== undefined) {
    const source = halfMaps.end === 'nyquist' ? 'half-map FSC to Nyquist' : 'half-map FSC';
    return { cutoff: halfMaps.resolution, source };
  }
  return { cutoff: nyquistCutoffOf(voxelSize) + 1, source: 'nyquist' };
}

/** Rounds to the nearest integer, halves to the even one (as Python and numpy do). */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x - Math.trunc(x)) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
