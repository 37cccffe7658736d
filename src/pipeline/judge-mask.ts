/**
 * Whether a mask is plausible. An FDR mask collapses where the noise boxes hold density (tight boxes) and
 * cannot be made where they hold nothing (masked maps); its volume is compared with the model, the molecular
 * weight or the non-zero region of the map, whichever is known first.
 */

import { placeModel } from '../atoms/place-model.ts';
import { surroundingsOf } from '../atoms/surroundings.ts';
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { Structure } from '../formats/structure.ts';
import type { AtomSet } from '../math/atoms/atom-set.ts';
import { type Grid, voxelCount } from '../math/grid.ts';
import { neighbourCorrelation } from '../math/inputs/contrast.ts';
import { isMasked } from '../math/inputs/input-checks.ts';
import {
  CUBIC_ANGSTROM_PER_DALTON,
  type ExpectedVolume,
  judgeMaskVolume,
  massOfAtoms,
  SMALLEST_VOLUME,
  type VolumeVerdict,
} from '../math/inputs/mask-volume.ts';
import type { FscCutoff } from '../math/scaling/molecular-numbers.ts';
import { INVERT_HINT } from './contrast.ts';
import type { FdrMask } from './fdr-mask.ts';
import type { MapInput } from './map-input.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { InputMaps } from './read-maps.ts';
import type { Run } from './run.ts';
import type { Symmetry } from './symmetrise.ts';

export interface MaskJob {
  readonly userMask: MapInput | undefined;
  /** The map that is scaled. */
  readonly map: Volume;
  readonly maps: InputMaps;
  readonly parameters: LocScaleParameters;
  /** Atoms that the map shows, where a model was given. */
  readonly model?: ModelForMask | undefined;
  readonly symmetry?: Symmetry | undefined;
  /** A single map that is masked already ends where its zeros begin. */
  readonly trustsZeros?: boolean;
}

/** The atoms of the user's model that lie in the box. */
export interface ModelForMask {
  readonly atoms: AtomSet;
  readonly daltons: number;
  /** False for a model that is to be completed: it says how much the map shows at least. */
  readonly complete: boolean;
  /** A, where it is known. */
  readonly resolution: number | undefined;
}

/** Undefined where none of its atoms lies in the box: such a model is refused when the reference is made. */
export function modelForMask(
  structure: Structure,
  complete: boolean,
  grid: Grid,
  { cutoff, source }: FscCutoff,
): ModelForMask | undefined {
  const { atoms, kept } = placeModel(structure, grid);
  if (atoms.count === 0) return undefined;
  return {
    atoms,
    daltons: massOfAtoms(kept),
    complete,
    resolution: source === 'nyquist' ? undefined : cutoff,
  };
}

/** Volumes that the mask is compared with, the most trustworthy first. */
export function expectedVolumes({ parameters, model, symmetry }: MaskJob): ExpectedVolume[] {
  const expected: ExpectedVolume[] = [];
  if (model !== undefined) {
    const least = CUBIC_ANGSTROM_PER_DALTON * model.daltons;
    // The model may be one of the copies that -sym stands for.
    const most = model.complete ? least * (symmetry?.operators.length ?? 1) : Number.POSITIVE_INFINITY;
    expected.push({ source: 'the atoms of the model', least, most });
  }
  const weight = parameters.molecularWeightKiloDalton;
  if (weight !== undefined) {
    const volume = CUBIC_ANGSTROM_PER_DALTON * 1000 * weight;
    const given = {
      source: `the molecular weight of ${weight} kDa (${named('molecularWeightKiloDalton')})`,
      least: volume,
      most: volume,
    };
    // A part of the model says less than the weight of the whole.
    if (model === undefined || model.complete) expected.push(given);
    else expected.unshift(given);
  }
  return expected;
}

/** "13273 A^3, 11.6 times less than the atoms of the model take (154134 A^3)" */
export function describeVerdict(volume: number, { side, factor, expected }: VolumeVerdict): string {
  const { source, least, most } = expected;
  const reference = side === 'too small' ? least : most;
  return `${cubic(volume)}, ${factor.toFixed(1)} times ${side === 'too small' ? 'less' : 'more'} than ${source} (${cubic(reference)})`;
}

export function cubic(volume: number): string {
  return `${Math.round(volume)} A^3`;
}

export interface MaskProblem {
  /** Names the mask and what is wrong with it; without a full stop. */
  readonly sentence: string;
  /** Thrown where there is no mask at all. */
  readonly error: LocScaleError;
  /** Map and noise boxes are full of density. */
  readonly full: boolean;
}

/**
 * Neighbouring blocks of a map that shows density correlate by more than this: boxes had 0.2 to 0.9, noise 0
 * to 0.1.
 */
const DENSITY_CORRELATION = 0.15;
/** Noise boxes with this share of the variance of the map, and different from each other, hold density. */
const DENSITY_VARIANCE_SHARE = 0.8;

/** Undefined for a plausible mask. */
export async function judgeFdrMask(job: MaskJob, made: FdrMask, run: Run): Promise<MaskProblem | undefined> {
  const { maps, map, parameters } = job;
  const { noise, voxels, mapVariance, complaint } = made;
  const volume = voxels * maps.voxelSize ** 3;
  const expectations = expectedVolumes(job);
  const verdict = judgeMaskVolume(volume, expectations);
  const guessing = expectations.length === 0 && parameters.fdrNoiseBoxes === undefined;
  const looksFull = complaint !== undefined && noise.variance >= DENSITY_VARIANCE_SHARE * mapVariance;
  const masked = guessing && isMasked(maps.zeroShare);
  const suspicious = voxels === 0 || verdict !== undefined || (guessing && volume < SMALLEST_VOLUME);
  if (!suspicious && !masked && !(guessing && looksFull)) return undefined;

  const correlation = await run.engine.inspect(map, (data) =>
    neighbourCorrelation(data, map.shape, maps.voxelSize),
  );
  const dense = (correlation ?? 0) > DENSITY_CORRELATION;
  const full = dense && !isMasked(maps.zeroShare) && (voxels === 0 || looksFull);
  let sentence: string | undefined;
  if (!(noise.variance > 0))
    sentence = `The map is masked, its noise boxes hold no noise (variance ${noise.variance})`;
  else if (voxels === 0)
    sentence = `The FDR mask is empty: no voxel is significant at a rate of ${parameters.fdrThreshold}`;
  else if (verdict !== undefined) sentence = `The FDR mask holds ${describeVerdict(volume, verdict)}`;
  else if (masked) {
    const region = { source: 'the non-zero region of the map', most: Number.POSITIVE_INFINITY };
    const found = judgeMaskVolume(volume, [
      { ...region, least: (1 - maps.zeroShare) * voxelCount(map.shape) * maps.voxelSize ** 3 },
    ]);
    if (found !== undefined) sentence = `The FDR mask holds ${describeVerdict(volume, found)}`;
  } else if (volume < SMALLEST_VOLUME)
    sentence = `The FDR mask holds ${cubic(volume)}, less than any particle (3 kDa take ${cubic(SMALLEST_VOLUME)})`;
  else if (full)
    sentence = `The FDR mask is not reliable: the noise boxes differ and vary as much as the whole map`;
  if (sentence === undefined) return undefined;
  return { sentence, full, error: errorOf(sentence, job, made) };
}

function errorOf(sentence: string, { maps, parameters }: MaskJob, { noise }: FdrMask): LocScaleError {
  if (maps.inverted)
    return new LocScaleError('bad-input', `${sentence}, as the contrast of the map seems inverted.`, {
      hint: INVERT_HINT,
    });
  if (!(noise.variance > 0))
    return new LocScaleError(
      'bad-input',
      `${sentence}: give a mask with ${named('mask')}, or set the boxes with ${named('fdrNoiseBoxes')}.`,
      {
        hint: `${named('fdrNoiseBoxes')} takes the first voxel of a box (z,y,x) that lies where the map still holds noise.`,
        expected: 'a variance above 0',
        found: String(noise.variance),
      },
    );
  return new LocScaleError('bad-input', `${sentence}.`, {
    hint: `Give a mask with ${named('mask')}, low-pass the map for the mask with ${named('fdrFilter')}${parameters.fdrFilter === undefined ? '' : ` (now ${parameters.fdrFilter} A)`}, or set noise boxes outside the particle with ${named('fdrNoiseBoxes')}.`,
  });
}

/**
 * A mask with the molecule at 0 covers more than half of the box, its corners too, and leaves out the
 * density.
 */
export async function warnIfMaskInverted(
  name: string,
  mask: Volume,
  voxels: number,
  { map }: MaskJob,
  run: Run,
): Promise<void> {
  const all = voxelCount(map.shape);
  if (voxels < 0.5 * all || voxels === all) return;
  const [nz, ny, nx] = map.shape;
  const corners = [0, nz - 1].flatMap((z) =>
    [0, ny - 1].flatMap((y) => [0, nx - 1].map((x) => (z * ny + y) * nx + x)),
  );
  if (!(await run.engine.inspect(mask, (data) => corners.every((corner) => data[corner] > 0.5)))) return;
  const [inside, outside] = [
    await run.engine.statistics(map, { mask, inside: true }),
    await run.engine.statistics(map, { mask, inside: false }),
  ];
  if (outside.mean <= inside.mean || outside.sd <= inside.sd) return;
  run.warn(
    `The mask ${name} seems inverted: it is 1 in ${Math.round((100 * voxels) / all)} % of the box, corners included, and 0 where the map holds most density. Masks are 1 inside the particle.`,
  );
}

/** A mask holds at least this share of the atoms that a mask of its volume could hold. */
const LEAST_ATOM_SHARE = 0.3;

/** A mask of another map, or one that was shifted, leaves out the atoms of the model whatever its volume. */
export async function warnIfMaskMissesModel(
  name: string,
  mask: Volume,
  voxels: number,
  { maps, model }: MaskJob,
  run: Run,
): Promise<void> {
  if (model === undefined || model.atoms.count === 0) return;
  const { atoms, daltons } = model;
  const volume = voxels * maps.voxelSize ** 3;
  // Masks of a part of the model hold a part of its atoms.
  const holdable = Math.min(1, volume / (CUBIC_ANGSTROM_PER_DALTON * daltons));
  const inside = await run.engine.inspect(mask, (data) => atomsInMask(atoms, maps.grid, data));
  const share = inside / atoms.count;
  if (share >= LEAST_ATOM_SHARE * holdable) return;
  run.warn(
    `The mask ${name} holds ${inside} of the ${atoms.count} atoms of the model that lie in the box: one of the two belongs to another map, or was shifted.`,
  );
}

function atomsInMask({ count, positions }: AtomSet, { shape, voxelSize }: Grid, mask: Float32Array): number {
  let inside = 0;
  for (let i = 0; i < count; i++) {
    const [z, y, x] = [2, 1, 0].map((axis, k) =>
      Math.min(shape[k] - 1, Math.max(0, Math.round(positions[3 * i + axis] / voxelSize[k]))),
    );
    if (mask[(z * shape[1] + y) * shape[2] + x] > 0) inside++;
  }
  return inside;
}

/** A; blurred atoms reach no farther, and the windows of voxels beyond hold hardly any of the model. */
const REACH_OF_MODEL = 8;
/**
 * Share of the mask, and of the density around the model, from which the model leaves out a part of the
 * molecule.
 */
const UNMODELLED_SHARE = 0.25;
const UNMODELLED_DENSITY = 0.5;

/**
 * Where a model has no atoms its map is empty, and so is the result: volumes do not show that, nor does the
 * fit.
 */
export async function warnIfModelIsPartial(
  mask: Volume,
  voxels: number,
  { map, maps, model, symmetry }: MaskJob,
  run: Run,
): Promise<void> {
  // The copies of the model that -sym makes are not here yet.
  if (model === undefined || !model.complete || (symmetry?.operators.length ?? 1) > 1) return;
  const near = surroundingsOf(model.atoms, maps.grid, REACH_OF_MODEL);
  const far = await run.engine.inspect(mask, (data) => {
    const indices: number[] = [];
    data.forEach((value, i) => {
      if (value > 0 && near[i] === 0) indices.push(i);
    });
    return Uint32Array.from(indices);
  });
  const share = far.length / voxels;
  if (share < UNMODELLED_SHARE) return;
  const sum = await run.engine.inspect(map, (data) => far.reduce((total, i) => total + data[i], 0));
  const { mean } = await run.engine.statistics(map, { mask, inside: true });
  const density = sum / far.length;
  // Wide masks hold solvent.
  const modelled = (mean - share * density) / (1 - share);
  if (share < 1 && density < UNMODELLED_DENSITY * modelled) return;
  run.warn(
    `${Math.round(100 * share)} % of the mask lie more than ${REACH_OF_MODEL} A from the atoms of the model, with density like that around them: the reference is empty there, and the result too weak. ${named('reference', 'hybrid-model')} fills what the model leaves out; ${named('symmetry')} adds its copies.`,
  );
}
