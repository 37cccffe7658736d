/**
 * Local scaling of a generated 128^3 map with a mask of 22 % of the box: profiles of map and reference,
 * scaling rule, shell convolutions, results in place. Against the float64 window-by-window oracle and,
 * where LOCSCALE_ORIGINAL names a checkout of it, against the original program's own loop.
 */

import { type BlobMaps, makeBlobMaps } from '../src/bench/blob-map.ts';
import { summarise } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import { referenceRule } from '../src/bench/inputs.ts';
import { sampleVoxels } from '../src/bench/oracles.ts';
import type { Engine, LocalScalingJob, Volume } from '../src/engine/engine.ts';
import { localScaling } from '../src/engine/jobs.ts';
import { resampleTheoreticalProfile, type ScalingRule } from '../src/math/scaling/scaling-rules.ts';
import { shellCountOf } from '../src/math/scaling/windows.ts';
import { directLocalScaling } from '../test/support/direct-local-scaling.ts';
import type { BenchContext } from './context.ts';
import { runOriginal } from './original.ts';
import type { LocalScalingResults, OriginalResult, WindowResult } from './results.ts';

/** Allowed relative L2 error against both programs (float32 sliding sums against float64 windows). */
const LIMIT = 1e-5;
const FILL = 0.22;

/** A profile like that of helices: exponential fall-off with a bump at 5 A. */
const PROFILE = (() => {
  const frequency = Array.from({ length: 200 }, (_, i) => i / 100);
  const amplitude = frequency.map(
    (f) => Math.exp(-2 * f) * (0.05 + Math.exp(-60 * f) + 0.02 * Math.exp(-(((f - 0.2) / 0.03) ** 2))),
  );
  return { frequency, amplitude };
})();

export async function benchLocalScaling(context: BenchContext): Promise<LocalScalingResults> {
  const edge = context.quick ? 64 : 128;
  const maps = await makeBlobMaps(context.allThreads, edge, FILL);
  context.say(`  ${edge}^3, ${maps.maskVoxels} mask voxels`);
  const windows: WindowResult[] = [];
  for (const windowVoxels of [18, 22, 26, 36]) {
    for (const mode of ['reference-profile', 'theoretical-profile'] as const) {
      windows.push(await benchWindow(context, maps, windowVoxels, mode));
      context.say(describe(windows[windows.length - 1], maps.maskVoxels));
    }
  }
  return { edge, maskVoxels: maps.maskVoxels, windows };
}

async function benchWindow(
  context: BenchContext,
  maps: BlobMaps,
  windowVoxels: number,
  mode: WindowResult['mode'],
): Promise<WindowResult> {
  const { oneThread, allThreads, threads, quick } = context;
  const rule = ruleOf(mode, windowVoxels);
  const sample = sampleVoxels(maps, 40, 0);

  const clock = performance.now();
  const direct = directLocalScaling({ ...maps, windowVoxels, profileKind: 'octant', rule }, sample);
  const directPerVoxel = (performance.now() - clock) / 1000 / sample.length;
  const values = direct.map((voxel) => voxel.value);

  // The first run of every engine is the one that is checked; its time is not used.
  const run = await openJob(oneThread, maps, windowVoxels, rule);
  const first = await run.once();
  const gate = checkGate(
    `local scaling, window ${windowVoxels}, ${mode}, against the float64 oracle`,
    sample.map((i) => first.data[i]),
    values,
    LIMIT,
  );
  const original = compareWithOriginal(context, maps, windowVoxels, rule, first.data);

  const runs = quick ? 1 : 3;
  const seconds: number[] = [];
  let parts: Readonly<Record<string, number>> | undefined;
  for (let i = 0; i < runs; i++) {
    const timed = await run.once();
    if (timed.parts && timed.seconds <= Math.min(...seconds, timed.seconds)) {
      const counted = Object.values(timed.parts).reduce((sum, part) => sum + part, 0);
      parts = { ...timed.parts, setUp: timed.seconds - counted };
    }
    seconds.push(timed.seconds);
  }
  run.close();

  let all: WindowResult['allThreads'];
  if (allThreads !== oneThread && mode === 'reference-profile') {
    const many = await openJob(allThreads, maps, windowVoxels, rule);
    const check = await many.once();
    checkGate(
      `local scaling, window ${windowVoxels}, ${threads} threads against 1`,
      check.data,
      first.data,
      0,
    );
    const times: number[] = [];
    for (let i = 0; i < runs; i++) times.push((await many.once()).seconds);
    all = summarise(times);
    many.close();
  }
  return {
    windowVoxels,
    mode,
    gate,
    oneThread: summarise(seconds),
    ...(parts ? { parts } : {}),
    ...(all ? { allThreads: all } : {}),
    threads,
    directPerVoxel,
    ...(original ? { original } : {}),
  };
}

async function openJob(engine: Engine, maps: BlobMaps, windowVoxels: number, rule: ScalingRule) {
  const upload = (data: Float32Array): Promise<Volume> => engine.upload(Float32Array.from(data), maps.shape);
  const [map, reference, mask] = [
    await upload(maps.map),
    await upload(maps.reference),
    await upload(maps.mask),
  ];
  const job: LocalScalingJob = {
    map,
    reference,
    mask,
    windowVoxels,
    profileKind: 'octant',
    rule,
    padValues: maps.padValues,
    measureBFactors: false,
  };
  return {
    once: async () => {
      const start = performance.now();
      const { scaled } = await localScaling(engine, job);
      const seconds = (performance.now() - start) / 1000;
      const data = Float32Array.from(await engine.download(scaled));
      engine.release(scaled);
      const { lastScalingTimings } = engine as { lastScalingTimings?: Readonly<Record<string, number>> };
      return { seconds, data, parts: lastScalingTimings };
    },
    close: () => engine.release(map, reference, mask),
  };
}

function compareWithOriginal(
  context: BenchContext,
  maps: BlobMaps,
  windowVoxels: number,
  rule: ScalingRule,
  own: Float32Array,
): OriginalResult | undefined {
  if (context.originalFolder === undefined) return undefined;
  const count = context.quick ? 40 : rule.kind === 'theoretical-profile' ? 200 : 400;
  // The original pads the map beforehand; windows inside the box need none.
  const voxels = sampleVoxels(maps, count, windowVoxels / 2);
  const { version, seconds, values } = runOriginal({
    checkout: context.originalFolder,
    root: context.root,
    maps,
    windowVoxels,
    voxelSize: referenceRule(windowVoxels).voxelSize,
    voxels,
    rule,
    profile: PROFILE,
  });
  const gate: Gate = checkGate(
    `local scaling, window ${windowVoxels}, ${rule.kind}, against the original's values`,
    voxels.map((i) => own[i]),
    values,
    LIMIT,
  );
  return { version, voxels: voxels.length, secondsPerVoxel: seconds / voxels.length, gate };
}

export function ruleOf(mode: WindowResult['mode'], windowVoxels: number): ScalingRule {
  const rule = referenceRule(windowVoxels);
  if (mode === 'reference-profile') return rule;
  const { voxelSize } = rule;
  return {
    ...rule,
    kind: 'theoretical-profile',
    nyquistCutoff: (Math.round(2 * voxelSize * 10) + 1) / 10,
    boost: 1.5,
    theoreticalProfile: resampleTheoreticalProfile(PROFILE, shellCountOf(windowVoxels), voxelSize),
  };
}

function describe(r: WindowResult, voxels: number): string {
  const micro = (seconds: number): string => ((seconds / voxels) * 1e6).toFixed(1);
  const parts = Object.entries(r.parts ?? {}).map(([name, seconds]) => `${name} ${micro(seconds)}`);
  const direct = (r.directPerVoxel * voxels) / r.oneThread.median;
  return [
    `  window ${r.windowVoxels}, ${r.mode}: ${micro(r.oneThread.median)} us per voxel (${parts.join(', ')})`,
    ...(r.allThreads
      ? [`${r.threads} threads ${(r.oneThread.median / r.allThreads.median).toFixed(2)} times faster`]
      : []),
    `${direct.toFixed(0)} times the oracle`,
    ...(r.original
      ? [
          `${((r.original.secondsPerVoxel * voxels) / r.oneThread.median).toFixed(0)} times the original (${(r.original.secondsPerVoxel * 1e6).toFixed(0)} us, same to ${r.original.gate.error.toExponential(1)})`,
        ]
      : []),
  ].join('; ');
}
