/** What the page says of a run before it starts, against the plan that the run makes itself. */
import { beforeAll, describe, expect, it } from 'vitest';
import { mapToBlob } from '../../../src/browser.ts';
import { isLocScaleError } from '../../../src/errors.ts';
import { planLocScale, selectEngine } from '../../../src/index.ts';
import { unopenedPredictor } from '../../../src/network/run/unopened-predictor.ts';
import { openBundled } from '../../../src/network/store/choose.ts';
import { coreCount } from '../../../src/platform/index.ts';
import type { JobRequest } from '../../../src/screens/protocol.ts';
import { generateDemoData } from '../../../src/synthetic/half-maps.ts';
import { openJob } from '../../../src/web/worker/open-job.ts';
import { planJob } from '../../../src/web/worker/plan.ts';
import { errorOf, noisyBlob } from '../pipeline/test-maps.ts';

describe('the plan of the page', () => {
  let files: JobRequest['files'];
  beforeAll(async () => {
    const { half1, half2, reference } = generateDemoData();
    const file = async (map: typeof half1): Promise<File> =>
      new File([await mapToBlob(map, 'test')], map.name);
    files = { half1: await file(half1), half2: await file(half2), reference: await file(reference) };
  });

  it.each([
    ['profile', 'soft', {}],
    ['profile', 'soft', { bFactors: true }],
    ['map', 'windows', {}],
    ['map', 'windows', { localResolution: true }],
  ] as const)('knows the memory of %s, %s, %o within a half', async (reference, scheme, settings) => {
    const request: JobRequest = { files, settings, reference, scheme };
    const { memoryBytes, shape, voxelSize } = await planJob(request);
    expect([shape, voxelSize]).toEqual([[108, 108, 108], expect.closeTo(1.2, 6)]);
    const { engine } = await selectEngine({ engine: 'cpu' });
    try {
      const job = await openJob(request, {
        engine,
        signal: new AbortController().signal,
        onWarning: () => undefined,
        onRead: () => undefined,
      });
      const { peakBytes } = await planLocScale(job, {
        engine,
        consumeInputs: true,
        keepMap: true,
        keepReference: true,
      });
      expect(memoryBytes / peakBytes).toBeGreaterThan(0.67);
      expect(memoryBytes / peakBytes).toBeLessThan(1.5);
    } finally {
      await engine.dispose();
    }
  });

  it('knows the memory of a network, and whether the page has one', async () => {
    const request: JobRequest = { files, settings: {}, reference: 'network', scheme: 'windows' };
    expect((await errorOf(planJob(request, { hasNetworks: false }))).message).toBe(
      'This copy of the page was built without networks.',
    );
    const { memoryBytes, mode } = await planJob(request);
    expect(mode).toBe('LocScale’s windows, scaled to a reference predicted by a network');
    const { engine } = await selectEngine({ engine: 'cpu' });
    try {
      const predictor = unopenedPredictor(await openBundled(), {
        provider: 'cpu',
        monteCarlo: false,
        webgpu: async () => ({ usable: false }),
      });
      const job = await openJob(request, {
        engine,
        signal: new AbortController().signal,
        onWarning: () => undefined,
        onRead: () => undefined,
        predictor,
      });
      const { peakBytes } = await planLocScale(job, { engine, consumeInputs: true, keepMap: true });
      // Onnxruntime's own memory is in the plan of the page only.
      const sessions = coreCount() * 120 * 2 ** 20;
      expect((memoryBytes - sessions) / peakBytes).toBeGreaterThan(0.67);
      expect((memoryBytes - sessions) / peakBytes).toBeLessThan(1.5);
    } finally {
      await engine.dispose();
    }
  });

  it('refuses maps on different grids by their headers', async () => {
    const small = new File([await mapToBlob(noisyBlob('small.mrc', 1), 'test')], 'small.mrc');
    const request: JobRequest = {
      files: { ...files, half2: small },
      settings: {},
      reference: 'profile',
      scheme: 'soft',
    };
    const error = await planJob(request).catch((thrown: unknown) => thrown);
    expect(isLocScaleError(error) && error.message).toMatch(
      /^The maps differ in box: half map 1 has .* small\.mrc has/,
    );
  });
});
