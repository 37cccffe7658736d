/**
 * Engine job `bandScaling` on two half maps with a mask: with the protein profile, and with a reference.
 * Beside it the time of as many whole transforms as the bands and spectra are (radialFilter, two each),
 * measured in the same run. The times include spectra and result (fresh memory).
 */

import { makeBlobMaps } from '../src/bench/blob-map.ts';
import { measure, type Timing } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import type { BandScalingJob, Engine, Volume } from '../src/engine/engine.ts';
import { bandScaling } from '../src/engine/jobs.ts';
import { tanhLowPass } from '../src/math/fourier/radial-transfer.ts';
import { type Shape, voxelCount } from '../src/math/grid.ts';
import { planBands } from '../src/math/soft-scaling/bands.ts';
import { proteinProfile } from '../src/math/soft-scaling/profile.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { directBandScaling } from '../test/support/direct-band-scaling.ts';
import type { BenchContext } from './context.ts';
import type { SoftScalingResult } from './results.ts';

/** Float32 against float64. */
const LIMIT = 1e-5;
const BY_PROFILE = { kind: 'profile', profile: proteinProfile() } as const;
const VOXEL = 1.06;
const EDGES = [128, 256];
/** The oracle transforms in float64. */
const GATE_SHAPE: Shape = [40, 36, 44];
const FILL = 0.1;
const NOISE = 0.1;

export async function benchSoftScaling(context: BenchContext): Promise<SoftScalingResult[]> {
  const { oneThread, allThreads, quick, say } = context;
  const runs = { runs: quick ? 1 : 5 };
  const results: SoftScalingResult[] = [];
  const gates = {
    profile: await checkOracle(oneThread, false),
    reference: await checkOracle(oneThread, true),
  };
  for (const edge of quick ? [48] : EDGES) {
    for (const target of ['profile', 'reference'] as const) {
      const time = async (engine: Engine): Promise<{ scaling: Timing; transforms: Timing }> => {
        const job = await makeJob(engine, edge, target);
        const scaling = await measure(
          async () => engine.release((await bandScaling(engine, job)).scaled),
          runs,
        );
        const filter = tanhLowPass(5, VOXEL);
        const two = await measure(
          async () => engine.release(await engine.radialFilter(job.half1, filter)),
          runs,
        );
        engine.release(...volumesOf(job));
        const half = transformCount(edge, target) / 2;
        return { scaling, transforms: { ...two, median: half * two.median, min: half * two.min } };
      };
      const one = await time(oneThread);
      const all = allThreads === oneThread ? undefined : await time(allThreads);
      results.push({
        edge,
        target,
        transforms: transformCount(edge, target),
        gate: gates[target],
        oneThread: one.scaling,
        oneThreadTransforms: one.transforms,
        ...(all && { allThreads: all.scaling, allThreadsTransforms: all.transforms }),
      });
      const words = ({ scaling, transforms }: typeof one): string =>
        `${(scaling.median * 1000).toFixed(0)} ms, ${(scaling.median / transforms.median).toFixed(2)} of its transforms`;
      say(`  ${edge}^3, ${target}: ${words(one)}${all ? `; all threads ${words(all)}` : ''}`);
    }
  }
  return results;
}

/** Of whole volumes: one per spectrum, and one per spectrum and band. */
function transformCount(edge: number, target: 'profile' | 'reference'): number {
  const { count } = planBands({ shape: [edge, edge, edge], voxelSize: [VOXEL, VOXEL, VOXEL] });
  return (target === 'profile' ? 2 : 3) * (count + 1);
}

async function makeJob(
  engine: Engine,
  edge: number,
  target: 'profile' | 'reference',
): Promise<BandScalingJob> {
  const { shape, map, reference, mask } = await makeBlobMaps(engine, edge, FILL);
  const upload = (data: Float32Array): Promise<Volume> => {
    const host = engine.allocateHost(data.length);
    host.set(data);
    return engine.upload(host, shape);
  };
  return {
    half1: await upload(withNoise(map, 1)),
    half2: await upload(withNoise(map, 2)),
    mask: await upload(mask),
    voxelSize: [VOXEL, VOXEL, VOXEL],
    ...(target === 'profile'
      ? { target: BY_PROFILE }
      : { target: { kind: 'reference' }, reference: await upload(reference) }),
  };
}

function withNoise(map: Float32Array, seed: number): Float32Array {
  const random = createRandom(seed);
  return map.map((value) => value + NOISE * random.gaussian());
}

function volumesOf({ half1, half2, reference, mask }: BandScalingJob): Volume[] {
  return [half1, half2, reference, mask].filter((volume) => volume !== undefined);
}

/** Noise of a falling spectrum on a box that is not cubic, against the float64 oracle. */
async function checkOracle(engine: Engine, withReference: boolean): Promise<Gate> {
  const random = createRandom(7);
  const noise = (): Float32Array =>
    Float32Array.from({ length: voxelCount(GATE_SHAPE) }, () => random.gaussian());
  const upload = (data: Float32Array): Promise<Volume> => engine.upload(data.slice(), GATE_SHAPE);
  const rough = await upload(noise());
  const smooth = await engine.radialFilter(rough, tanhLowPass(6, VOXEL));
  const map = Float32Array.from(await engine.download(smooth));
  engine.release(rough, smooth);
  const input = {
    shape: GATE_SHAPE,
    voxelSize: [VOXEL, VOXEL, VOXEL] as const,
    half1: withNoise(map, 1),
    half2: withNoise(map, 2),
    ...(withReference
      ? { target: { kind: 'reference' as const }, reference: noise() }
      : { target: BY_PROFILE, reference: undefined }),
  };
  const { half1, half2, reference, voxelSize, target } = input;
  const job: BandScalingJob = {
    half1: await upload(half1),
    half2: await upload(half2),
    voxelSize,
    target,
    reference: reference && (await upload(reference)),
  };
  const { scaled } = await bandScaling(engine, job);
  const found = Float32Array.from(await engine.download(scaled));
  engine.release(scaled, ...volumesOf(job));
  const name = `soft bands with ${withReference ? 'a reference' : 'a profile'} against float64`;
  return checkGate(name, found, directBandScaling(input).scaled, LIMIT);
}
