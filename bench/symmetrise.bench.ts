/**
 * Engine verb `symmetrise`: C4 (voxels are moved), D7 (half the operators interpolated) and I (5 of 60,
 * thanks to the tetrahedral subgroup that moves voxels). The time includes the plan, the fine grid and the
 * new volumes (fresh memory).
 */

import { measure } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import type { Engine, Volume } from '../src/engine/engine.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { type Operator, pointGroup } from '../src/math/symmetry/point-group.ts';
import { applyMatrix, type Vector3 } from '../src/math/symmetry/rotation.ts';
import type { BenchContext } from './context.ts';
import type { SymmetriseResult } from './results.ts';

/**
 * Rounding where voxels are moved; interpolated copies are right to 1e-4 (math/symmetry/rotation-plan.ts).
 */
const LIMITS = { moved: 1e-6, interpolated: 2e-4 } as const;
const GROUPS = ['C4', 'D7', 'I'] as const;
const EDGES = [64, 128, 256];
const BLOBS = 6;
/** Voxels: the spectrum of such a blob has fallen to 1e-5 at 0.4 cycles per voxel. */
const BLOB_SD = 1.9;

export async function benchSymmetrise(context: BenchContext): Promise<SymmetriseResult[]> {
  const { oneThread, allThreads, quick, say } = context;
  const runs = { runs: quick ? 1 : 5 };
  const results: SymmetriseResult[] = [];
  for (const edge of quick ? [32] : EDGES) {
    const input = await upload(oneThread, blobMap(edge, [pointGroup('C1')[0]]), edge);
    const onAll = allThreads === oneThread ? undefined : await copyTo(allThreads, oneThread, input);
    for (const group of GROUPS) {
      const operators = pointGroup(group);
      const gate = await checkBlobs(oneThread, input, edge, group);
      const time = (engine: Engine, volume: Volume) =>
        measure(async () => engine.release(await engine.symmetrise(volume, operators)), runs);
      const timing = await time(oneThread, input);
      const all = onAll && (await time(allThreads, onAll));
      results.push({ edge, group, gate, oneThread: timing, ...(all ? { allThreads: all } : {}) });
      const allWords = all ? `, all threads ${(all.median * 1000).toFixed(0)} ms` : '';
      say(`  ${group} on ${edge}^3: ${(timing.median * 1000).toFixed(0)} ms${allWords}`);
    }
    oneThread.release(input);
    if (onAll) allThreads.release(onAll);
  }
  return results;
}

async function upload(engine: Engine, data: Float32Array, edge: number): Promise<Volume> {
  const host = engine.allocateHost(data.length);
  host.set(data);
  return engine.upload(host, [edge, edge, edge]);
}

async function copyTo(engine: Engine, from: Engine, volume: Volume): Promise<Volume> {
  return upload(engine, await from.download(volume), volume.shape[0]);
}

/** Gaussian blobs at seeded places, and what the operators make of them: the mean over all copies. */
function blobMap(edge: number, operators: readonly Operator[]): Float32Array {
  const random = createRandom(41);
  const map = new Float32Array(edge ** 3);
  const centre = Math.floor(edge / 2);
  const reach = Math.ceil(7 * BLOB_SD);
  const most = edge / 2 - reach - 1;
  for (let blob = 0; blob < BLOBS; blob++) {
    const place: Vector3 = [
      0.55 * most * (2 * random.uniform() - 1),
      0.55 * most * (2 * random.uniform() - 1),
      0.55 * most * (2 * random.uniform() - 1),
    ];
    for (const m of operators) {
      const [x, y, z] = applyMatrix(m, place).map((c) => c + centre);
      const fall = (position: number, i: number) => Math.exp(-((i - position) ** 2) / (2 * BLOB_SD ** 2));
      for (let iz = Math.ceil(z - reach); iz <= z + reach; iz++)
        for (let iy = Math.ceil(y - reach); iy <= y + reach; iy++) {
          const height = (fall(z, iz) * fall(y, iy)) / operators.length;
          for (let ix = Math.ceil(x - reach); ix <= x + reach; ix++)
            map[(iz * edge + iy) * edge + ix] += height * fall(x, ix);
        }
    }
  }
  return map;
}

/** Turned blobs are blobs at turned places, exactly known. */
async function checkBlobs(engine: Engine, volume: Volume, edge: number, group: string): Promise<Gate> {
  const operators = pointGroup(group);
  const result = await engine.symmetrise(volume, operators);
  const found = Float32Array.from(await engine.download(result));
  engine.release(result);
  return checkGate(
    `${group} on ${edge}^3: blobs against their copies`,
    found,
    blobMap(edge, operators),
    group === 'C4' ? LIMITS.moved : LIMITS.interpolated,
  );
}
