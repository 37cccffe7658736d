/**
 * Step 3: where to scale (method 2), and the numbers that follow from it (method 3). A mask of the
 * user is binarised at 0.5; without one, the FDR confidence map decides: confidence >= 1 - rate.
 */
import type { Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import {
  defaultNoiseBoxes,
  defaultNoiseBoxSize,
  type NoiseBox,
  noiseBoxWarning,
  userNoiseBoxes,
} from '../math/confidence.ts';
import type { Shape } from '../math/grid.ts';
import { type MolecularNumbers, molecularNumbers } from '../math/molecular-numbers.ts';
import { tanhLowPass } from '../math/radial-transfer.ts';
import { checkFinite } from './1-read-maps.ts';
import { engineIdentity, hashVolume, keptVolume } from './checkpoints.ts';
import { type Run, SPECTRUM_VOLUMES } from './run.ts';
import type { LocScaleNumbers, LocScaleParameters, MapInput } from './types.ts';

/** A user's mask counts from here (LocScale's fixed value for scaling). */
const USER_MASK_THRESHOLD = 0.5;

export interface ScalingMask {
  /** 1 where the map is scaled, 0 elsewhere. */
  readonly mask: Volume;
  readonly maskVoxels: number;
  readonly molecule: MolecularNumbers;
  /** Raw FDR confidence map, if it was made and is to be kept. */
  readonly confidence: Volume | undefined;
  readonly noise: LocScaleNumbers['noise'];
}

export async function prepareMask(
  userMask: MapInput | undefined,
  map: Volume,
  voxelSize: number,
  parameters: LocScaleParameters,
  run: Run,
): Promise<ScalingMask> {
  const { engine } = run;
  const made = userMask === undefined ? await makeConfidence(map, voxelSize, parameters, run) : undefined;
  const raw = made?.confidence ?? (await uploadMask(userMask as MapInput, run));
  const threshold = made === undefined ? USER_MASK_THRESHOLD : 1 - parameters.fdrThreshold;

  // Counted first: the mask that is only counted is gone when the one that stays is made.
  const counted =
    parameters.maskThreshold === threshold ? undefined : await countFrom(raw, parameters.maskThreshold, run);
  const { mask, voxels: maskVoxels } = await engine.binarise(raw, threshold);
  run.hold(mask);
  if (maskVoxels === 0) throw emptyMask(userMask, parameters);
  const volumeVoxels = counted ?? maskVoxels;
  const keep = made !== undefined && run.context.keepConfidence === true;
  if (!keep) run.release(raw);
  if (volumeVoxels === 0) {
    run.warn(
      `No voxel of the mask reaches ${parameters.maskThreshold}; the molecular volume is taken from all ${maskVoxels} voxels of the scaling mask.`,
    );
  }
  const molecule = molecularNumbers(
    volumeVoxels || maskVoxels,
    voxelSize,
    parameters.molecularWeightKiloDalton,
  );
  return { mask, maskVoxels, molecule, confidence: keep ? raw : undefined, noise: made?.noise };
}

async function uploadMask(image: MapInput, run: Run): Promise<Volume> {
  const volume = await run.upload(image);
  checkFinite(image.name, await run.engine.statistics(volume));
  return volume;
}

async function countFrom(raw: Volume, threshold: number, run: Run): Promise<number> {
  run.countScratch(1);
  const { mask, voxels } = await run.engine.binarise(raw, threshold);
  run.engine.release(mask);
  return voxels;
}

function emptyMask(userMask: MapInput | undefined, parameters: LocScaleParameters): LocScaleError {
  if (userMask !== undefined) {
    return new LocScaleError(
      'bad-input',
      `The mask ${userMask.name} is empty: no voxel reaches ${USER_MASK_THRESHOLD}.`,
      {
        where: userMask.name,
        expected: `voxels of at least ${USER_MASK_THRESHOLD}`,
        hint: 'Check that this is the right file and that its values go from 0 to 1.',
      },
    );
  }
  return new LocScaleError(
    'bad-input',
    `The FDR mask is empty: no voxel is significant at a rate of ${parameters.fdrThreshold}.`,
    {
      hint: 'Give a mask with -ma, low-pass the map for the mask with -fdr_f, or set noise boxes outside the particle with --noise_box.',
    },
  );
}

export interface Confidence {
  readonly confidence: Volume;
  readonly noise: NonNullable<LocScaleNumbers['noise']>;
}

/** FDR confidence map of `map` (method 2), low-passed first if asked; says which noise boxes were used. */
export async function makeConfidence(
  map: Volume,
  voxelSize: number,
  parameters: Pick<LocScaleParameters, 'fdrFilter' | 'fdrWindow' | 'fdrNoiseBoxes'>,
  run: Run,
): Promise<Confidence> {
  const { engine } = run;
  const boxes = chooseNoiseBoxes(map.shape, parameters);
  if (parameters.fdrFilter !== undefined) run.countScratch(SPECTRUM_VOLUMES + 1);
  const filtered =
    parameters.fdrFilter === undefined
      ? map
      : run.hold(await engine.radialFilter(map, tanhLowPass(parameters.fdrFilter, voxelSize)));
  const noise = await engine.noiseStatistics(filtered, boxes);
  const warning = noiseBoxWarning(noise, (await engine.statistics(filtered)).sd);
  // Without any variance the confidence map is refused, in a sentence of its own.
  if (warning !== undefined && noise.variance > 0) run.warn(warning);
  const reported = boxes.map((box, i) => ({
    start: box.start,
    size: box.size,
    mean: noise.perBox[i].mean,
    sd: Math.sqrt(noise.perBox[i].variance),
  }));
  for (const box of reported) {
    run.info(
      `Noise box from voxel (z, y, x) = ${box.start.join(', ')}, edge ${box.size}: mean ${box.mean.toPrecision(3)}, sd ${box.sd.toPrecision(3)}.`,
    );
  }
  const confidence = run.hold(
    await keptVolume(
      run,
      'confidence',
      async () => ({ engine: engineIdentity(engine), map: await hashVolume(engine, filtered), noise }),
      map.shape,
      () => engine.confidenceMap(filtered, noise),
    ),
  );
  if (filtered !== map) run.release(filtered);
  return { confidence, noise: { mean: noise.mean, variance: noise.variance, boxes: reported } };
}

function chooseNoiseBoxes(
  shape: Shape,
  parameters: Pick<LocScaleParameters, 'fdrWindow' | 'fdrNoiseBoxes'>,
): NoiseBox[] {
  const size = parameters.fdrWindow ?? defaultNoiseBoxSize(shape);
  return parameters.fdrNoiseBoxes === undefined
    ? defaultNoiseBoxes(shape, size)
    : userNoiseBoxes(shape, size, parameters.fdrNoiseBoxes);
}
