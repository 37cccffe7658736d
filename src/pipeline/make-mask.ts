/**
 * Masks on request, as a run of their own: from where the map stands out from its noise, from a density, from
 * the atoms of a model or from the non-zero region of a masked map; then, in this order, combined with other
 * masks, holes filled, the largest pieces kept, extended, its edge softened, inverted.
 */
import { noAtomInMap, placeModel } from '../atoms/place-model.ts';
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Structure } from '../formats/structure.ts';
import type { Grid } from '../math/grid.ts';
import { CUBIC_ANGSTROM_PER_DALTON } from '../math/inputs/mask-volume.ts';
import { regionAroundAtoms } from '../math/masks/around-atoms.ts';
import { molecularNumbers } from '../math/scaling/molecular-numbers.ts';
import type { LocScaleContext } from './context.ts';
import { resolveMap } from './fsc.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import { prepareMask, type ScalingMask } from './mask.ts';
import { nonZeroRegionOf } from './mask-sources.ts';
import { completeParameters, DEFAULT_MODEL_RADIUS, type LocScaleParameters } from './parameters.ts';
import { type InputMaps, readMaps } from './read-maps.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';
import { hasShaping, type MaskShaping, type Region, regionOfDensity, shapedMask } from './shape-mask.ts';

/** What a mask is made from. */
export type MaskSource =
  /** Where the confidence reaches 1 - rate. */
  | { readonly kind: 'FDR' }
  /** From this density on, of the map low-passed at `lowPass` (A) if given. */
  | { readonly kind: 'threshold'; readonly density: number; readonly lowPass?: number }
  /** Within the radius (A; default 3) of the atoms. */
  | { readonly kind: 'model'; readonly structure: Structure; readonly radiusAngstrom?: number }
  | { readonly kind: 'non-zero region' };

/** How to make a mask. */
export interface MaskSettings extends MaskShaping {
  /** Default: FDR. */
  readonly source?: MaskSource;
}

/** What `runMask` returns. */
export interface MaskResult extends ScalingMask {
  /** Mass that protein in the mask would have, kDa. */
  readonly kiloDalton: number;
  /** The map that was masked, with `keepMap`. */
  readonly map?: Volume;
  readonly fsc?: FscCurve;
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A run that ends with a mask. The volumes stay on the engine: release them. */
export function runMask(
  input: LocScaleJob['input'],
  given: Partial<LocScaleParameters>,
  context: LocScaleContext,
  { source = { kind: 'FDR' }, ...shaping }: MaskSettings = {},
): Promise<MaskResult> {
  return withRun({ ...context, keepConfidence: true }, async (run) => {
    const { unite, intersect, subtract } = shaping;
    const others = [unite, intersect, subtract].filter((mask) => mask !== undefined);
    const maps = await readMaps({ input, mayBeMasked: source.kind !== 'FDR' }, run, { masks: others });
    // Shaped by `shaping`, once.
    const complete = completeParameters({ ...given, maskShape: undefined }, false);
    const parameters = usableResolutions(complete, maps.grid, run);
    const { map, fsc } = await resolveMap(maps, parameters, run);
    const made =
      source.kind === 'FDR'
        ? await prepareMask({ userMask: undefined, map, maps, parameters }, run)
        : await run.step('mask', 'Making the mask', () => makeFrom(source, map, maps, parameters, run));
    const shaped = hasShaping(shaping)
      ? await run.step('mask', 'Shaping the mask', () => shapeMask(made, shaping, maps, parameters, run))
      : made;
    const kept = context.keepMap ? map : undefined;
    run.keep(shaped.mask, shaped.confidence, kept);
    return {
      ...{ ...shaped, map: kept, fsc },
      kiloDalton: (shaped.maskVoxels * maps.voxelSize ** 3) / CUBIC_ANGSTROM_PER_DALTON / 1000,
      ...{ grid: maps.grid, header: maps.header, timings: run.timings, warnings: run.warnings },
    };
  });
}

/** A mask that needs no noise: from a density, atoms, or zeros of the map. */
async function makeFrom(
  source: Exclude<MaskSource, { kind: 'FDR' }>,
  map: Volume,
  maps: InputMaps,
  parameters: LocScaleParameters,
  run: Run,
): Promise<ScalingMask> {
  const { mask, voxels } = await regionOf(source, map, maps, run);
  return {
    ...{ mask, maskVoxels: voxels, confidence: undefined, noise: undefined },
    origin: { source: source.kind },
    molecule: molecularNumbers(voxels, maps.voxelSize, parameters.molecularWeightKiloDalton),
  };
}

/** The region as a map of 0 and 1, and the number of its voxels. */
async function regionOf(
  source: Exclude<MaskSource, { kind: 'FDR' }>,
  map: Volume,
  { grid, voxelSize, zeroShare }: InputMaps,
  run: Run,
): Promise<Region> {
  const { engine } = run;
  switch (source.kind) {
    case 'non-zero region':
      refuseUnmasked(zeroShare);
      return nonZeroRegionOf(map, run);
    case 'threshold':
      return regionOfDensity(map, voxelSize, source, run);
    case 'model': {
      const { atoms, outside } = placeModel(source.structure, grid);
      if (outside.count > 0)
        run.warn(
          `${outside.count} of ${outside.count + atoms.count} atoms of the model lie outside the map, ` +
            `up to ${outside.farthestAngstrom.toFixed(1)} A.`,
        );
      if (atoms.count === 0) throw noAtomInMap(grid, 'model');
      const region = regionAroundAtoms(atoms, grid, source.radiusAngstrom ?? DEFAULT_MODEL_RADIUS);
      const raw = await engine.upload(Float32Array.from(region), grid.shape);
      const found = await engine.binarise(raw, 0.5);
      run.release(raw);
      return found;
    }
  }
}

/** Maps with fewer zeros are not masked, but may be padded or have a few by chance. */
const LEAST_ZEROS = 0.02;

/** Throws if too few voxels are exactly 0 for the zeros to be a mask. */
function refuseUnmasked(zeroShare: number): void {
  if (zeroShare >= LEAST_ZEROS) return;
  throw new LocScaleError('bad-input', 'The map is not masked: its non-zero region is the whole box.', {
    expected: `at least ${100 * LEAST_ZEROS} % of its voxels exactly 0`,
    found: `${(100 * zeroShare).toFixed(1)} %`,
    hint: `Make the mask of a density with ${named('threshold')}, or without either.`,
  });
}

/** Its volume is that of the mask before its edge is softened and it is inverted. */
async function shapeMask(
  made: ScalingMask,
  shaping: MaskShaping,
  maps: InputMaps,
  { molecularWeightKiloDalton }: LocScaleParameters,
  run: Run,
): Promise<ScalingMask> {
  const { values, voxels: maskVoxels } = await shapedMask(made.mask, shaping, maps, run);
  const molecule = molecularNumbers(maskVoxels, maps.voxelSize, molecularWeightKiloDalton);
  return { ...made, mask: await run.engine.upload(values, maps.grid.shape), maskVoxels, molecule };
}
