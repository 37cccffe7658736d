/** A GPU that is lost while it scales: what it has finished is taken over, the rest is scaled by the CPU. */
import { describe, expect, it } from 'vitest';
import type { Engine, TileHooks } from '../../../src/engine/engine.ts';
import { volumesOf } from '../../../src/engine/jobs.ts';
import { LocScaleError } from '../../../src/errors.ts';
import { createScaledWindows, defaultParameters, runLocScale } from '../../../src/pipeline/index.ts';
import type { ScaledWindows } from '../../../src/pipeline/scaled-windows.ts';
import type { LocScaleContext, LocScaleJob, LocScaleResult } from '../../../src/pipeline/types.ts';
import { gpu, lost } from '../../support/losing-gpu.ts';
import { memoryCheckpoints } from '../../support/memory-checkpoints.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';
import { noisyBlob } from './test-maps.ts';

const job = (change: Partial<LocScaleJob['parameters']> = {}): LocScaleJob => ({
  input: { kind: 'half-maps', half1: noisyBlob('half1.mrc', 1), half2: noisyBlob('half2.mrc', 2) },
  reference: { kind: 'model-map', map: noisyBlob('reference.mrc', 3, 0.01, 2) },
  parameters: { ...defaultParameters, windowVoxels: 10, resolution: 8, measureBFactors: true, ...change },
});

interface Attempt {
  readonly maps: readonly Float32Array[];
  readonly result: LocScaleResult;
  readonly warnings: readonly string[];
  readonly scaled: number;
}

/** The first attempt ends with `lost`; the second is the CPU's. */
async function afterLoss(
  windows: ScaledWindows,
  first: Engine,
  {
    change = {},
    context = {},
  }: { change?: Parameters<typeof job>[0]; context?: Partial<LocScaleContext> } = {},
): Promise<Attempt> {
  await expect(runLocScale(job(), { engine: first, scaledWindows: windows })).rejects.toBe(lost);
  const warnings: string[] = [];
  const cpu = createSimpleEngine();
  let scaled = 0;
  const counting: Engine = {
    ...cpu,
    async openLocalScaling(settings) {
      const opened = await cpu.openLocalScaling(settings);
      return {
        ...opened,
        async start(maps, tileSize) {
          const run = await opened.start(maps, tileSize);
          const count = (hooks: TileHooks): TileHooks => ({
            ...hooks,
            onTiles(tiles) {
              scaled += tiles.reduce((sum, { maskVoxels }) => sum + maskVoxels, 0);
            },
          });
          return { ...run, run: (hooks = {}, starts) => run.run(count(hooks), starts) };
        },
      };
    },
  };
  const result = await runLocScale(job(change), {
    engine: counting,
    scaledWindows: windows,
    onWarning: (message) => warnings.push(message),
    ...context,
  });
  const maps = await Promise.all(volumesOf(result).map((volume) => cpu.download(volume)));
  return { maps, result, warnings, scaled };
}

let usual: Promise<readonly Float32Array[]> | undefined;
const onCpu = (): Promise<readonly Float32Array[]> => {
  usual ??= scaledOnCpu();
  return usual;
};
async function scaledOnCpu(change: Parameters<typeof job>[0] = {}): Promise<readonly Float32Array[]> {
  const engine = createSimpleEngine();
  const result = await runLocScale(job(change), { engine });
  return Promise.all(volumesOf(result).map((volume) => engine.download(volume)));
}

const isAboutEngines = (warning: string): boolean => warning.includes('had scaled');

/** Digits by which tests tell engines apart, below what is tolerated. */
const SLIGHTLY = 1 + 2 ** -20;

describe('a run whose GPU is lost', () => {
  it('before any tile was read back: has the bits of a CPU run, and says nothing of two engines', async () => {
    const windows = createScaledWindows(1000);
    const { maps, result } = await afterLoss(windows, gpu(SLIGHTLY, 5));
    expect(windows.count).toBe(0);
    expect(maps).toEqual(await onCpu());
    expect(result.scaledBy).toBeUndefined();
  });

  it.each([3, 12])('after %i tiles: takes their windows, scales only the others', async (tiles) => {
    const windows = createScaledWindows(0);
    const { maps, result, warnings, scaled } = await afterLoss(windows, gpu(SLIGHTLY, tiles));
    expect(warnings.filter(isAboutEngines)).toEqual([]);
    const expected = await onCpu();
    const { maskVoxels } = result.numbers;
    let theirs = 0;
    maps[0].forEach((value, i) => {
      const raised = Math.fround(SLIGHTLY * expected[0][i]);
      expect([expected[0][i], raised]).toContain(value);
      if (value === raised && value !== expected[0][i]) theirs++;
    });
    expect(maps.slice(1)).toEqual(expected.slice(1));
    const [gpuWindows, cpuWindows] = result.scaledBy?.map((by) => by.windows) ?? [];
    expect(result.scaledBy?.map((by) => by.engine)).toEqual(['GPU, Test', 'reference code of the tests']);
    expect(theirs).toBe(gpuWindows);
    expect(gpuWindows).toBeGreaterThan(0);
    expect(gpuWindows + cpuWindows).toBe(maskVoxels);
    expect(scaled).toBe(cpuWindows);
  });

  it('and computed wrongly: scales all windows again, and says so', async () => {
    const { maps, result, warnings } = await afterLoss(createScaledWindows(0), gpu(1.001, 12));
    expect(maps).toEqual(await onCpu());
    expect(result.scaledBy).toBeUndefined();
    expect(warnings.filter(isAboutEngines)).toEqual([
      "What GPU, Test had scaled differs from the CPU's result (by 1.0e-3): all windows are scaled again.",
    ]);
  });

  it('takes nothing for another window', async () => {
    const change = { windowVoxels: 12 };
    const { maps, result } = await afterLoss(createScaledWindows(0), gpu(SLIGHTLY, 12), { change });
    expect(maps).toEqual(await scaledOnCpu(change));
    expect(result.scaledBy).toBeUndefined();
  });

  it('with checkpoints of the CPU: stores none of the windows that are not its own', async () => {
    const checkpoints = memoryCheckpoints();
    const context = { checkpoints };
    const { result } = await afterLoss(createScaledWindows(0), gpu(SLIGHTLY, 12), { context });
    expect(result.scaledBy?.[0].windows).toBeGreaterThan(0);
    const again = createSimpleEngine();
    const resumed = await runLocScale(job(), { engine: again, checkpoints });
    const maps = await Promise.all(volumesOf(resumed).map((volume) => again.download(volume)));
    expect(maps).toEqual(await onCpu());
  });
});

describe('windows read back from a GPU', () => {
  it('change nothing in its result', async () => {
    const run = async (scaledWindows?: ScaledWindows): Promise<Float32Array> => {
      const engine = gpu(1);
      const { scaled } = await runLocScale(job(), { engine, scaledWindows });
      return engine.download(scaled);
    };
    const windows = createScaledWindows(0);
    expect(await run(windows)).toEqual(await run());
    expect(windows.count).toBeGreaterThan(0);
  });

  it('are given up where there is no memory for them', async () => {
    const windows = createScaledWindows(0);
    const engine = gpu(1);
    let scaling = false;
    const full: Engine = {
      ...engine,
      async openLocalScaling(settings) {
        const opened = await engine.openLocalScaling(settings);
        return {
          ...opened,
          async start(maps, tileSize) {
            const run = await opened.start(maps, tileSize);
            const during = async (work: Promise<void>): Promise<void> => {
              scaling = true;
              await work;
              scaling = false;
            };
            return { ...run, run: (hooks, starts) => during(run.run(hooks, starts)) };
          },
        };
      },
      inspect: (volume, body) =>
        scaling
          ? Promise.reject(new LocScaleError('out-of-memory', 'No room to read into.'))
          : engine.inspect(volume, body),
    };
    const { scaled } = await runLocScale(job(), { engine: full, scaledWindows: windows });
    expect(await engine.download(scaled)).toEqual((await onCpu())[0]);
    expect(windows.count).toBe(0);
  });
});
