/** An atom of a model, from PDB and mmCIF files or the generator of test structures. */
export interface Atom {
  /** Element symbol. */
  readonly element: string;
  /** Position in angstrom, in the frame of the map's ORIGIN. */
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** Isotropic B factor, A^2. */
  readonly bFactor: number;
  readonly occupancy: number;
  readonly chain: string;
  readonly residueNumber: number;
  readonly residueName: string;
  readonly atomName: string;
}
