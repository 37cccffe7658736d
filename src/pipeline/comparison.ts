/**
 * Scales the map of a run a second time in another way, and compares both by the RMS amplitudes of soft bands
 * within the mask. The scale of a sharpened map is arbitrary, so they are relative to those near 0.1 1/A.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { inspectAll } from '../engine/jobs.ts';
import { LocScaleError } from '../errors.ts';
import { shellCentres } from '../math/fourier/masked-fsc.ts';
import { voxelCount } from '../math/grid.ts';
import { bandWeight, planBands } from '../math/soft-scaling/bands.ts';
import { LEVEL_BANDS } from '../math/soft-scaling/targets.ts';
import { softenMask } from './map-measures.ts';
import type { LocScaleParameters, SchemeName } from './parameters.ts';
import type { ReferenceTraits } from './references/source.ts';
import type { Run } from './run.ts';
import { scalingSchemeOf } from './schemes/index.ts';
import type {
  BandAmplitudes,
  ComparisonResult,
  MapsToScale,
  PlannedScaling,
  ScaledMaps,
  ScalingScheme,
  SchemeInputs,
} from './schemes/scheme.ts';

/** The scaling in another way, and which one. */
export interface PlannedComparison extends PlannedScaling {
  readonly name: SchemeName;
}

/** The second way of scaling, if requested. */
export function otherScheme(
  traits: ReferenceTraits,
  main: ScalingScheme,
  also: SchemeName | undefined,
): ScalingScheme | undefined {
  if (also === undefined) return undefined;
  const other = scalingSchemeOf(traits, also, 'also');
  if (other !== main) return other;
  throw new LocScaleError('usage', 'The second map would be the same as the first.', {
    parameter: 'also',
    expected: 'another way to scale the map',
    found: also,
  });
}

/** `parameters`: those of the run. */
export async function planComparison(
  scheme: ScalingScheme,
  inputs: SchemeInputs,
  parameters: LocScaleParameters,
  run: Run,
): Promise<PlannedComparison> {
  const own = scheme.parametersFor({ ...parameters, measureBFactors: false });
  const planned = await scheme.plan({ ...inputs, parameters: own }, asComparison(run));
  return { ...planned, name: parameters.also as SchemeName };
}

/** Renames the steps of a scheme, so that their time is not attributed to the main result. */
function asComparison(run: Run): Run {
  return {
    ...run,
    step: (name, message, body) =>
      run.step(name === 'scaling' ? 'comparison' : name, `For comparison: ${message}`, body),
  };
}

/** The step. `main`: the result to compare with. */
export async function compareSchemes(
  planned: PlannedComparison,
  maps: MapsToScale,
  main: ScaledMaps,
  mask: Volume,
  voxelSize: number,
  run: Run,
): Promise<ComparisonResult> {
  const { scaled, soft, global, scaledBy } = await planned.run(maps);
  const bands = (main.soft ?? soft)?.bands;
  const amplitudes = await run.step('comparison', 'Comparing the amplitudes', async () => {
    const { engine } = run;
    const edge = await softenMask(engine, mask, voxelSize);
    const measure = (volume: Volume): Promise<number[]> => bandAmplitudes(engine, volume, edge, voxelSize);
    const wanted =
      maps.reference === undefined
        ? relativeToLevel((bands ?? []).map(({ wantedAmplitude }) => wantedAmplitude))
        : await measure(maps.reference);
    const [reached, also] = [await measure(main.scaled), await measure(scaled)];
    run.release(edge);
    return { frequency: bandCentres(mask.shape, voxelSize), wanted, reached, also };
  });
  return { scheme: planned.name, scaled, soft, global, scaledBy, amplitudes };
}

/** Centres of the soft bands up to Nyquist, 1/A, whichever scheme made the map. */
function bandCentres(shape: Volume['shape'], voxelSize: number): BandAmplitudes['frequency'] {
  const { count, spacing } = planBands({ shape, voxelSize: [voxelSize, voxelSize, voxelSize] });
  return Array.from({ length: count }, (_, band) => band * spacing);
}

/** Amplitudes of a map times a soft-edged mask, which has low sidelobes. */
async function bandAmplitudes(
  engine: Engine,
  volume: Volume,
  mask: Volume,
  voxelSize: number,
): Promise<number[]> {
  const product = engine.allocateHost(voxelCount(volume.shape));
  await inspectAll(engine, [volume, mask], (voxels, weights) => {
    for (let i = 0; i < product.length; i++) product[i] = voxels[i] * weights[i];
  });
  const masked = await engine.upload(product, volume.shape);
  const { powerA } = await engine.shellSpectra(masked, masked, 'nearest');
  engine.release(masked);
  const shells = shellCentres(powerA.length, Math.min(...volume.shape), voxelSize);
  const spacing = bandCentres(volume.shape, voxelSize)[1];
  const power = bandCentres(volume.shape, voxelSize).map((_, band) =>
    shells.reduce((sum, f, r) => sum + bandWeight(f, band, spacing) ** 2 * powerA[r], 0),
  );
  return relativeToLevel(power.map(Math.sqrt));
}

/** All 0 if there is no level. */
function relativeToLevel(amplitude: readonly number[]): number[] {
  const level = Math.hypot(...LEVEL_BANDS.map((band) => amplitude[band] ?? 0));
  return amplitude.map((value) => (level > 0 ? value / level : 0));
}
