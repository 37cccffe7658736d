/**
 * Simulates a reference from atoms of any origin: determines their B factors from the data, simulates their
 * map and low-passes it at the map's resolution (method 5 and 8).
 */

import { bRangeFor } from '../../atoms/bfactors/b-factor-field.ts';
import { latticeOf, localBBytes } from '../../atoms/bfactors/local-wilson-b.ts';
import { refinementBytes } from '../../atoms/bfactors/refine-bfactors.ts';
import {
  type BFactorsFound,
  findBFactors,
  type ModelReferenceData,
  rangeOf,
} from '../../atoms/model-reference.ts';
import type { PseudoModel } from '../../atoms/pseudo-model/build.ts';
import type { Engine, OperationHooks, Volume } from '../../engine/engine.ts';
import { named } from '../../errors.ts';
import type { Structure, StructureAtom } from '../../formats/structure.ts';
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import { isotropicVoxelSize } from '../../math/grid.ts';
import { scalingWindowFor } from '../../math/scaling/follow-resolution.ts';
import type { Run } from '../run.ts';
import type { UserModel } from './given-model.ts';
import { lowPass } from './low-pass.ts';
import { type PlannedReference, type ReferenceData, type ReferenceResult, volumeBytesOf } from './source.ts';

/** A smaller B-factor range means that no variation was found (LocScale's limit), A^2. */
const NARROW_RANGE = 10;
/** A low-pass filter starts to attenuate at this multiple of its cut-off. */
const LOW_PASS_FLANK = 1.2;

/** The atoms of a reference before their B factors are determined. */
export interface GatheredAtoms {
  /** Atoms of the file first, then pseudo-atoms. */
  readonly atoms: AtomSet;
  readonly given?: UserModel;
  readonly pseudo?: PseudoModel;
  readonly differenceMask?: Volume;
}

/** What distinguishes the kinds of simulated references. */
export interface Simulation {
  readonly message: string;
  /** The file of the atoms. */
  readonly structure?: Structure;
  /** Cycles of B-factor refinement against the data; undefined: B factors are used unchanged. */
  readonly cycles: number | undefined;
  /** All windows follow the theoretical-profile rule. */
  readonly theoryEverywhere: boolean;
  /** Pseudo-atoms are placed. */
  readonly fills: boolean;
  readonly makesDifferenceMask: boolean;
  gather(data: ReferenceData, hooks: OperationHooks, run: Run): Promise<GatheredAtoms>;
}

/** Plans a reference that is simulated: peak bytes of atoms, refinement and map. Executes nothing. */
export async function planSimulation(
  simulation: Simulation,
  data: ReferenceData,
  run: Run,
): Promise<PlannedReference> {
  const differenceMask = simulation.makesDifferenceMask ? volumeBytesOf(data.grid) : 0;
  const { host } = run.engine.bytesOf;
  const { working, heap } = await hostBytes(simulation, data);
  const making = Math.max(host(working), simulationBytes(simulation, data, run.engine));
  return {
    message: simulation.message,
    bytes: differenceMask + making + host(heap),
    resultBytes: differenceMask + volumeBytesOf(data.grid),
    make: () => simulate(simulation, data, run),
  };
}

/** Heap bytes per atom: atom sets, neighbour lists, forces, and the atom of the resulting structure. */
const ATOM_BYTES = 500;

/** Compiled code and garbage on the calling thread: measured, 5 to 10 MiB for any number of atoms. */
const CALLER_BYTES = 6 * 2 ** 20;

/** An upper bound. */
function atomCount({ structure, fills }: Simulation, { molecule }: ReferenceData): number {
  return (structure?.atoms.length ?? 0) + (fills ? molecule.pseudoModelAtoms : 0);
}

/**
 * Peak host bytes excluding arguments and a difference mask: arrays in the CPU engine's memory, and heap that
 * is collected late.
 */
async function hostBytes(
  simulation: Simulation,
  data: ReferenceData,
): Promise<{ working: number; heap: number }> {
  const { structure, cycles, fills, makesDifferenceMask } = simulation;
  const { engine, grid, mask, halves, voxelSize } = data;
  const volume = volumeBytesOf(grid);
  const lattice = await engine.inspect(mask, (voxels) => latticeOf(grid, voxels));
  // Host copies of the half maps or the map, and a map of the atoms unless these were placed by the density.
  const maps = (halves === undefined ? 1 : 2) + (structure === undefined ? 0 : 1);
  const measuring =
    cycles === undefined
      ? 0
      : localBBytes(lattice, voxelSize, data, maps) + (structure === undefined ? 0 : volume);
  // A map of the atoms and two masks around them; or three masks of unmodelled density.
  const masking = structure === undefined ? 0 : 3 * volume;
  // Byte masks: around the atoms, and allowed voxels of pseudo-atoms.
  const byteMask = volume / 4;
  const byteMasks = (structure === undefined ? 0 : 1) + (makesDifferenceMask ? 2 : 0);
  return {
    working: Math.max(measuring, masking, fills ? byteMask : 0),
    heap: CALLER_BYTES + byteMasks * byteMask + ATOM_BYTES * atomCount(simulation, data),
  };
}

/** Peak bytes of a simulation, excluding a difference mask. */
function simulationBytes(simulation: Simulation, data: ReferenceData, { bytesOf }: Engine): number {
  const { structure, cycles } = simulation;
  const { grid, halves, fscCutoff } = data;
  const atoms = atomCount(simulation, data);
  const comparing = volumeBytesOf(grid) + bytesOf.shellSpectra(grid.shape);
  const filtering = volumeBytesOf(grid) + bytesOf.radialFilter(grid.shape);
  return Math.max(
    bytesOf.simulateMap(atoms, grid),
    structure === undefined ? 0 : comparing,
    cycles === undefined ? 0 : refinementBytes({ grid, halves, fscCutoff, atoms }, bytesOf),
    filtering,
  );
}

/** Gathers atoms, finds their B factors, and simulates the map, low-passed where the map ends. */
async function simulate(simulation: Simulation, data: ReferenceData, run: Run): Promise<ReferenceResult> {
  const { engine, grid, parameters, voxelSize } = data;
  const { context } = run;
  const hooks: OperationHooks = {
    onProgress: (done, total) => context.onProgress?.('reference', done, total),
    signal: context.signal,
  };
  const gathered = await simulation.gather(data, hooks, run);
  const { atoms, given, pseudo, differenceMask } = gathered;
  const bFactors = await chooseBFactors(simulation.cycles, data, gathered, hooks, run);
  const referenceEnd =
    parameters.referenceResolution ?? endOfReference(simulation.theoryEverywhere, given, data);
  const reference = await engine.simulateMap({ ...atoms, bFactors }, grid);
  return {
    reference: await lowPass(reference, referenceEnd, voxelSize, run),
    differenceMask,
    model: {
      structure: structureOf(simulation.structure, given?.inside ?? [], atoms, bFactors),
      pseudoAtoms: pseudo?.atoms.count ?? 0,
      bFactors: rangeOf(bFactors),
      referenceEnd,
    },
  };
}

/** B factors of the file, or determined from the data. */
async function chooseBFactors(
  cycles: number | undefined,
  data: ReferenceData,
  { atoms, given, pseudo }: GatheredAtoms,
  hooks: OperationHooks,
  run: Run,
): Promise<Float64Array> {
  if (cycles === undefined) return atoms.bFactors;
  // B factors cannot be measured beyond a low-pass filter and in its transition band.
  const fscCutoff = Math.max(
    given?.agreement?.reliable ?? data.fscCutoff,
    LOW_PASS_FLANK * (data.lowPass ?? 0),
  );
  // The agreement with the model may give a resolution for which the window was not chosen.
  const windowVoxels =
    data.parameters.windowVoxels !== undefined
      ? data.windowVoxels
      : Math.max(
          data.windowVoxels,
          scalingWindowFor(isotropicVoxelSize(data.grid), fscCutoff, Math.min(...data.grid.shape)),
        );
  const found = await findBFactors(
    { ...data, fscCutoff, windowVoxels },
    atoms,
    { cycles, pseudoAtoms: pseudo !== undefined },
    hooks,
  );
  const { min, mean, max } = found.refined;
  const advice = data.resolutionKnown
    ? ''
    : ` Give the resolution with ${named('resolution')} if it is known.`;
  if (!found.localDecay)
    run.warn(
      `The map holds too little signal up to ${fscCutoff.toFixed(1)} A to measure local B factors; ` +
        `refinement starts from those of the ${pseudo === undefined ? 'file' : 'pseudo-atoms, 0'}.${advice}`,
    );
  run.info(
    `B factors from the ${data.halves === undefined ? 'map' : 'half maps'}: ${min.toFixed(0)} to ` +
      `${max.toFixed(0)} A^2, mean ${mean.toFixed(0)}; averaged over 25 A and shifted by ` +
      `${found.shift.toFixed(0)}.`,
  );
  const crowded = crowdedLimit(found.atLimits, fscCutoff);
  if (crowded !== undefined)
    run.warn(
      `${Math.round(100 * crowded.share)} % of the refined B factors lie at the ` +
        `${crowded.limit > 0 ? 'upper' : 'lower'} limit of ${crowded.limit.toFixed(0)} A^2 ` +
        `(${min.toFixed(0)} to ${max.toFixed(0)}, mean ${mean.toFixed(0)}): the map does not ` +
        `determine them. Check resolution (${named('resolution')}) and fit of the model, or take the ` +
        `B factors of the file with ${named('refinementCycles', 'undefined')}.`,
    );
  if (max - min < NARROW_RANGE)
    run.warn(
      `The B factors of the model all lie within ${(max - min).toFixed(1)} A^2: the reference ` +
        'varies little over the map.',
    );
  return found.bFactors;
}

/** Fraction of atoms at a limit of the refinement above which a warning is printed. */
const CROWDED_SHARE = 0.2;

/**
 * The limit of the B factors at which more than CROWDED_SHARE of the atoms lie, and their share; undefined if
 * none.
 */
function crowdedLimit(
  { least, most }: BFactorsFound['atLimits'],
  resolution: number,
): { limit: number; share: number } | undefined {
  const range = bRangeFor(resolution);
  const [limit, share] = most >= least ? [range.most, most] : [range.least, least];
  return share > CROWDED_SHARE ? { limit, share } : undefined;
}

/**
 * Resolution, A, at which a model map is low-passed: that of the map. The model's amplitudes continue to the
 * grid's limit, and scaling noise, or rounding errors beyond an earlier low-pass, to them would bury the
 * signal; this holds for completed models too. If the theoretical-profile rule applies everywhere (data finer
 * than the Wilson cut-off), it replaces amplitudes beyond the resolution after a fit up to the grid's limit.
 */
function endOfReference(
  theoryEverywhere: boolean,
  given: UserModel | undefined,
  { resolutionKnown, fscCutoff, lowPass, wilsonCutoff }: ModelReferenceData,
): number | undefined {
  if (theoryEverywhere && fscCutoff < wilsonCutoff) return undefined;
  const resolution = resolutionKnown ? fscCutoff : given?.agreement?.end;
  const end = Math.max(resolution ?? 0, lowPass ?? 0);
  return end > 0 ? end : undefined;
}

/** The atoms used: those of the file with new B factors, then the pseudo-atoms as a separate chain. */
function structureOf(
  given: Structure | undefined,
  inside: readonly StructureAtom[],
  atoms: AtomSet,
  bFactors: Float64Array,
): Structure {
  const modelled: StructureAtom[] = inside.map((atom, i) => ({ ...atom, bFactor: bFactors[i] }));
  for (let i = modelled.length; i < atoms.count; i++) {
    const [x, y, z] = atoms.positions.subarray(3 * i, 3 * i + 3);
    modelled.push({
      element: atoms.elements[i],
      x,
      y,
      z,
      bFactor: bFactors[i],
      occupancy: atoms.occupancies[i],
      chain: 'PSD',
      residueNumber: i - inside.length + 1,
      residueName: 'PSD',
      atomName: atoms.elements[i],
      altloc: '',
      insertionCode: '',
      model: 1,
      charge: 0,
      hetero: true,
      serial: i + 1,
    });
  }
  return {
    id: given?.id ?? 'pseudo_model',
    title: given?.title ?? 'pseudo-model',
    cell: given?.cell,
    atoms: modelled,
    notes: [],
  };
}
