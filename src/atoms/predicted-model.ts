/**
 * Predicted models (AlphaFold and others) have pLDDT in the B column: 0 to 100 (or 0 to 1), high where the
 * prediction is reliable, the opposite of a B factor. Converted as in phenix.process_predicted_model (Oeffner
 * et al. 2022, Acta Cryst. D78, 1303; after Hiranuma et al. 2021):
 *   rmsd = 1.5 exp(4 (0.7 - pLDDT / 100)) A,  B = (8 pi^2 / 3) rmsd^2
 */
import type { Structure, StructureAtom } from '../formats/structure.ts';
import { MOST_B } from './bfactors/b-factor-field.ts';

/**
 * B factor in A^2, limited to the range of refinement: pLDDT 95 gives 8, 70 gives 59, below 43 the limit.
 * `confidence`: 0 to 1.
 */
export function bFactorOfConfidence(confidence: number): number {
  const rmsd = 1.5 * Math.exp(4 * (0.7 - confidence));
  return Math.min(MOST_B, ((8 * Math.PI ** 2) / 3) * rmsd ** 2);
}

export interface ConvertedModel {
  readonly structure: Structure;
  /** One sentence. */
  readonly sentence: string;
}

/** The structure with B factors instead of pLDDT; undefined if the B column holds no pLDDT. */
export function convertConfidence(structure: Structure): ConvertedModel | undefined {
  const { predictionMark, atoms } = structure;
  if (predictionMark === undefined) return undefined;
  const [least, most] = rangeOfB(atoms);
  // Zeros, or one value for all atoms, are not pLDDT; values above 100 have already been converted.
  if (!(most > least) || least < 0 || most > 100) return undefined;
  const scale = most <= 1 ? 1 : 100;
  const converted = atoms.map((atom) => ({ ...atom, bFactor: bFactorOfConfidence(atom.bFactor / scale) }));
  const text = (value: number): string => (scale === 1 ? value.toFixed(2) : value.toFixed(0));
  return {
    structure: { ...structure, atoms: converted },
    sentence:
      `The model is a prediction (${predictionMark}): its B column holds pLDDT (${text(least)} to ` +
      `${text(most)}), which is converted to B factors (${bFactorOfConfidence(most / scale).toFixed(0)} ` +
      `to ${bFactorOfConfidence(least / scale).toFixed(0)} A^2).`,
  };
}

/** pLDDT of most residues of a good prediction. */
const SURE = 80;
const SURE_SHARE = 0.5;
const FEWEST_RESIDUES = 20;

/**
 * Warning if an unmarked B column looks like pLDDT: one value per residue, 0 to 100, most of them high; or
 * fractions of 1, which are not plausible as B factors.
 */
export function confidenceNote({ predictionMark, atoms }: Structure): string | undefined {
  if (predictionMark !== undefined) return undefined;
  if (atoms.length >= FEWEST_RESIDUES && new Set(atoms.map(({ bFactor }) => bFactor)).size > 2) {
    const [least, most] = rangeOfB(atoms);
    if (least >= 0 && most <= 1)
      return (
        `The B factors of the model look like pLDDT (${least.toFixed(2)} to ${most.toFixed(2)}, ` +
        'fractions of 1), but nothing in the file calls it a prediction: they are taken as B factors; ' +
        'convert them first (phenix.process_predicted_model) if it is one.'
      );
  }
  const residues = new Map<string, number>();
  let atomsOfResidues = 0;
  for (const atom of atoms) {
    if (atom.hetero) continue;
    const { bFactor } = atom;
    if (bFactor < 0 || bFactor > 100) return undefined;
    const key = keyOf(atom);
    const known = residues.get(key);
    if (known !== undefined && known !== bFactor) return undefined;
    residues.set(key, bFactor);
    atomsOfResidues++;
  }
  const values = [...residues.values()];
  const sure = values.filter((value) => value >= SURE).length;
  const varied = new Set(values).size > values.length / 4;
  // Not meaningful for traces of one atom per residue.
  if (values.length < FEWEST_RESIDUES || atomsOfResidues < 3 * values.length || !varied) return undefined;
  if (sure < SURE_SHARE * values.length) return undefined;
  return (
    'The B factors of the model look like pLDDT (one value per residue, 0 to 100, ' +
    `${Math.round((100 * sure) / values.length)} % at ${SURE} or more), but nothing in the file calls it ` +
    'a prediction: they are taken as B factors; convert them first (phenix.process_predicted_model) if ' +
    'it is one.'
  );
}

function keyOf({ chain, residueNumber, insertionCode, model }: StructureAtom): string {
  return `${model} ${chain} ${residueNumber}${insertionCode}`;
}

function rangeOfB(atoms: readonly StructureAtom[]): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { bFactor } of atoms) {
    least = Math.min(least, bFactor);
    most = Math.max(most, bFactor);
  }
  return [least, most];
}
