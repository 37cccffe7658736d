/**
 * Checks the volume of a mask. Protein fills 1.21 A^3 per dalton (0.73 cm^3/g); a mask made by
 * false-discovery rate also takes the rim of the density (LocScale's correction: 1.55 times the volume of the
 * atoms) and loses flexible parts, so that only a factor of 3 indicates an error.
 */
import type { Atom } from '../atoms/atom.ts';

export const CUBIC_ANGSTROM_PER_DALTON = 1.21;
/** Volume of a mask over the volume of the atoms in it (LocScale). */
export const MASK_PER_MOLECULE = 1.55;
/** A mask this many times smaller or larger than expected is implausible. */
export const IMPLAUSIBLE_FACTOR = 3;
/** A^3 of 3 kDa: single-particle maps show more, so a smaller FDR mask consists of specks of noise. */
export const SMALLEST_VOLUME = 3000 * CUBIC_ANGSTROM_PER_DALTON;

export interface ExpectedVolume {
  /** Source of the numbers, as the subject of a sentence: "the model", "the molecular weight (-mw)". */
  readonly source: string;
  /** A^3. */
  readonly least: number;
  /** A^3; Infinity if the source is only a part of what the map shows. */
  readonly most: number;
}

export interface VolumeVerdict {
  readonly side: 'too small' | 'too large';
  /** Factor by which the volume is smaller or larger than expected. */
  readonly factor: number;
  readonly expected: ExpectedVolume;
}

/**
 * Compares the volume of a mask (A^3) with what is expected. The mask is plausible if it agrees with any of
 * several sources; otherwise the first is named. Undefined for a plausible mask.
 */
export function judgeMaskVolume(
  volume: number,
  expectations: readonly ExpectedVolume[],
): VolumeVerdict | undefined {
  let first: VolumeVerdict | undefined;
  for (const expected of expectations) {
    const { least, most } = expected;
    if (volume * IMPLAUSIBLE_FACTOR <= least)
      first ??= { side: 'too small', factor: least / volume, expected };
    else if (volume >= IMPLAUSIBLE_FACTOR * most)
      first ??= { side: 'too large', factor: volume / most, expected };
    else return undefined;
  }
  return first;
}

/** Dalton per atom that is not hydrogen, hydrogens included: protein 14.1, nucleic acid 14.7. */
const DALTON_PER_HEAVY_ATOM = 14.1;
/** Models of a few atoms per residue represent whole residues. */
const DALTON_PER_RESIDUE = { protein: 110, nucleicAcid: 325 } as const;
const TRACE_ATOMS_PER_RESIDUE = 3;
const WATER = new Set(['HOH', 'WAT', 'DOD']);

/** Mass represented by the atoms, Da: traces of CA or P atoms count as whole residues, waters not at all. */
export function massOfAtoms(atoms: readonly Atom[]): number {
  let heavy = 0;
  let alphaCarbons = 0;
  let phosphorus = 0;
  for (const { element, occupancy, residueName, atomName } of atoms) {
    if (element === 'H' || element === 'D' || WATER.has(residueName)) continue;
    heavy += occupancy;
    if (atomName === 'CA' && element === 'C') alphaCarbons += occupancy;
    else if (atomName === 'P') phosphorus += occupancy;
  }
  const residues = alphaCarbons + phosphorus;
  if (heavy > TRACE_ATOMS_PER_RESIDUE * residues) return DALTON_PER_HEAVY_ATOM * heavy;
  return DALTON_PER_RESIDUE.protein * alphaCarbons + DALTON_PER_RESIDUE.nucleicAcid * phosphorus;
}

/** Levels that a contour is searched on: the volume is met to a fraction of a percent. */
const LEVELS = 1 << 16;

/** The level exceeded by about `voxels` voxels. `data` must be finite. */
export function contourOfVolume(data: ArrayLike<number>, voxels: number): number {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const counts = new Uint32Array(LEVELS);
  const scale = (LEVELS - 1) / (max - min || 1);
  for (let i = 0; i < data.length; i++) counts[Math.floor((data[i] - min) * scale)]++;
  let level = LEVELS;
  for (let above = 0; level > 0 && above < voxels; ) above += counts[--level];
  return min + level / scale;
}
