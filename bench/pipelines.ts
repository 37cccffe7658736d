/** Pipelines of the GPU engine's verbs and jobs, each of them run on a device that computes nothing. */
import type { Engine, Volume } from '../src/engine/engine.ts';
import { bandScaling, localResolution, localScaling } from '../src/engine/jobs.ts';
import { createGpuEngine } from '../src/gpu/index.ts';
import type { AtomSet } from '../src/math/atoms/atom-set.ts';
import { filterBins } from '../src/math/fourier/local-filter.ts';
import { tanhLowPass } from '../src/math/fourier/radial-transfer.ts';
import type { Grid, Shape } from '../src/math/grid.ts';
import { proteinProfile } from '../src/math/soft-scaling/profile.ts';
import { pointGroup } from '../src/math/symmetry/point-group.ts';
import { countDevice, type PipelineUse } from './counting-device.ts';
import { ball, occupancyOf } from './gpu-counts.bench.ts';
import { createIdleDevice, wrapIdleDevice } from './idle-device.ts';
import { ruleOf } from './local-scaling.bench.ts';

export interface Pipeline extends Pick<PipelineUse, 'label' | 'code' | 'entryPoint' | 'constants'> {
  /** Label and constants. */
  readonly name: string;
}

/** Voxels per edge; one is a prime, for Bluestein's transforms. */
const EDGES = [64, 61];
/** Lengths of whole maps, transformed in a thin box. */
const LENGTHS = [256, 251];
const WINDOW = 24;
const VOXEL = 1.05;

/** Each once, in the order of their names: that in which they are compiled is not always the same. */
export function distinct(uses: readonly Omit<Pipeline, 'name'>[]): Pipeline[] {
  const named = uses.map((use) => ({ ...use, name: `${use.label}${describeConstants(use.constants)}` }));
  const once = [...new Map(named.map((pipeline) => [pipeline.name, pipeline])).values()];
  return once.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describeConstants(constants: Readonly<Record<string, number>>): string {
  const named = Object.entries(constants).filter(([name]) => name !== 'THREADS');
  return named.map(([name, value]) => ` ${name}=${value}`).join('');
}

/** Of every verb, on cubic boxes; large jobs have others besides (gpu-counts.bench.ts). */
export async function verbPipelines(): Promise<PipelineUse[]> {
  const found: PipelineUse[] = [];
  for (const edge of EDGES) {
    const device = createIdleDevice();
    const counting = countDevice(device, { bytes: false });
    const mask = ball({ edge, windowVoxels: WINDOW, maskVoxels: edge ** 3 / 16 });
    const engine = await createGpuEngine(wrapIdleDevice(device, occupancyOf(mask, edge)));
    await runVerbs(engine, edge, mask);
    for (const n of LENGTHS) {
      const thin: Shape = [4, n, n];
      await engine.radialFilter(
        await engine.upload(new Float32Array(4 * n * n), thin),
        tanhLowPass(5, VOXEL),
      );
    }
    found.push(...counting.pipelines);
  }
  return found;
}

/** Of local resolution in windows of these sizes. */
export async function resolutionPipelines(windows: readonly number[]): Promise<PipelineUse[]> {
  const [edge] = EDGES;
  const device = createIdleDevice();
  const counting = countDevice(device, { bytes: false });
  const where = ball({ edge, windowVoxels: WINDOW, maskVoxels: edge ** 3 / 16 });
  const engine = await createGpuEngine(wrapIdleDevice(device, occupancyOf(where, edge)));
  const put = (voxels: Float32Array): Promise<Volume> => engine.upload(voxels, [edge, edge, edge]);
  const [half1, half2] = [await put(new Float32Array(edge ** 3)), await put(new Float32Array(edge ** 3))];
  const mask = await put(where);
  for (const window of windows)
    await localResolution(engine, { half1, half2, mask, ...resolutionOf(window) });
  return counting.pipelines.filter(({ label }) => label.startsWith('local-resolution'));
}

function resolutionOf(windowVoxels: number) {
  const rest = { weights: 'hann', voxelSize: VOXEL, threshold: 0.143, padValues: [0, 0] } as const;
  return { windowVoxels, correlationShells: [1], ...rest };
}

async function runVerbs(engine: Engine, edge: number, where: Float32Array): Promise<void> {
  const shape: Shape = [edge, edge, edge];
  const voxelSize = [VOXEL, VOXEL, VOXEL] as const;
  const grid: Grid = { shape, voxelSize, origin: [0, 0, 0] };
  const put = (): Promise<Volume> => engine.upload(new Float32Array(edge ** 3), shape);
  const [a, b, mask] = [await put(), await put(), await engine.upload(where, shape)];
  const larger: Shape = [edge + 14, edge + 14, edge + 14];
  const profile = proteinProfile();
  await engine.average(a, b);
  await engine.statistics(a, { mask, inside: true });
  await engine.statistics(a);
  await engine.binarise(a, 0.5);
  await engine.radialFilter(a, tanhLowPass(5, VOXEL));
  await engine.randomisePhases(a, { from: 0.25, seed: 1 });
  await engine.translate(a, [0.5, 0, 0.25]);
  await engine.resample(a, larger);
  await engine.simulateMap(oneAtom(edge), grid);
  for (const group of ['C4', 'D7', 'I']) await engine.symmetrise(a, pointGroup(group));
  await engine.shellSpectra(a, b);
  await engine.noiseStatistics(a, [{ start: [0, 0, 0], size: 8 }]);
  await engine.confidenceMap(a, { mean: 0, variance: 1 });
  await engine.localFilter(a, b, filterBins([4, 8], VOXEL));
  const halves = { half1: a, half2: b, mask };
  await localResolution(engine, { ...halves, ...resolutionOf(WINDOW) });
  for (const target of [
    { kind: 'profile', profile },
    { kind: 'reference' },
    { kind: 'hybrid', profile },
  ] as const)
    await bandScaling(engine, {
      ...halves,
      voxelSize,
      target,
      ...(target.kind === 'profile' ? {} : { reference: b }),
      ...(target.kind === 'hybrid' ? { differenceMask: mask } : {}),
      fadeResolution: 4,
      measureLocal: true,
    });
  for (const windowTaper of [undefined, 'hann'] as const)
    for (const mode of ['reference-profile', 'theoretical-profile'] as const)
      await localScaling(engine, {
        map: a,
        reference: b,
        mask,
        windowVoxels: WINDOW,
        windowTaper,
        profileKind: windowTaper === undefined ? 'octant' : 'sphere',
        rule: ruleOf(mode, WINDOW),
        padValues: { map: 0, reference: 0 },
        measureBFactors: true,
      });
}

function oneAtom(edge: number): AtomSet {
  return {
    count: 1,
    positions: new Float64Array(3).fill((VOXEL * edge) / 2),
    elements: ['C'],
    bFactors: new Float64Array([60]),
    occupancies: new Float64Array([1]),
  };
}
