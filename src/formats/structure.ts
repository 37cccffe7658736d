/** Contents of a coordinate file, PDB or mmCIF: atoms in file order, title, cell. */
import type { Atom } from '../math/atoms/atom.ts';

export interface StructureAtom extends Atom {
  /** Label of an alternate position, '' if there is only one. */
  readonly altloc: string;
  readonly insertionCode: string;
  /** Model number in the file, 1 if the file has none. */
  readonly model: number;
  /** Formal charge in elementary charges, 0 if not stated. */
  readonly charge: number;
  /** HETATM: ligands, waters, ions. */
  readonly hetero: boolean;
  /** mmCIF only: chain name and residue number as the archive assigns them (label_asym_id, label_seq_id). */
  readonly labelChain?: string;
  /** Only residues of polymers have one. */
  readonly labelResidueNumber?: number;
  /** As in the file; continued by counting if a PDB file has run out of digits ("*****"). */
  readonly serial: number;
}

export interface Cell {
  /** Cell edges in A. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Angles in degrees. */
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
}

export interface Structure {
  /** Name of the entry or of the data block; '' if there is none. */
  readonly id: string;
  readonly title: string;
  readonly cell?: Cell;
  readonly atoms: readonly StructureAtom[];
  /** The mark of a predicted structure, whose B column may hold a confidence (atoms/predicted-model.ts). */
  readonly predictionMark?: string;
  /** Notes on what the reader left out or guessed, one sentence each. */
  readonly notes: readonly string[];
}

export interface ReadStructureOptions {
  /** Number of the model to read, or all of them; default: the file's first. */
  readonly model?: number | 'all';
  /** Largest size of the decompressed text in bytes. */
  readonly maxBytes?: number;
}

/** `element` of atoms whose element follows neither from the file nor from the atom's name. */
export const UNKNOWN_ELEMENT = 'X';

/** Bytes. The largest entry of the Protein Data Bank has 0.4 GB; V8 strings are limited to 0.53 GB. */
export const DEFAULT_MAX_BYTES = 500_000_000;
