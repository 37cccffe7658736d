/**
 * A reference simulated from atoms, wherever they come from: gives them B factors from the data, simulates
 * their map, and cuts it off where the map ends (method 5 and 8).
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
import type { GivenModel } from './given-model.ts';
import { lowPass } from './low-pass.ts';
import { type MadeReference, type PlannedReference, type ReferenceData, volumeBytesOf } from './source.ts';

/** A B-factor range below this says that nothing was found (LocScale's limit), A^2. */
const NARROW_RANGE = 10;
/** A low-pass begins to take away signal at this multiple of its cut-off. */
const LOW_PASS_FLANK = 1.2;

/** The atoms that a reference is simulated from, before they have B factors. */
export interface GatheredAtoms {
  /** Those of the file first, then pseudo-atoms. */
  readonly atoms: AtomSet;
  readonly given?: GivenModel;
  readonly pseudo?: PseudoModel;
  readonly differenceMask?: Volume;
}

/** What tells one kind of simulated reference from another. */
export interface Simulation {
  readonly message: string;
  /** The file that atoms come from. */
  readonly structure?: Structure;
  /** B factors from the data, with so many cycles of refinement; undefined: as they are. */
  readonly cycles: number | undefined;
  /** All windows follow the theoretical-profile rule. */
  readonly theoryEverywhere: boolean;
  /** Pseudo-atoms are placed. */
  readonly fills: boolean;
  readonly makesDifferenceMask: boolean;
  gather(data: ReferenceData, hooks: OperationHooks, run: Run): Promise<GatheredAtoms>;
}

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

/** Of an atom on the heap: sets of atoms, neighbour lists, forces, and the atom of the structure as used. */
const ATOM_BYTES = 500;

/** Compiled code and garbage of work on the calling thread: measured, 5 to 10 MiB whatever the atoms. */
const CALLER_BYTES = 6 * 2 ** 20;

/** A bound. */
function atomCount({ structure, fills }: Simulation, { molecule }: ReferenceData): number {
  return (structure?.atoms.length ?? 0) + (fills ? molecule.pseudoModelAtoms : 0);
}

/**
 * Most bytes that work on the host takes beside its arguments, a difference mask aside: arrays in the memory
 * of the CPU engine, and what the heap collects late.
 */
async function hostBytes(
  simulation: Simulation,
  data: ReferenceData,
): Promise<{ working: number; heap: number }> {
  const { structure, cycles, fills, makesDifferenceMask } = simulation;
  const { engine, grid, mask, halves, voxelSize } = data;
  const volume = volumeBytesOf(grid);
  const lattice = await engine.inspect(mask, (voxels) => latticeOf(grid, voxels));
  // Of the half maps or the map, and a map of the atoms where these are not made of the density.
  const maps = (halves === undefined ? 1 : 2) + (structure === undefined ? 0 : 1);
  const measuring =
    cycles === undefined
      ? 0
      : localBBytes(lattice, voxelSize, data, maps) + (structure === undefined ? 0 : volume);
  // A map of the atoms and two masks around them; two masks of what they leave out beside a third.
  const masking = structure === undefined ? 0 : 3 * volume;
  // Bytes: masks around the atoms; where pseudo-atoms may be.
  const byteMask = volume / 4;
  const byteMasks = (structure === undefined ? 0 : 1) + (makesDifferenceMask ? 2 : 0);
  return {
    working: Math.max(measuring, masking, fills ? byteMask : 0),
    heap: CALLER_BYTES + byteMasks * byteMask + ATOM_BYTES * atomCount(simulation, data),
  };
}

/** Most bytes that a simulation takes, a difference mask aside. */
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

async function simulate(simulation: Simulation, data: ReferenceData, run: Run): Promise<MadeReference> {
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
      structure: structureOf(simulation.structure, given?.kept ?? [], atoms, bFactors),
      pseudoAtoms: pseudo?.atoms.count ?? 0,
      bFactors: rangeOf(bFactors),
      referenceEnd,
    },
  };
}

/** Those of the file, or found in the data. */
async function chooseBFactors(
  cycles: number | undefined,
  data: ReferenceData,
  { atoms, given, pseudo }: GatheredAtoms,
  hooks: OperationHooks,
  run: Run,
): Promise<Float64Array> {
  if (cycles === undefined) return atoms.bFactors;
  // Beyond a low-pass, and in its flank, there is nothing that B factors could be measured in.
  const fscCutoff = Math.max(
    given?.agreement?.reliable ?? data.fscCutoff,
    LOW_PASS_FLANK * (data.lowPass ?? 0),
  );
  // The agreement with the model may have shown a resolution that the window was not chosen for.
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
  if (!found.localFallOff)
    run.warn(
      `The map holds too little signal up to ${fscCutoff.toFixed(1)} A to measure local B factors; refinement starts from those of the ${pseudo === undefined ? 'file' : 'pseudo-atoms, 0'}.${data.resolutionKnown ? '' : ` Give the resolution with ${named('resolution')} if it is known.`}`,
    );
  run.info(
    `B factors from the ${data.halves === undefined ? 'map' : 'half maps'}: ${min.toFixed(0)} to ${max.toFixed(0)} A^2, mean ${mean.toFixed(0)}; averaged over 25 A and shifted by ${found.shift.toFixed(0)}.`,
  );
  const crowded = crowdedLimit(found.atLimits, fscCutoff);
  if (crowded !== undefined)
    run.warn(
      `${Math.round(100 * crowded.share)} % of the refined B factors lie at the ${crowded.limit > 0 ? 'upper' : 'lower'} limit of ${crowded.limit.toFixed(0)} A^2 (${min.toFixed(0)} to ${max.toFixed(0)}, mean ${mean.toFixed(0)}): the map does not determine them. Check resolution (${named('resolution')}) and fit of the model, or take the B factors of the file with ${named('refinementCycles', 'undefined')}.`,
    );
  if (max - min < NARROW_RANGE)
    run.warn(
      `The B factors of the model all lie within ${(max - min).toFixed(1)} A^2: the reference varies little over the map.`,
    );
  return found.bFactors;
}

/** Share of the atoms above which B factors at a limit of the refinement are warned about. */
const CROWDED_SHARE = 0.2;

function crowdedLimit(
  { least, most }: BFactorsFound['atLimits'],
  resolution: number,
): { limit: number; share: number } | undefined {
  const range = bRangeFor(resolution);
  const [limit, share] = most >= least ? [range.most, most] : [range.least, least];
  return share > CROWDED_SHARE ? { limit, share } : undefined;
}

/**
 * Where a model's map is cut off, A: where the map ends. The model's own amplitudes go on to the grid's
 * limit, and scaling to them what is noise, or the rounding errors behind an earlier low-pass, would bury the
 * signal; that holds for a completed model too. Where all is theoretical profile, which data finer than the
 * Wilson cut-off have, that replaces amplitudes beyond the resolution, after a fit that reaches to the grid's
 * limit.
 */
function endOfReference(
  theoryEverywhere: boolean,
  given: GivenModel | undefined,
  { resolutionKnown, fscCutoff, lowPass, wilsonCutoff }: ModelReferenceData,
): number | undefined {
  if (theoryEverywhere && fscCutoff < wilsonCutoff) return undefined;
  const resolution = resolutionKnown ? fscCutoff : given?.agreement?.end;
  const end = Math.max(resolution ?? 0, lowPass ?? 0);
  return end > 0 ? end : undefined;
}

/** The atoms as used: those of the file with new B factors, then the pseudo-atoms as a chain of their own. */
function structureOf(
  given: Structure | undefined,
  kept: readonly StructureAtom[],
  atoms: AtomSet,
  bFactors: Float64Array,
): Structure {
  const modelled: StructureAtom[] = kept.map((atom, i) => ({ ...atom, bFactor: bFactors[i] }));
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
      residueNumber: i - kept.length + 1,
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
