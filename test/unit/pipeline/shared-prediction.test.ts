/** Prediction continued after an interruption, and shared among ranks: the same bits as in one go. */
import { describe, expect, it } from 'vitest';
import { follow } from '../../../src/distributed/follow.ts';
import { leadTeam, shareCubes } from '../../../src/distributed/lead.ts';
import type { ReferencePredictor } from '../../../src/network/graph/model.ts';
import {
  defaultParameters,
  planFeatureEnhance,
  runFeatureEnhance,
  runLocScale,
} from '../../../src/pipeline/index.ts';
import type { FeatureEnhanceJob, LocScaleContext } from '../../../src/pipeline/types.ts';
import { memoryCheckpoints } from '../../support/memory-checkpoints.ts';
import { memoryCommunicators } from '../../support/memory-communicator.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';
import { smallNetwork } from '../../support/small-network.ts';
import { ballMask, noisyBlob } from './test-maps.ts';

const EDGE = 8;

/** Its answer depends on the cube, its number and the pass; after `limit` batches it fails. */
function numberingPredictor(limit = Number.POSITIVE_INFINITY, batchSize = 3) {
  const cubesSeen: number[] = [];
  let batches = 0;
  const predictor: ReferencePredictor = {
    manifest: { ...smallNetwork(1, EDGE).manifest, stride: EDGE / 2, voxelSizeAngstrom: 3 },
    description: 'a predictor of the tests',
    output: 'reference',
    batchSize,
    secondsPerCube: 0.01,
    async predict(cubes, count, pass) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (++batches > limit) throw new Error('the power went out');
      for (let i = 0; i < count; i++) cubesSeen.push((pass?.firstCube ?? 0) + i);
      return cubes.slice(0, count * EDGE ** 3).map((value, i) => {
        const cube = Math.floor(i / EDGE ** 3) + (pass?.firstCube ?? 0);
        return value * (1 + 0.1 * Math.sin(cube + 3 * (pass?.pass ?? 0) + (pass?.seed ?? 0)));
      });
    },
    dispose: async () => undefined,
  };
  return { predictor, cubesSeen };
}

const jobWith = (predictor: ReferencePredictor): FeatureEnhanceJob => ({
  input: { kind: 'half-maps', half1: noisyBlob('half1.mrc', 1), half2: noisyBlob('half2.mrc', 2) },
  mask: ballMask('mask.mrc', 5),
  predictor,
  monteCarlo: { passes: 3, seed: 5 },
  parameters: { ...defaultParameters, windowVoxels: 6 },
});

async function enhance(
  predictor: ReferencePredictor,
  context: Partial<LocScaleContext> = {},
): Promise<Float32Array[]> {
  const engine = createSimpleEngine();
  const { mean, variance, baseline } = await runFeatureEnhance(jobWith(predictor), { engine, ...context });
  return Promise.all([mean, variance!, baseline].map((volume) => engine.download(volume)));
}

const whole = enhance(numberingPredictor().predictor);

describe('a prediction', () => {
  it('resumes after an interruption where it was, and is taken over whole when it was finished', async () => {
    const expected = await whole;
    const checkpoints = memoryCheckpoints();
    // In the fourth batch of three cubes, of three passes each.
    const broken = numberingPredictor(11);
    await expect(enhance(broken.predictor, { checkpoints })).rejects.toThrow(/power went out/);
    expect(checkpoints.count('prediction')).toBe(1);
    const next = numberingPredictor();
    const progress: number[] = [];
    const told: string[] = [];
    const again = await enhance(next.predictor, {
      checkpoints,
      onInfo: (message) => told.push(message),
      onProgress: (step, done) => step === 'reference' && progress.push(done),
    });
    expect(again).toEqual(expected);
    expect(told.some((message) => /^9 of \d+ cubes were predicted by an earlier run/.test(message))).toBe(
      true,
    );
    expect(Math.min(...next.cubesSeen)).toBe(9);
    expect(progress[0]).toBe(27);
    const third = numberingPredictor();
    expect(await enhance(third.predictor, { checkpoints })).toEqual(expected);
    expect(third.cubesSeen).toEqual([]);
  });

  it('is not taken over with another seed, output or network', async () => {
    const checkpoints = memoryCheckpoints();
    await enhance(numberingPredictor().predictor, { checkpoints });
    const { predictor, cubesSeen } = numberingPredictor();
    const job = jobWith(predictor);
    const run = async (change: Partial<ReferencePredictor>): Promise<number> => {
      cubesSeen.length = 0;
      await runFeatureEnhance(
        { ...job, predictor: { ...predictor, ...change } },
        { engine: createSimpleEngine(), checkpoints },
      );
      return cubesSeen.length;
    };
    expect(await run({})).toBe(0);
    expect(await run({ output: 'enhanced' })).toBeGreaterThan(0);
    expect(await run({ manifest: { ...predictor.manifest, sourceSha256: 'another' } })).toBeGreaterThan(0);
    await runLocScale(
      {
        input: job.input,
        ...(job.mask === undefined ? {} : { mask: job.mask }),
        reference: { kind: 'network', predictor },
        parameters: job.parameters,
      },
      { engine: createSimpleEngine(), checkpoints },
    );
    expect(checkpoints.count('prediction')).toBe(4);
  });

  it.each([2, 3, 5])('has the same bits on %i ranks', async (size) => {
    const expected = await whole;
    const [lead, ...rest] = memoryCommunicators(size);
    const others = rest.map((communicator) => {
      const { predictor, cubesSeen } = numberingPredictor();
      const engine = createSimpleEngine();
      return { cubesSeen, done: follow({ communicator, engine, predictor }) };
    });
    const team = leadTeam(lead);
    const own = numberingPredictor();
    expect(await enhance(own.predictor, { team })).toEqual(expected);
    await team.end();
    await Promise.all(others.map(({ done }) => done));
    const counts = [own, ...others].map(({ cubesSeen }) => cubesSeen.length);
    expect(Math.max(...counts)).toBeLessThan(2 * Math.max(1, Math.min(...counts)));
  });
});

describe('the plan of a feature enhancement', () => {
  it('counts all passes and all ranks, runs no network, and leaves no volume', async () => {
    const engine = createSimpleEngine();
    const { predictor, cubesSeen } = numberingPredictor();
    const alone = await planFeatureEnhance(jobWith(predictor), { engine });
    expect(alone.prediction).toMatchObject({ passes: 3 });
    expect(alone.prediction!.seconds).toBeCloseTo(alone.prediction!.cubes * 3 * predictor.secondsPerCube, 9);
    const [lead, other] = memoryCommunicators(2);
    const team = leadTeam(lead);
    const following = follow({ communicator: other!, engine: createSimpleEngine(), predictor });
    const shared = await planFeatureEnhance(jobWith(predictor), { engine, team });
    await team.end();
    await following;
    expect(shared.prediction!.seconds).toBeCloseTo(alone.prediction!.seconds / 2, 9);
    expect(cubesSeen).toEqual([]);
    expect(engine.held.size).toBe(0);
  });
});

describe('shares of cubes', () => {
  it('sum to all, differ by one, and leave rank 0 the smaller', () => {
    for (let count = 0; count < 20; count++) {
      for (let ranks = 1; ranks < 8; ranks++) {
        const shares = shareCubes(count, ranks);
        expect(shares.reduce((sum, n) => sum + n, 0)).toBe(count);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        expect(shares[0]).toBe(Math.min(...shares));
      }
    }
  });
});
