/**
 * What the benchmark times on an engine. The result that is timed is compared first: that of the CPU engine
 * with float64 sums at seeded places, that of a GPU with the CPU engine's, voxel by voxel.
 */
import type { Engine, LocalResolutionResult, Volume } from '../engine/engine.ts';
import { bandScaling, localResolution, localScaling } from '../engine/jobs.ts';
import type { GpuDevice } from '../gpu/device.ts';
import { type RadialTransfer, tanhLowPass } from '../math/fourier/radial-transfer.ts';
import { proteinProfile } from '../math/soft-scaling/profile.ts';
import { type Timing, timeBatches } from './clock.ts';
import { checkGate, type Gate } from './gate.ts';
import { type BenchInputs, type BenchVolumes, referenceRule, VOXEL_SIZE } from './inputs.ts';
import {
  checkSoftScaling,
  directCoefficients,
  sampleFrequencies,
  sampleVoxels,
  scaledVoxels,
  windowFsc,
} from './oracles.ts';

/** One line of the table. */
export interface Stage {
  readonly name: string;
  readonly title: string;
  /** Relative L2 allowed between the engines: float32 sums in another order. */
  readonly limit: number;
  run(engine: Engine, volumes: BenchVolumes, windowVoxels: number): Promise<Volume[]>;
  /** What is compared, where it is not what `run` returns. */
  runToCompare?(engine: Engine, volumes: BenchVolumes, windowVoxels: number): Promise<Volume[]>;
  /** Of the CPU engine. */
  compareWithSums(
    inputs: BenchInputs,
    results: readonly Float32Array[],
    engine: Engine,
  ): Gate | Promise<Gate>;
}

/** Time of a stage, and the comparison that precedes it. */
export interface StageTiming {
  readonly gate: Gate;
  readonly timing: Timing;
  /** What other engines' results are compared with. */
  readonly results: readonly Float32Array[];
}

/** Relative L2 of float32 results from float64 sums. */
const SUMS_LIMIT = 1e-5;
/** Places per stage at which sums are computed. */
const VOXELS = 6;
/** Shells of the window whose local FSC is compared. */
const FSC_SHELLS = [1, 2, 3];
/** Cycles per voxel. */
const LOW_PASS = tanhLowPass(5, 1);

/** In the order of the table. */
export const stages: readonly Stage[] = [
  {
    name: 'filter',
    title: 'FFT, low-pass, inverse FFT',
    limit: 1e-6,
    run: async (engine, { map }) => [await engine.radialFilter(map, LOW_PASS)],
    compareWithSums: ({ map, shape: [edge] }, [found]) => {
      // Where the map has power.
      const frequencies = sampleFrequencies(Math.floor(edge / 4));
      const before = directCoefficients(map, edge, frequencies);
      const gainOf = (i: number): number =>
        transferAt(LOW_PASS, Math.hypot(...frequencies[i >> 1].map((k) => k / edge)));
      return checkGate(
        'low-pass against float64 sums',
        directCoefficients(found, edge, frequencies),
        before.map((value, i) => value * gainOf(i)),
        SUMS_LIMIT,
      );
    },
  },
  {
    name: 'locscale',
    title: "LocScale's scaling",
    limit: 5e-6,
    run: async (engine, volumes, windowVoxels) => {
      const { scaled } = await localScaling(engine, {
        ...volumes,
        windowVoxels,
        profileKind: 'octant',
        rule: referenceRule(windowVoxels),
        padValues: { map: 0, reference: 0 },
        measureBFactors: false,
      });
      return [scaled];
    },
    compareWithSums: (inputs, [found]) => {
      const voxels = sampleVoxels(inputs, VOXELS, 0);
      return checkGate(
        "LocScale's scaling against float64 windows",
        voxels.map((i) => found[i]),
        scaledVoxels({ ...inputs, padValues: { map: 0, reference: 0 } }, inputs.windowVoxels, voxels),
        SUMS_LIMIT,
      );
    },
  },
  {
    name: 'soft',
    title: 'soft scaling',
    limit: 5e-6,
    run: async (engine, { half1, half2, mask }) => {
      const { scaled } = await bandScaling(engine, {
        half1,
        half2,
        mask,
        voxelSize: [VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE],
        target: { kind: 'profile', profile: proteinProfile() },
      });
      return [scaled];
    },
    compareWithSums: (_inputs, _results, engine) => checkSoftScaling(engine),
  },
  {
    name: 'resolution',
    title: 'local resolution',
    limit: 5e-6,
    run: async (engine, volumes, windowVoxels) => [
      (await resolve(engine, volumes, windowVoxels, [])).resolution,
    ],
    runToCompare: async (engine, volumes, windowVoxels) => {
      const { resolution, correlations } = await resolve(engine, volumes, windowVoxels, FSC_SHELLS);
      engine.release(resolution);
      return [...correlations];
    },
    compareWithSums: (inputs, results) => {
      const voxels = sampleVoxels(inputs, VOXELS, 0);
      const curves = voxels.map((i) =>
        windowFsc([inputs.half1, inputs.half2], inputs.shape, inputs.windowVoxels, i),
      );
      return checkGate(
        'local FSC against float64 windows',
        results.flatMap((shell) => voxels.map((i) => shell[i])),
        FSC_SHELLS.flatMap((r) => curves.map((curve) => curve[r])),
        SUMS_LIMIT,
      );
    },
  },
];

/** As every engine evaluates it: linear between the entries of the table. */
function transferAt({ table, maxFrequency }: RadialTransfer, frequency: number): number {
  const at = (frequency / maxFrequency) * (table.length - 1);
  const lower = Math.floor(at);
  return table[lower] + (at - lower) * (table[lower + 1] - table[lower]);
}

/**
 * Local resolution with the FSC of some shells, whose values are compared: a resolution jumps where a
 * curve crosses the threshold twice.
 */
function resolve(
  engine: Engine,
  { half1, half2, mask }: BenchVolumes,
  windowVoxels: number,
  correlationShells: readonly number[],
): Promise<LocalResolutionResult> {
  return localResolution(engine, {
    half1,
    half2,
    mask,
    windowVoxels,
    weights: 'hann',
    voxelSize: VOXEL_SIZE,
    threshold: 0.143,
    padValues: [0, 0],
    correlationShells,
  });
}

/**
 * `expected`: results of the CPU engine; absent for that engine itself. Throws GateError where a result is
 * wrong.
 */
export async function timeStage(
  stage: Stage,
  engine: Engine,
  inputs: BenchInputs,
  volumes: BenchVolumes,
  expected: readonly Float32Array[] | undefined,
  seconds: number,
): Promise<StageTiming> {
  const { windowVoxels } = inputs;
  const made = await (stage.runToCompare ?? stage.run)(engine, volumes, windowVoxels);
  const results: Float32Array[] = [];
  for (const volume of made) results.push(Float32Array.from(await engine.download(volume)));
  engine.release(...made);
  const gate =
    expected === undefined
      ? await stage.compareWithSums(inputs, results, engine)
      : compareEngines(stage, results, expected);
  const timing = await timeBatches(
    async () => engine.release(...(await stage.run(engine, volumes, windowVoxels))),
    {
      seconds,
      settle: settleOf(engine),
    },
  );
  return { gate, timing, results };
}

/** The largest difference of all volumes. */
function compareEngines(
  { title, limit }: Stage,
  results: readonly Float32Array[],
  expected: readonly Float32Array[],
): Gate {
  const gates = results.map((data, i) =>
    checkGate(`${title} against the CPU engine`, data, expected[i], limit),
  );
  return gates.reduce((worst, gate) => (gate.error > worst.error ? gate : worst));
}

/** Waits until a GPU has done what was recorded; the CPU engine has when its verbs return. */
function settleOf(engine: Engine): () => Promise<void> {
  const { gpu } = engine as { gpu?: GpuDevice };
  return async () => gpu?.finish();
}
