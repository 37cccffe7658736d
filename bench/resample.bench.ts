/**
 * Engine verb `resample`: a box at some voxel size to 1 A, as for the network, and back. The time includes
 * the spectrum and the new volume (fresh memory), both transforms and the hand-over to threads.
 */

import { measure } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import type { Engine, Volume } from '../src/engine/engine.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import type { BenchContext } from './context.ts';
import type { ResampleResult } from './results.ts';

/** Float32 transforms of two lengths, one of them often Bluestein's. */
const LIMIT = 2e-6;
const WAVES = 4;

/** 1.4 A and 0.7 A to 1 A, one length that no fast transform has, and back. */
const EDGES: readonly (readonly [from: number, to: number])[] = [
  [128, 179],
  [256, 179],
  [256, 358],
  [358, 256],
];

export async function benchResample(context: BenchContext): Promise<ResampleResult[]> {
  const { oneThread, allThreads, quick, say } = context;
  const runs = { runs: quick ? 1 : 5 };
  const results: ResampleResult[] = [];
  for (const [from, to] of quick ? [[48, 67]] : EDGES) {
    const input = await upload(oneThread, from);
    const gate = await checkWaves(oneThread, input, from, to);
    const time = async (engine: Engine, volume: Volume) =>
      measure(async () => engine.release(await engine.resample(volume, [to, to, to])), runs);
    const timing = await time(oneThread, input);
    oneThread.release(input);
    const onAll = allThreads === oneThread ? undefined : await upload(allThreads, from);
    const allTiming = onAll && (await time(allThreads, onAll));
    if (onAll) allThreads.release(onAll);
    results.push({ from, to, gate, oneThread: timing, ...(allTiming ? { allThreads: allTiming } : {}) });
    const all = allTiming ? `, all threads ${(allTiming.median * 1000).toFixed(0)} ms` : '';
    say(`  ${from}^3 to ${to}^3: ${(timing.median * 1000).toFixed(0)} ms${all}`);
  }
  return results;
}

async function upload(engine: Engine, edge: number): Promise<Volume> {
  const host = engine.allocateHost(edge ** 3);
  host.set(waves(edge));
  return engine.upload(host, [edge, edge, edge]);
}

/** A sum of plane waves of up to 20 periods in the box, sampled on edge^3 voxels. */
function waves(edge: number): Float32Array {
  const random = createRandom(22);
  const sum = new Float64Array(edge ** 3);
  for (let wave = 0; wave < WAVES; wave++) {
    const [kz, ky, kx] = [0, 1, 2].map(() => random.integer(-20, 20));
    const phase = 2 * Math.PI * random.uniform();
    const cos = Float64Array.from({ length: edge }, (_, i) => Math.cos((2 * Math.PI * i) / edge + phase));
    for (let z = 0, i = 0; z < edge; z++) {
      for (let y = 0; y < edge; y++) {
        for (let x = 0; x < edge; x++, i++) {
          const turn = (kz * z + ky * y + kx * x) % edge;
          sum[i] += cos[turn < 0 ? turn + edge : turn];
        }
      }
    }
  }
  return Float32Array.from(sum);
}

/** The same waves on the new voxels, exactly known. */
async function checkWaves(engine: Engine, volume: Volume, from: number, to: number): Promise<Gate> {
  const result = await engine.resample(volume, [to, to, to]);
  const found = Float32Array.from(await engine.download(result));
  engine.release(result);
  return checkGate(
    `resample ${from}^3 to ${to}^3 of plane waves against their values`,
    found,
    waves(to),
    LIMIT,
  );
}
