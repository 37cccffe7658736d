/**
 * Local resolution (engine verb localResolution) of two generated half maps of 128^3, mask 22 % of the box.
 * Against a float64 transform per voxel, which is also what its speed is compared with.
 */

import { makeBlobMaps } from '../src/bench/blob-map.ts';
import { measure } from '../src/bench/clock.ts';
import { checkGate } from '../src/bench/gate.ts';
import { sampleVoxels } from '../src/bench/oracles.ts';
import type { Engine, Volume } from '../src/engine/engine.ts';
import { localResolution } from '../src/engine/jobs.ts';
import type { WindowWeights } from '../src/math/scaling/local-resolution.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { directLocalResolution } from '../test/support/direct-local-resolution.ts';
import type { BenchContext } from './context.ts';
import type { LocalResolutionResults } from './results.ts';

/** Relative L2 of the curves: float32 sliding sums against float64. */
const LIMIT = 1e-5;
const FILL = 0.22;
const VOXEL_SIZE = 1.25;
const THRESHOLD = 0.143;

const CASES: readonly (readonly [weights: WindowWeights, windowVoxels: number])[] = [
  ['hann', 24],
  ['hann', 40],
  ['box', 20],
  ['box', 40],
];

const QUICK_CASES: typeof CASES = [
  ['hann', 12],
  ['box', 12],
];

export async function benchLocalResolution(context: BenchContext): Promise<LocalResolutionResults> {
  const { oneThread, allThreads, quick, say } = context;
  const edge = quick ? 48 : 128;
  const maps = await makeBlobMaps(allThreads, edge, FILL);
  const [half1, half2] = [1, 2].map((seed) => {
    const random = createRandom(seed);
    return maps.map.map((value) => value + 0.05 * random.gaussian());
  });
  const windows: LocalResolutionResults['windows'][number][] = [];
  for (const [weights, windowVoxels] of quick ? QUICK_CASES : CASES) {
    const shells = Array.from({ length: windowVoxels / 2 + 1 }, (_, r) => r);
    const job = { windowVoxels, weights, voxelSize: VOXEL_SIZE, threshold: THRESHOLD };
    const open = async (engine: Engine) => {
      const [one, two, mask] = await Promise.all(
        [half1, half2, maps.mask].map((data) => engine.upload(Float32Array.from(data), maps.shape)),
      );
      const run = (correlationShells: readonly number[]) =>
        localResolution(engine, {
          ...job,
          half1: one,
          half2: two,
          mask,
          padValues: [0, 0],
          correlationShells,
        });
      return { run, close: () => engine.release(one, two, mask) };
    };

    const single = await open(oneThread);
    const first = await single.run(shells);
    const curves: Float32Array[] = [];
    for (const volume of first.correlations) curves.push(await oneThread.download(volume));
    const sample = sampleVoxels(maps, 12, 0);
    const clock = performance.now();
    const direct = sample.map((index) =>
      directLocalResolution({ ...job, shape: maps.shape, half1, half2, padValues: [0, 0] }, index),
    );
    const directPerVoxel = (performance.now() - clock) / 1000 / sample.length;
    const gate = checkGate(
      `local FSC, ${weights} window of ${windowVoxels}`,
      sample.flatMap((index) => curves.map((curve) => curve[index])),
      direct.flatMap(({ curve }) => curve),
      LIMIT,
    );
    oneThread.release(first.resolution, ...first.correlations);

    const runs = { runs: quick ? 1 : 3, warmUps: 0 };
    const time = async (engine: Engine, run: (list: readonly number[]) => Promise<{ resolution: Volume }>) =>
      measure(async () => engine.release((await run([])).resolution), runs);
    const timing = await time(oneThread, single.run);
    single.close();
    let all: LocalResolutionResults['windows'][number]['allThreads'];
    if (allThreads !== oneThread) {
      const many = await open(allThreads);
      all = await time(allThreads, many.run);
      many.close();
    }
    windows.push({
      weights,
      windowVoxels,
      gate,
      oneThread: timing,
      ...(all ? { allThreads: all } : {}),
      directPerVoxel,
    });
    const perVoxel = timing.median / maps.maskVoxels;
    say(
      `  ${weights} window ${windowVoxels}: ${(1e6 * perVoxel).toFixed(1)} us per voxel, ${(directPerVoxel / perVoxel).toFixed(0)} times the oracle (same to ${gate.error.toExponential(1)})${all ? `; all threads ${(timing.median / all.median).toFixed(2)} times faster` : ''}`,
    );
  }
  return { edge, maskVoxels: maps.maskVoxels, windows };
}
