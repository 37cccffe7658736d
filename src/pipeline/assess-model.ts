/** What a map says about the residues and chains of a model: correlations with its map, Q-scores. */
import { isHydrogen, type Residue, type ResidueKind, residuesOf } from '../atoms/residues.ts';
import type { VolumeStatistics } from '../engine/engine.ts';
import type { StructureAtom } from '../formats/structure.ts';
import { atomSetOf } from '../math/atoms/atom-set.ts';
import { correlationAt, createVoxelSearch } from '../math/atoms/near-voxels.ts';
import { qScores } from '../math/atoms/q-score.ts';
import type { Grid } from '../math/grid.ts';
import { correlationInside } from '../math/statistics/statistics.ts';

/** One value per map, in the order of the maps; undefined where there is none. */
export type PerMap = readonly (number | undefined)[];

/** A part of a model and how well the maps show it. */
export interface AssessedPart {
  /** Atoms scored: those that lie in the map, without hydrogens and lesser alternate positions. */
  readonly atoms: number;
  /** Correlation of the map with that of the model, around the atoms. */
  readonly cc: PerMap;
  /** Mean Q-score of the atoms. */
  readonly q: PerMap;
}

/** A residue with its scores; numbers and chains are those of the authors (auth_asym_id, auth_seq_id). */
export interface AssessedResidue extends AssessedPart {
  readonly chain: string;
  readonly number: number;
  readonly insertionCode: string;
  readonly name: string;
  readonly kind: ResidueKind;
  /** Of mmCIF files: label_asym_id and label_seq_id. */
  readonly labelChain?: string;
  readonly labelNumber?: number;
}

/** A chain with its scores over all its atoms. */
export interface AssessedChain extends AssessedPart {
  readonly chain: string;
  readonly residues: number;
}

/** An atom that is scored: all but hydrogens. */
export interface AssessedAtom {
  /** Index among the residues. */
  readonly residue: number;
  readonly name: string;
  readonly element: string;
  readonly altloc: string;
  readonly q: PerMap;
}

/** What is measured of a model in one map. */
export interface ModelScores {
  /** Per residue and per chain. */
  readonly residueCorrelation: readonly number[];
  readonly chainCorrelation: readonly number[];
  /** Within the mask. */
  readonly maskCorrelation: number;
  /** Of the atoms that are scored, in their order. */
  readonly q: Float64Array;
}

/** The model in the order of its file, divided for scoring. */
export interface ModelParts {
  readonly residues: readonly Residue[];
  /** Chains in their order, each with its residues. */
  readonly chains: ReadonlyMap<string, readonly number[]>;
  /** Atoms that are scored, and the residue of each. */
  readonly scored: readonly StructureAtom[];
  readonly residueOf: readonly number[];
  /** All of the map and the model but hydrogens. */
  readonly heavy: readonly StructureAtom[];
}

/** `atoms`: those of the model that lie in the map. */
export function partsOf(
  atoms: readonly StructureAtom[],
  model: readonly StructureAtom[] = atoms,
): ModelParts {
  const heavy = atoms.filter((atom) => !isHydrogen(atom));
  const residues = residuesOf(heavy, model);
  const chains = new Map<string, number[]>();
  for (const [i, { chain }] of residues.entries()) {
    const list = chains.get(chain);
    if (list === undefined) chains.set(chain, [i]);
    else list.push(i);
  }
  return {
    ...{ residues, chains, heavy },
    scored: residues.flatMap(({ conformer }) => conformer.map((i) => heavy[i])),
    residueOf: residues.flatMap(({ conformer }, i) => conformer.map(() => i)),
  };
}

/**
 * Scores in one map. `voxels`, `model`: the map and that of the model, (z, y, x); `radius`: around the atoms
 * of residues and chains, A; `region`: of the correlation within the mask, 1 inside.
 */
export function scoreModel(
  voxels: Float32Array,
  model: Float32Array,
  parts: ModelParts,
  frame: {
    readonly grid: Grid;
    readonly levels: VolumeStatistics;
    readonly radius: number;
    readonly region: Uint8Array;
  },
): ModelScores {
  const { grid, levels, radius, region } = frame;
  const search = createVoxelSearch(grid, radius);
  const around = (indices: readonly number[]): number =>
    correlationAt(search(positionsOf(indices.map((i) => parts.heavy[i]))), voxels, model);
  return {
    residueCorrelation: parts.residues.map(({ atoms }) => around(atoms)),
    chainCorrelation: [...parts.chains.values()].map((list) =>
      around(list.flatMap((i) => [...parts.residues[i].atoms])),
    ),
    maskCorrelation: correlationInside(voxels, model, region),
    q: qScores(voxels, grid, positionsOf(parts.scored), levels),
  };
}

/** (x, y, z) in A, one atom after the other. */
function positionsOf(atoms: readonly StructureAtom[]): Float64Array {
  return atomSetOf(atoms).positions;
}

/** The scores of all maps by residue, chain and atom. */
export function tabulate(
  { residues, chains, scored, residueOf }: ModelParts,
  scores: readonly ModelScores[],
): { residues: AssessedResidue[]; chains: AssessedChain[]; atoms: AssessedAtom[] } {
  const ofResidue: number[][] = residues.map(() => []);
  for (const [atom, residue] of residueOf.entries()) ofResidue[residue].push(atom);
  const meanQ = (atoms: readonly number[]): PerMap =>
    scores.map(({ q }) => known(atoms.reduce((sum, atom) => sum + q[atom], 0) / atoms.length));
  return {
    residues: residues.map(({ chain, number, insertionCode, name, kind, labelChain, labelNumber }, i) => ({
      ...{ chain, number, insertionCode, name, kind, labelChain, labelNumber },
      atoms: ofResidue[i].length,
      cc: scores.map(({ residueCorrelation }) => known(residueCorrelation[i])),
      q: meanQ(ofResidue[i]),
    })),
    chains: [...chains].map(([chain, list], i) => {
      const atoms = list.flatMap((residue) => ofResidue[residue]);
      return {
        ...{ chain, residues: list.length, atoms: atoms.length },
        cc: scores.map(({ chainCorrelation }) => known(chainCorrelation[i])),
        q: meanQ(atoms),
      };
    }),
    atoms: scored.map(({ atomName, element, altloc }, i) => ({
      ...{ residue: residueOf[i], name: atomName, element, altloc },
      q: scores.map(({ q }) => known(q[i])),
    })),
  };
}

/** Mean Q-score of all atoms scored, and of those of each kind of residue. */
export function meanScores(
  { residues, residueOf }: ModelParts,
  q: Float64Array,
): { readonly all: number; readonly byKind: Readonly<Partial<Record<ResidueKind, number>>> } {
  const sums = new Map<ResidueKind, { sum: number; count: number }>();
  for (const [atom, value] of q.entries()) {
    const { kind } = residues[residueOf[atom]];
    const entry = sums.get(kind) ?? { sum: 0, count: 0 };
    sums.set(kind, { sum: entry.sum + value, count: entry.count + 1 });
  }
  return {
    all: q.reduce((sum, value) => sum + value, 0) / q.length,
    byKind: Object.fromEntries([...sums].map(([kind, { sum, count }]) => [kind, sum / count])),
  };
}

/** Scores that do not exist are NaN in arrays and undefined in results. */
function known(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
