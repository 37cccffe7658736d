/** Runs of the page's worker: when they are cancelled, and when their GPU is lost while it scales. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mapToBlob } from '../../../src/browser.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { LocScaleError } from '../../../src/errors.ts';
import type { JobRequest, RunEvent, StoredResult } from '../../../src/screens/protocol.ts';
import { selectEngine } from '../../../src/select-engine.ts';
import { Runs } from '../../../src/web/worker/runs.ts';
import { storeResult } from '../../../src/web/worker/store.ts';
import { gpu } from '../../support/losing-gpu.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';
import { ballMask, noisyBlob } from '../pipeline/test-maps.ts';

vi.mock('../../../src/select-engine.ts', () => ({ selectEngine: vi.fn() }));
vi.mock('../../../src/web/worker/store.ts', () => ({ storeResult: vi.fn() }));
vi.stubGlobal('__VERSION__', 'of the test');
afterEach(() => vi.restoreAllMocks());

const STOPPED = { tag: 'aborted', message: 'The run was stopped.' };
const stored: StoredResult = { id: '1', finished: '2026-01-01T00:00:00Z', title: 'half1.mrc', bytes: 1 };

/** These engines in the order in which runs ask for one; the last for all others. */
function engines(...list: Engine[]): Engine[] {
  const disposed: Engine[] = [];
  vi.mocked(selectEngine).mockImplementation(async () => {
    const next = list.length > 1 ? (list.shift() as Engine) : list[0];
    const engine = { ...next, dispose: async () => void disposed.push(next) };
    return { engine, reason: 'of the test' };
  });
  return disposed;
}

/** `radius` of the mask, voxels: how much there is to scale. */
async function request(radius = 3): Promise<JobRequest> {
  const file = async (map: ReturnType<typeof noisyBlob>): Promise<File> =>
    new File([await mapToBlob(map, 'test')], map.name);
  return {
    files: {
      half1: await file(noisyBlob('half1.mrc', 1)),
      half2: await file(noisyBlob('half2.mrc', 2)),
      mask: await file(ballMask('mask.mrc', radius)),
      reference: await file(noisyBlob('reference.mrc', 3, 0.01, 2)),
    },
    settings: { window: 10, resolution: 8 },
    reference: 'map',
    scheme: 'windows',
  };
}

describe('a run that is cancelled', () => {
  it('at once, at every step, and at the last one: stops, frees its engine, and the next one runs', async () => {
    const job = await request();
    const engine = createSimpleEngine();
    const steps: string[] = [];
    const disposed = engines(engine);
    const whole = new Runs((event) => event.kind === 'step' && steps.push(event.name));
    await whole.run(job);
    expect(steps.at(-1)).toBe('report');
    for (const last of ['', ...new Set(steps)]) {
      const runs = new Runs((event: RunEvent) => {
        if (event.kind === 'step' && event.name === last) runs.cancel();
      });
      const before = disposed.length;
      const running = runs.run(job);
      if (last === '') runs.cancel();
      await expect(running, last).rejects.toMatchObject(STOPPED);
      expect(disposed.length - before, last).toBe(last === '' ? 0 : 1);
      await expect(runs.sections({ at: [1, 1, 1], whole: true })).rejects.toThrow('no result');
      await expect(runs.store()).rejects.toThrow('no result');
    }
  });

  it('twice, and after its end: nothing more happens', async () => {
    engines(createSimpleEngine());
    const job = await request();
    const runs = new Runs((event) => {
      if (event.kind !== 'step' || event.name !== 'fsc') return;
      runs.cancel();
      runs.cancel();
    });
    await expect(runs.run(job)).rejects.toMatchObject(STOPPED);
    const calm = new Runs(() => undefined);
    const summary = await calm.run(job);
    calm.cancel();
    expect(summary.files[0].name).toBe('locscale_output.mrc');
    expect((await calm.file('locscale_output.mrc')).size).toBe(1024 + 4 * 20 ** 3);
  });

  it('while the result before is stored: stops at once, and that result is stored whole', async () => {
    const disposed = engines(createSimpleEngine());
    const job = await request();
    const runs = new Runs(() => undefined);
    await runs.run(job);
    let finish = (): void => undefined;
    vi.mocked(storeResult).mockImplementation(
      () =>
        new Promise((resolve) => {
          finish = () => resolve(stored);
        }),
    );
    const storing = runs.store();
    const next = runs.run(job);
    runs.cancel();
    await expect(next).rejects.toMatchObject(STOPPED);
    expect(disposed).toHaveLength(0);
    finish();
    expect(await storing).toEqual(stored);
    expect((await runs.run(job)).files[0].name).toBe('locscale_output.mrc');
    expect(disposed).toHaveLength(1);
  });
});

describe('a run whose GPU is lost while it scales', () => {
  it('begins again on the CPU, which takes the windows that were scaled, as the record states', async () => {
    engines(gpu(1 + 2 ** -20, 12), createSimpleEngine());
    // Finished tiles are read back every five seconds: ten pass with each.
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const warnings: string[] = [];
    const runs = new Runs((event) => {
      if (event.kind === 'progress') now += 10_000;
      if (event.kind === 'warning') warnings.push(event.message);
    });
    await runs.run(await request(7));
    const [, windows] =
      /^The GPU Test was lost: the run begins again on the CPU, with the (\d+) windows that were scaled\.$/.exec(
        warnings.find((warning) => warning.includes('lost')) ?? '',
      ) ?? [];
    const record = JSON.parse(await (await runs.file('locscale_output.json')).text());
    const [first, second] = record.scaledBy;
    expect([first.engine, second.engine]).toEqual(['GPU, Test', 'reference code of the tests']);
    expect(first.windows).toBeGreaterThan(0);
    expect(first.windows).toBeLessThanOrEqual(Number(windows));
    expect(first.windows + second.windows).toBe(record.numbers.maskVoxels);
  });

  it('ends with an error where the GPU was chosen', async () => {
    engines(gpu(1, 1), createSimpleEngine());
    const job = await request();
    const runs = new Runs(() => undefined);
    await expect(runs.run({ ...job, settings: { ...job.settings, engine: 'gpu' } })).rejects.toThrow(
      LocScaleError,
    );
  });
});
