/** What a coordinate file says: atoms in file order, title, cell. PDB and mmCIF give the same. */
import type { Atom } from '../math/atoms/atom.ts';

export interface StructureAtom extends Atom {
  /** Label of an alternate position, '' where there is one position only. */
  readonly altloc: string;
  readonly insertionCode: string;
  /** Number of the model in the file, 1 where the file has none. */
  readonly model: number;
  /** Formal charge in elementary charges, 0 where the file says nothing. */
  readonly charge: number;
  /** HETATM: ligands, waters, ions. */
  readonly hetero: boolean;
  /** As in the file; counted on where a PDB file has run out of digits ("*****"). */
  readonly serial: number;
}

export interface Cell {
  /** Edges in angstrom. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Angles in degrees. */
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
}

export interface Structure {
  /** Name of the entry or of the data block; '' where there is none. */
  readonly id: string;
  readonly title: string;
  readonly cell?: Cell;
  readonly atoms: readonly StructureAtom[];
  /**
   * What in the file says that it is a prediction: its B column may hold a confidence
   * (atoms/predicted-model.ts).
   */
  readonly predictionMark?: string;
  /** What the reader left out or guessed, one sentence each. */
  readonly notes: readonly string[];
}

export interface ReadStructureOptions {
  /** Number of the model to read, or all of them; default: the file's first. */
  readonly model?: number | 'all';
  /** Largest size of the text after decompression, bytes. */
  readonly maxBytes?: number;
}

/** `element` of atoms whose element neither the file nor the atom's name tells. */
export const UNKNOWN_ELEMENT = 'X';

/** Bytes; the largest entry of the Protein Data Bank has 0.4 GB. V8 cannot hold text of more than 0.53 GB. */
export const DEFAULT_MAX_BYTES = 500_000_000;
