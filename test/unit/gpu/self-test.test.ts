/** The self-test passes correct engines, and fails wrong, broken and hanging ones in words. */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine, LocalScalingSettings, OpenedScaling, Volume } from '../../../src/engine/engine.ts';
import { selfTest } from '../../../src/gpu/self-test.ts';
import type { RadialTransfer } from '../../../src/math/fourier/radial-transfer.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';

const cpu = await createCpuEngine({ threads: 1 });
afterAll(() => cpu.dispose());

/** The CPU engine with some operations replaced. */
function altered(change: Partial<Engine>): Engine {
  return new Proxy(cpu, {
    get: (target, key) => {
      const own = change[key as keyof Engine] ?? (target as Engine)[key as keyof Engine];
      return typeof own === 'function' ? own.bind(target) : own;
    },
  }) as Engine;
}

/** The volume with its largest voxel changed by a hundredth. */
async function spoil(volume: Volume): Promise<Volume> {
  const data = (await cpu.download(volume)).slice();
  const largest = data.reduce((best, value, i) => (Math.abs(value) > Math.abs(data[best]) ? i : best), 0);
  data[largest] *= 1.01;
  const host = cpu.allocateHost(data.length);
  host.set(data);
  return cpu.upload(host, volume.shape);
}

describe('the self-test', () => {
  it('passes the CPU engine and the float64 reference engine', async () => {
    for (const engine of [cpu, createSimpleEngine()]) {
      const { ok, milliseconds, reason } = await selfTest(engine, 'software');
      expect([ok, reason]).toEqual([true, undefined]);
      expect(milliseconds).toBeGreaterThan(0);
    }
  });

  it('sees one wrong voxel of the low-pass', async () => {
    const radialFilter = async (volume: Volume, transfer: RadialTransfer) =>
      spoil(await cpu.radialFilter(volume, transfer));
    const { ok, reason } = await selfTest(altered({ radialFilter }), 'hardware');
    expect(ok).toBe(false);
    expect(reason).toMatch(/^its low-pass is wrong by \d\.\de-\d/);
  });

  it('sees one wrong voxel of the local scaling', async () => {
    const openLocalScaling = async (settings: LocalScalingSettings): Promise<OpenedScaling> => {
      const opened = await cpu.openLocalScaling(settings);
      return {
        ...opened,
        async start(maps) {
          const run = await opened.start(maps);
          await run.run();
          const scaled = await spoil(run.result.scaled);
          return { ...run, result: { scaled }, run: async () => undefined };
        },
      };
    };
    const { ok, reason } = await selfTest(altered({ openLocalScaling }), 'hardware');
    expect(ok).toBe(false);
    expect(reason).toMatch(/^its local scaling is wrong by/);
  });

  it('takes NaN for wrong', async () => {
    const download = async () => new Float32Array(24 ** 3).fill(Number.NaN);
    expect(await selfTest(altered({ download }), 'hardware')).toMatchObject({ ok: false });
  });

  it('reports what an engine throws', async () => {
    const radialFilter = () => Promise.reject(new Error('shader refused'));
    expect(await selfTest(altered({ radialFilter }), 'hardware')).toMatchObject({
      ok: false,
      reason: 'shader refused',
    });
  });

  it('gives up an engine that hangs', async () => {
    const radialFilter = () => new Promise<Volume>(() => undefined);
    const result = await selfTest(altered({ radialFilter }), 'hardware', { timeoutMilliseconds: 50 });
    expect(result).toMatchObject({ ok: false, reason: 'it did not finish within 0.05 s' });
  });
});
