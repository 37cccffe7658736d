/** Scaling in rounds: shared among ranks, continued after an interruption, always with the same bits. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { follow } from '../../../src/distributed/follow.ts';
import { leadTeam } from '../../../src/distributed/lead.ts';
import type { Engine, OpenedScaling, ScalingTile } from '../../../src/engine/engine.ts';
import { LocScaleError } from '../../../src/errors.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { hashVoxels } from '../../../src/pipeline/checkpoints.ts';
import { defaultParameters, runLocScale } from '../../../src/pipeline/index.ts';
import { shareTiles, takeRound } from '../../../src/pipeline/scaling-rounds.ts';
import { packTiles, unpackTiles } from '../../../src/pipeline/tile-values.ts';
import type { LocScaleContext, LocScaleJob, LocScaleResult } from '../../../src/pipeline/types.ts';
import { memoryCheckpoints } from '../../support/memory-checkpoints.ts';
import { memoryCommunicators } from '../../support/memory-communicator.ts';
import { createSimpleEngine, type SimpleEngine } from '../../support/simple-engine.ts';
import { noisyBlob } from './test-maps.ts';

const tile = fc.record({
  start: fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)) as fc.Arbitrary<Shape>,
  maskVoxels: fc.integer({ min: 1, max: 1000 }),
  cost: fc.double({ min: 0.1, max: 100, noNaN: true }),
}) as fc.Arbitrary<ScalingTile>;
const costOf = (tiles: readonly ScalingTile[]): number => tiles.reduce((sum, { cost }) => sum + cost, 0);

describe('sharing of tiles', () => {
  it('gives every tile to one rank, and no rank more than its part and one tile', () => {
    fc.assert(
      fc.property(fc.array(tile), fc.integer({ min: 1, max: 9 }), (tiles, ranks) => {
        const shares = shareTiles(tiles, ranks);
        expect(shares).toHaveLength(ranks);
        expect(new Set(shares.flat())).toEqual(new Set(tiles));
        expect(shares.flat()).toHaveLength(tiles.length);
        const largest = Math.max(0, ...tiles.map(({ cost }) => cost));
        for (const share of shares)
          expect(costOf(share)).toBeLessThanOrEqual(costOf(tiles) / ranks + largest + 1e-9);
      }),
    );
  });

  it('takes rounds from the front that leave no small rest', () => {
    fc.assert(
      fc.property(
        fc.array(tile, { minLength: 1 }),
        fc.double({ min: 0, max: 500, noNaN: true }),
        (tiles, cost) => {
          const round = takeRound(tiles, cost, 2);
          expect(round).toEqual(tiles.slice(0, round.length));
          const left = tiles.length - round.length;
          expect(left === 0 || left >= 8).toBe(true);
          expect(round.length).toBeGreaterThan(0);
          if (left > 0) expect(costOf(round)).toBeGreaterThanOrEqual(cost);
        },
      ),
    );
  });
});

describe('packed tiles', () => {
  const shape: Shape = [5, 6, 7];
  const set = {
    shape,
    tileSize: [4, 4, 4] as Shape,
    mask: Float32Array.from({ length: 210 }, (_, i) => Number(i % 3 > 0)),
  };
  const starts: Shape[] = [
    [0, 4, 0],
    [4, 0, 4],
  ];

  it('are put back where they were, and only there', () => {
    const volumes = [1, 2].map((k) => Float32Array.from({ length: 210 }, (_, i) => k * (i + 1)));
    const packed = packTiles(set, starts, volumes);
    const back = volumes.map((volume) => new Float32Array(volume.length));
    unpackTiles(set, starts, packed, back);
    let written = 0;
    back[0].forEach((value, i) => {
      const [z, y, x] = [Math.floor(i / 42), Math.floor(i / 7) % 6, i % 7];
      const inTile = (z < 4 && y >= 4 && x < 4) || (z >= 4 && y < 4 && x >= 4);
      const expected = inTile && set.mask[i] > 0.5;
      expect(value).toBe(expected ? i + 1 : 0);
      expect(back[1][i]).toBe(2 * value);
      written += Number(expected);
    });
    expect(packed).toHaveLength(2 * written);
  });

  it('of another mask are refused', () => {
    expect(() => unpackTiles(set, starts, new Float32Array(3), [new Float32Array(210)])).toThrow(
      /do not fit/,
    );
  });
});

describe('hash of voxels', () => {
  it('sees every bit, in shared memory too', async () => {
    const voxels = Float32Array.from({ length: 1000 }, (_, i) => i);
    const shared = new Float32Array(new SharedArrayBuffer(4000));
    shared.set(voxels);
    const hash = await hashVoxels(voxels);
    expect(await hashVoxels(shared)).toBe(hash);
    shared[999] = -0;
    expect(await hashVoxels(shared)).not.toBe(hash);
  });
});

/** A run whose rounds are short beside its expected time. */
function slow(engine: SimpleEngine): Engine & Pick<SimpleEngine, 'calls' | 'held'> {
  return {
    ...engine,
    async openLocalScaling(settings): Promise<OpenedScaling> {
      const opened = await engine.openLocalScaling(settings);
      return { ...opened, estimate: { ...opened.estimate, seconds: 1000 } };
    },
  };
}

const job = (): LocScaleJob => ({
  input: { kind: 'half-maps', half1: noisyBlob('half1.mrc', 1), half2: noisyBlob('half2.mrc', 2) },
  reference: { kind: 'model-map', map: noisyBlob('reference.mrc', 3, 0.01, 2) },
  parameters: { ...defaultParameters, windowVoxels: 10, resolution: 8, measureBFactors: true },
});

async function mapsOf(engine: Engine, result: LocScaleResult): Promise<Float32Array[]> {
  const { scaled, bFactor, quality, mask } = result;
  return Promise.all([scaled, bFactor!, quality!, mask].map((volume) => engine.download(volume)));
}

describe('a run in rounds', () => {
  let expected: Float32Array[];
  beforeEach(async () => {
    const engine = createSimpleEngine();
    expected ??= await mapsOf(engine, await runLocScale(job(), { engine }));
    expect(expected[0].some((value) => value !== 0)).toBe(true);
  });

  it('gives the same bits with checkpoints, and again from them', async () => {
    const checkpoints = memoryCheckpoints();
    const first = slow(createSimpleEngine());
    expect(await mapsOf(first, await runLocScale(job(), { engine: first, checkpoints }))).toEqual(expected);
    expect(checkpoints.count('scaling')).toBeGreaterThan(1);
    const again = slow(createSimpleEngine());
    const result = await runLocScale(job(), { engine: again, checkpoints });
    expect(await mapsOf(again, result)).toEqual(expected);
    // Nothing was left to scale.
    expect(again.calls.filter((verb) => verb === 'localScaling')).toHaveLength(0);
    expect(again.calls).not.toContain('confidenceMap');
    expect(again.held.size).toBe(4);
  });

  it('resumes after an interruption with what is missing', async () => {
    const checkpoints = memoryCheckpoints();
    const stop = new AbortController();
    const engine = slow(createSimpleEngine());
    const context: LocScaleContext = {
      engine,
      checkpoints,
      signal: stop.signal,
      onProgress: () => {
        if (checkpoints.count('scaling') === 1) stop.abort();
      },
    };
    await expect(runLocScale(job(), context)).rejects.toThrow(/stopped/);
    expect(engine.held.size).toBe(0);
    expect(checkpoints.count('scaling')).toBe(1);
    const told: string[] = [];
    const progress: number[] = [];
    const next = slow(createSimpleEngine());
    const result = await runLocScale(job(), {
      engine: next,
      checkpoints,
      onInfo: (message) => told.push(message),
      onProgress: (_, done) => progress.push(done),
    });
    expect(await mapsOf(next, result)).toEqual(expected);
    expect(told.find((message) => message.includes('earlier run'))).toMatch(/^\d+ of \d+ windows/);
    expect(progress[0]).toBeGreaterThan(64);
  });

  it('takes nothing from a job that differs in one voxel, a parameter or the reference', async () => {
    const checkpoints = memoryCheckpoints();
    const run = async (change: Partial<LocScaleJob>): Promise<number> => {
      const engine = createSimpleEngine();
      const before = checkpoints.count('scaling');
      await runLocScale({ ...job(), ...change }, { engine, checkpoints });
      return checkpoints.count('scaling') - before;
    };
    expect(await run({})).toBe(1);
    expect(await run({})).toBe(0);
    const touched = noisyBlob('half1.mrc', 1);
    touched.data[100] *= 1.001;
    expect(
      await run({ input: { kind: 'half-maps', half1: touched, half2: noisyBlob('half2.mrc', 2) } }),
    ).toBe(1);
    expect(await run({ parameters: { ...job().parameters, windowVoxels: 12 } })).toBe(1);
    expect(await run({ reference: { kind: 'model-map', map: noisyBlob('other.mrc', 4, 0.01, 2) } })).toBe(1);
  });

  it.each([undefined, memoryCheckpoints()])(
    'agrees on tiles that every rank has memory for',
    async (checkpoints) => {
      const [lead, ...rest] = memoryCommunicators(3);
      const largest: readonly Shape[] = [
        [8, 4, 8],
        [6, 8, 8],
      ];
      const others = rest.map((communicator, i) => {
        const engine = createSimpleEngine({ largestTile: largest[i] });
        return { engine, done: follow({ communicator, engine }) };
      });
      const team = leadTeam(lead);
      const engine = slow(createSimpleEngine());
      const told: string[] = [];
      const result = await runLocScale(job(), {
        ...{ engine, team, checkpoints },
        onInfo: (message) => told.push(message),
      });
      expect(await mapsOf(engine, result)).toEqual(expected);
      expect(told).toContain('Tiles of 6 x 4 x 8 voxels: a process has too little memory for larger ones.');
      await team.end();
      for (const other of others) {
        await other.done;
        expect(other.engine.calls).toContain('localScaling');
        expect(other.engine.held.size).toBe(0);
      }
      expect(engine.held.size).toBe(4);
    },
  );

  it('ends where a rank has no memory for any tile', async () => {
    const [lead, other] = memoryCommunicators(2);
    const starved = createSimpleEngine();
    const none = new LocScaleError('out-of-memory', 'No room at all.');
    const done = follow({
      communicator: other,
      engine: {
        ...starved,
        openLocalScaling: async (settings) => ({
          ...(await starved.openLocalScaling(settings)),
          start: () => Promise.reject(none),
        }),
      },
    });
    let fail: (error: Error) => void = () => undefined;
    const failure = new Promise<never>((_, reject) => {
      fail = reject;
    });
    done.catch((error) => fail(error));
    const engine = createSimpleEngine();
    const run = runLocScale(job(), { engine, team: leadTeam({ ...lead, failure }) });
    await expect(run).rejects.toBe(none);
    expect(engine.held.size).toBe(0);
  });

  it.each([2, 3])('gives the same bits on %i ranks, in one round or several', async (size) => {
    for (const checkpoints of [undefined, memoryCheckpoints()]) {
      const [lead, ...rest] = memoryCommunicators(size);
      const others = rest.map((communicator) => {
        const engine = createSimpleEngine();
        return { engine, done: follow({ communicator, engine }) };
      });
      const team = leadTeam(lead);
      const engine = slow(createSimpleEngine());
      const result = await runLocScale(job(), {
        engine,
        team,
        ...(checkpoints === undefined ? {} : { checkpoints }),
      });
      expect(await mapsOf(engine, result)).toEqual(expected);
      await team.end();
      for (const other of others) {
        await other.done;
        expect(other.engine.calls).toContain('localScaling');
        expect(other.engine.held.size).toBe(0);
      }
      expect(engine.held.size).toBe(4);
      if (checkpoints !== undefined) {
        const alone = slow(createSimpleEngine());
        const resumed = await runLocScale(job(), { engine: alone, checkpoints });
        expect(await mapsOf(alone, resumed)).toEqual(expected);
        expect(alone.calls.filter((verb) => verb === 'localScaling')).toHaveLength(0);
      }
    }
  });
});
