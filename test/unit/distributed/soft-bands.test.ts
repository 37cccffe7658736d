/** Soft scaling by several ranks in one process, each with an engine of its own: the bits of one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Communicator } from '../../../src/distributed/communicator.ts';
import { createFilesCommunicator } from '../../../src/distributed/files.ts';
import { follow } from '../../../src/distributed/follow.ts';
import { leadTeam } from '../../../src/distributed/lead.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Shape } from '../../../src/math/grid.ts';
import type { LocScaleContext } from '../../../src/pipeline/context.ts';
import { startRun } from '../../../src/pipeline/run.ts';
import {
  planSoftScaling,
  type SoftScaling,
  type SoftScalingSettings,
  softTargetOf,
} from '../../../src/pipeline/soft-scaling.ts';
import { trackVolumes, VolumeLedger } from '../../../src/pipeline/tracked-engine.ts';
import { memoryCommunicators } from '../../support/memory-communicator.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../../support/random-volume.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';

const SHAPE: Shape = [20, 22, 18];
const grid = { shape: SHAPE, voxelSize: [1.5, 1.5, 1.5] as const };
const particle = mapLikeVolume(SHAPE, 1);
const half = (seed: number): Float32Array => noiseVolume(SHAPE, seed).map((v, i) => 0.1 * v + particle[i]);
const volumes = {
  half1: half(2),
  half2: half(3),
  mask: blobMask(SHAPE, 0.8),
  reference: mapLikeVolume(SHAPE, 9),
  differenceMask: Float32Array.from({ length: particle.length }, (_, i) => Number(i % SHAPE[2] < 9)),
};

type Kind = 'profile' | 'reference' | 'geometric-mean' | 'hybrid';
interface Case {
  readonly kind: Kind;
  readonly input: SoftScalingSettings['input'];
  readonly measureLocal?: boolean;
}

const cases: readonly Case[] = [
  { kind: 'profile', input: 'half maps', measureLocal: true },
  { kind: 'reference', input: 'half maps' },
  { kind: 'geometric-mean', input: 'dependent half maps' },
  { kind: 'hybrid', input: 'half maps', measureLocal: true },
  { kind: 'profile', input: 'single map' },
  { kind: 'reference', input: 'single map' },
  { kind: 'hybrid', input: 'single map' },
];
const nameOf = ({ kind, input, measureLocal }: Case): string =>
  `${kind}, ${input}${measureLocal ? ', local measures' : ''}`;

const settingsOf = ({ kind, input, measureLocal }: Case): SoftScalingSettings => ({
  grid,
  input,
  target: softTargetOf({ kind }),
  resolution: input === 'half maps' ? undefined : 4,
  zeroOutside: true,
  measureLocal,
});

const engines = new Map<number, Engine>();
afterAll(async () => {
  for (const engine of engines.values()) await engine.dispose();
});
/** Of so many threads: the bits do not depend on them. */
async function openEngine(threads: number): Promise<Engine> {
  const engine = engines.get(threads) ?? (await createCpuEngine({ threads }));
  engines.set(threads, engine);
  return engine;
}

interface Outcome {
  readonly bands: SoftScaling['bands'];
  readonly voxels: readonly Float32Array[];
}

/** Scales as one process, or as the leading one of a team. */
async function scale(one: Case, context: LocScaleContext): Promise<Outcome> {
  const run = startRun(context);
  const upload = (voxels: Float32Array) => run.engine.upload(voxels.slice(), SHAPE);
  const first = await upload(volumes.half1);
  const maps =
    one.input === 'single map' ? ([first] as const) : ([first, await upload(volumes.half2)] as const);
  const all = {
    maps,
    mask: await upload(volumes.mask),
    reference: await upload(volumes.reference),
    differenceMask: await upload(volumes.differenceMask),
  };
  const { scaled, bands, local } = await (await planSoftScaling(settingsOf(one), run)).scale(all, run);
  const made = [scaled, local?.bFactor, local?.resolution, local?.signal].filter((v) => v !== undefined);
  const voxels = await Promise.all(made.map(async (volume) => (await run.engine.download(volume)).slice()));
  run.releaseAllBut();
  return { bands, voxels };
}

/** The others of a team, and what lives on their engines. */
async function startFollowing(communicators: readonly Communicator[]) {
  const engine = await openEngine(1);
  return communicators.map((communicator) => {
    const ledger = new VolumeLedger(() => undefined);
    return { ledger, done: follow({ communicator, engine: trackVolumes(engine, ledger) }) };
  });
}

async function scaleShared(
  one: Case,
  communicators: readonly Communicator[],
  context: Partial<LocScaleContext>,
) {
  const [lead, ...rest] = communicators;
  const others = await startFollowing(rest);
  const team = leadTeam(lead);
  const outcome = await scale(one, { engine: await openEngine(2), team, ...context });
  await team.end();
  for (const { done, ledger } of others) {
    await done;
    expect(ledger.peakBytes).toBeGreaterThan(0);
    expect(ledger.live.size).toBe(0);
  }
  return outcome;
}

describe.each(cases.map((one) => [nameOf(one), one] as const))('soft bands: %s', (_, one) => {
  it('have the same bits on 2, 3 and 12 ranks, and leave nothing on them', async () => {
    const alone = await scale(one, { engine: await openEngine(2) });
    expect(alone.voxels[0].some((value) => value !== 0)).toBe(true);
    expect(alone.voxels).toHaveLength(one.measureLocal ? 4 : 1);
    for (const size of [2, 3, 12])
      expect(await scaleShared(one, memoryCommunicators(size), {})).toEqual(alone);
  });
});

const folder = mkdtempSync(join(tmpdir(), 'locscale-bands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function openFolder(name: string, size: number): Promise<Communicator[]> {
  const timings = { beatMs: 100, openingBeatMs: 20, missedBeats: 600, openingMs: 60_000 };
  const open = (rank: number) =>
    createFilesCommunicator({ folder: join(folder, name), rank, size, launcher: 'test', timings });
  return Promise.all(Array.from({ length: size }, (_, rank) => open(rank)));
}

describe('soft bands through a shared folder', () => {
  const [one] = cases;

  it('have the same bits; every rank gets the maps once and sends its bands', async () => {
    const alone = await scale(one, { engine: await openEngine(2) });
    const ranks = await openFolder('bits', 3);
    const progress: number[][] = [];
    const onProgress = (_: string, done: number, total: number): number => progress.push([done, total]);
    expect(await scaleShared(one, ranks, { onProgress })).toEqual(alone);
    const total = alone.bands.length;
    expect(progress).toEqual(alone.bands.map((_, i) => [i + 1, total]));
    const bytes = 4 * particle.length;
    const [lead, ...others] = ranks.map(({ traffic }) => traffic);
    // Half maps and mask to each; the orders are small.
    expect(lead.sent).toBeGreaterThan(2 * 3 * bytes);
    expect(lead.sent).toBeLessThan(2 * 3.5 * bytes);
    for (const [i, { sent }] of others.entries()) {
      const own = alone.bands.filter(({ used }, band) => used && band % 3 === i + 1).length;
      expect(own).toBeGreaterThan(0);
      expect(sent).toBeGreaterThan(own * bytes);
    }
    await Promise.all(ranks.map((rank) => rank.close()));
  });

  it('a rank that fails ends the run with its own words', async () => {
    const [lead, second] = await openFolder('failing', 2);
    const engine = await openEngine(1);
    const failing: Engine = {
      ...trackVolumes(engine, new VolumeLedger(() => undefined)),
      async openBandScaling(settings) {
        const opened = await engine.openBandScaling(settings);
        return {
          ...opened,
          async start(maps) {
            const run = await opened.start(maps);
            return { ...run, scaleBand: () => Promise.reject(new Error('the power went out')) };
          },
        };
      },
    };
    const following = follow({ communicator: second, engine: failing }).catch((error: Error) => {
      second.abort(1, error.message);
      return error.message;
    });
    const leading = scale(one, { engine: await openEngine(2), team: leadTeam(lead) });
    await expect(leading).rejects.toThrow(/the power went out/);
    expect(await following).toBe('the power went out');
  });

  it('ranks of another engine are refused', async () => {
    const [lead, second] = await openFolder('mixed', 2);
    const engine = { ...createSimpleEngine(), name: 'gpu' as const };
    const following = follow({ communicator: second, engine }).catch((error: Error) => {
      second.abort(4, error.message);
      return error.message;
    });
    const leading = scale(one, { engine: await openEngine(2), team: leadTeam(lead) });
    await expect(leading).rejects.toThrow(/Rank 1 computes on the GPU, rank 0 on the CPU/);
    expect(await following).toMatch(/results would differ in the last digits/);
  });
});

it('the plan counts the transforms and the level of every rank, and the bands in flight', async () => {
  const engine = await openEngine(2);
  const estimateOf = async (kind: Kind, size: number) => {
    const [lead] = memoryCommunicators(size);
    const run = startRun({ engine, team: leadTeam(lead) });
    return (await planSoftScaling(settingsOf({ kind, input: 'half maps' }), run)).estimate;
  };
  const one = await estimateOf('reference', 1);
  const two = await estimateOf('reference', 2);
  const { bands } = one;
  expect(bands).toBe(two.bands);
  expect(two.seconds / one.seconds).toBeCloseTo((Math.ceil(bands / 2) + 1) / (bands + 1), 9);
  expect(two.workingBytes - one.workingBytes).toBe(2 * 4 * particle.length);
  const profile = await estimateOf('profile', 1);
  const shared = await estimateOf('profile', 2);
  expect(shared.seconds / profile.seconds).toBeCloseTo((Math.ceil(bands / 2) + 3) / (bands + 1), 9);
  expect((await estimateOf('profile', 99)).seconds).toBeGreaterThan(0);
});
