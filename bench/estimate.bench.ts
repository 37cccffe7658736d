/**
 * What estimateLocalScaling predicts before a job against the time it then takes: windows 14 ... 40,
 * small and large masks, both profile kinds. Nothing here is a speed record; it keeps the printed
 * "expected time" honest. The gate is that every voxel of the mask was scaled.
 */

import { makeBlobMaps } from '../src/bench/blob-map.ts';
import { GateError } from '../src/bench/gate.ts';
import type { LocalScalingJob } from '../src/engine/engine.ts';
import { localScaling } from '../src/engine/jobs.ts';
import type { RadialProfileKind } from '../src/math/scaling/windows.ts';
import type { BenchContext } from './context.ts';
import type { EstimateResult } from './results.ts';

/** Windows, box edges and fills: [window, edge, fill, kind]. */
const CASES: readonly (readonly [number, number, number, RadialProfileKind])[] = [
  [14, 96, 0.22, 'octant'],
  [18, 64, 0.05, 'octant'],
  [18, 64, 0.22, 'sphere'],
  [22, 96, 0.03, 'octant'],
  [22, 96, 0.5, 'octant'],
  [26, 64, 0.22, 'sphere'],
  [30, 96, 0.22, 'octant'],
  [36, 64, 0.1, 'octant'],
  [36, 64, 0.1, 'sphere'],
  [40, 96, 0.1, 'octant'],
];

export async function benchEstimates(context: BenchContext): Promise<EstimateResult[]> {
  const engine = context.oneThread;
  const results: EstimateResult[] = [];
  for (const [windowVoxels, edge, fill, profileKind] of context.quick ? CASES.slice(1, 3) : CASES) {
    const maps = await makeBlobMaps(engine, edge, fill);
    const [map, reference, mask] = await Promise.all(
      [maps.map, maps.reference, maps.mask].map((data) => engine.upload(data, maps.shape)),
    );
    const job: LocalScalingJob = {
      map,
      reference,
      mask,
      windowVoxels,
      profileKind,
      rule: { kind: 'reference-profile', voxelSize: 25 / windowVoxels, wilsonCutoff: 10, fscCutoff: 3 },
      padValues: maps.padValues,
      measureBFactors: false,
    };
    const estimate = (await engine.openLocalScaling(job)).estimate;
    // The faster of two runs: the first one also warms the compiled code up.
    let measuredSeconds = Number.POSITIVE_INFINITY;
    let scaledVoxels = 0;
    for (let run = 0; run < 2; run++) {
      const start = performance.now();
      const { scaled } = await localScaling(engine, job, { onProgress: (done) => (scaledVoxels = done) });
      measuredSeconds = Math.min(measuredSeconds, (performance.now() - start) / 1000);
      engine.release(scaled);
    }
    if (scaledVoxels !== maps.maskVoxels) {
      throw new GateError(
        `${scaledVoxels} of ${maps.maskVoxels} mask voxels were scaled; nothing was timed.`,
      );
    }
    engine.release(map, reference, mask);
    const result: EstimateResult = {
      windowVoxels,
      profileKind,
      edge,
      maskVoxels: maps.maskVoxels,
      predictedSeconds: estimate.seconds,
      measuredSeconds,
    };
    results.push(result);
    const ratio = estimate.seconds / measuredSeconds;
    context.say(
      `  window ${windowVoxels}, ${profileKind}, ${edge}^3, ${maps.maskVoxels} voxels: predicted ${estimate.seconds.toFixed(2)} s, took ${measuredSeconds.toFixed(2)} s (${ratio.toFixed(2)})`,
    );
  }
  return results;
}
