/**
 * Radial profiles of a sample of voxels, which show what local scaling did: those of map, reference and
 * result, scale factors, and the fitted B factor. LocScale stores the same for 1 % of the voxels
 * (profiles_audit.pickle, only with theoretical profiles). Computed by definition in float64 from the
 * engine's inputs, so that they also check the engine.
 */
import type { Engine, LocalScalingJob, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { compileScalingRule } from '../math/scaling/scaling-rules.ts';
import { shellFrequencies } from '../math/scaling/wilson-fit.ts';
import { createWindowProfile, cutWindow } from '../math/scaling/window-profile.ts';
import { type RadialProfileKind, shellCountOf, type WindowTaper } from '../math/scaling/windows.ts';
import { createRandom } from '../math/statistics/random.ts';

/** Profiles and scale factors of sampled voxels, as -op writes them. */
export interface ProfilesAudit {
  readonly maskVoxels: number;
  readonly seed: number;
  readonly windowVoxels: number;
  readonly profileKind: RadialProfileKind;
  readonly windowTaper?: WindowTaper;
  /** LocScale's axis, 1/A: shell r = 0 ... windowVoxels / 2 on [0, 1/(2 voxelSize)]. */
  readonly frequency: readonly number[];
  readonly profiles: readonly VoxelProfiles[];
}

/** Amplitudes are means over shells of the orthonormal transform of the window about the voxel. */
export interface VoxelProfiles {
  /** Indices along (z, y, x) of the file's grid. */
  readonly voxel: readonly [z: number, y: number, x: number];
  readonly map: readonly number[];
  /** Profile of the reference map; omitted if there is none. */
  readonly reference?: readonly number[];
  readonly scaleFactors: readonly number[];
  /** Profile of the resulting map. */
  readonly result: readonly number[];
  /** Fitted B factor, A^2, and its R^2. */
  readonly bFactor: number;
  readonly quality: number;
  /** In hybrids: whether the theoretical-profile rule holds here. */
  readonly theoreticalProfile?: boolean;
}

/** LocScale's share of the voxels. */
const SHARE = 0.01;
/** Upper limit: more voxels add no information and cost 1 s per 500. */
const MOST_VOXELS = 1000;
/** Sampled even of small masks. */
const FEWEST_VOXELS = 20;

/** `scaled`: the result. The caller keeps ownership of the volumes. */
export async function auditProfiles(
  engine: Engine,
  job: LocalScalingJob,
  scaled: Volume,
  seed: number,
): Promise<ProfilesAudit> {
  const { windowVoxels, profileKind, windowTaper, rule, padValues } = job;
  const { shape } = job.map;
  const [, ny, nx] = shape;
  const download = async (volume: Volume | undefined) => volume && (await engine.download(volume));
  const [map, mask, result] = await Promise.all([job.map, job.mask, scaled].map((v) => engine.download(v)));
  const [reference, differenceMask] = await Promise.all([job.reference, job.differenceMask].map(download));
  const { voxels, maskVoxels } = chooseVoxels(mask, seed);
  const shells = shellCountOf(windowVoxels);
  const profileOf = createWindowProfile(windowVoxels, profileKind, windowTaper);
  const scaleFactorsOf = compileScalingRule(rule, shells, true);
  const window = new Float64Array(windowVoxels ** 3);
  const fit = new Float64Array(2);
  const profiles = voxels.map((index): VoxelProfiles => {
    const voxel = [Math.floor(index / (ny * nx)), Math.floor(index / nx) % ny, index % nx] as const;
    const profile = (data: Float32Array, padValue: number): Float64Array =>
      profileOf(cutWindow(data, shape, voxel, windowVoxels, padValue, window));
    const ofMap = profile(map, padValues.map);
    const ofReference = reference && profile(reference, padValues.reference);
    const inside = differenceMask !== undefined && differenceMask[index] > 0.5;
    const scaleFactors = new Float64Array(shells);
    scaleFactorsOf(ofMap, ofReference ?? ofMap, inside, scaleFactors, fit);
    return {
      voxel,
      map: rounded(ofMap),
      reference: ofReference && rounded(ofReference),
      scaleFactors: rounded(scaleFactors),
      // The result is 0 outside the mask.
      result: rounded(profile(result, 0)),
      bFactor: fit[0],
      quality: fit[1],
      theoreticalProfile: differenceMask && inside,
    };
  });
  const { voxelSize } = rule.kind === 'hybrid' ? rule.outside : rule;
  const frequency = [...shellFrequencies(shells, voxelSize)];
  return { maskVoxels, seed, windowVoxels, profileKind, windowTaper, frequency, profiles };
}

/** Random voxels of the mask, in ascending order. */
function chooseVoxels(mask: Float32Array, seed: number): { voxels: number[]; maskVoxels: number } {
  const inside: number[] = [];
  mask.forEach((value, index) => {
    if (value > 0.5) inside.push(index);
  });
  if (inside.length === 0) throw new LocScaleError('internal', 'Profiles of an empty mask were requested.');
  const wanted = Math.min(MOST_VOXELS, Math.max(FEWEST_VOXELS, Math.round(SHARE * inside.length)));
  const count = Math.min(wanted, inside.length);
  const random = createRandom(seed);
  // Partial shuffle: each voxel at most once.
  for (let i = 0; i < count; i++) {
    const other = random.integer(i, inside.length - 1);
    [inside[i], inside[other]] = [inside[other], inside[i]];
  }
  const voxels = inside.slice(0, count).sort((a, b) => a - b);
  return { voxels, maskVoxels: inside.length };
}

/** Six digits, the precision of float32 maps. */
function rounded(values: Float64Array): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(6)));
}
