/** What runs compile on a GPU: the pipelines that they use, and no others. */
import { expect, it } from 'vitest';
import { countDevice } from '../../../bench/counting-device.ts';
import { openDevice } from '../../../src/gpu/adapters.ts';
import { createGpuEngine } from '../../../src/gpu/index.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { runLocScale } from '../../../src/pipeline/index.ts';
import type { LocScaleJob } from '../../../src/pipeline/types.ts';
import { describeGpu, findTestAdapter } from '../../support/gpu-device.ts';
import { gridOf, halfMapJob, noisyBlob, parameters } from '../pipeline/test-maps.ts';

const adapter = await findTestAdapter();

/** Large enough for the noise boxes of a mask of its own. */
const shape: Shape = [32, 32, 32];
const blob = (name: string, seed: number, noise = 0.05, width = 3) =>
  noisyBlob(name, seed, noise, width, gridOf({ shape }));

/** Labels of the pipelines that a run compiles, and of those that it has dispatched. */
async function pipelinesOf(job: LocScaleJob): Promise<{ compiled: string[]; used: string[] }> {
  if ('reason' in adapter) throw new Error(adapter.reason);
  const gpu = await openDevice(adapter);
  const counting = countDevice(gpu.device, { bytes: false });
  const engine = await createGpuEngine(gpu, { kind: 'software' });
  // As the command line does once it has read a header.
  if (job.input.kind === 'half-maps') engine.expectHalfMaps(job.input.half1.grid.shape);
  const result = await runLocScale(job, { engine });
  await engine.download(result.scaled);
  await engine.dispose();
  const labels = counting.pipelines.map(({ label }) => label);
  const used = counting.pipelines.filter(({ dispatches }) => dispatches > 0).map(({ label }) => label);
  return { compiled: labels.sort(), used: used.sort() };
}

describeGpu('the pipelines of a run', () => {
  // 34 in version 0.1.0.
  it("by LocScale's scheme with half maps, a reference map and a mask of its own are at most 22", async () => {
    const job = halfMapJob({
      mask: undefined,
      input: { kind: 'half-maps', half1: blob('half1.mrc', 1), half2: blob('half2.mrc', 2) },
      reference: { kind: 'model-map', map: blob('reference.mrc', 3, 0.01, 2) },
      parameters: parameters({ scaling: 'locscale' }),
    });
    const { compiled, used } = await pipelinesOf(job);
    expect(compiled).toEqual(used);
    expect(compiled.length).toBeLessThanOrEqual(22);
  });

  it('by soft scaling are those that its half maps and its target need', async () => {
    const soft = parameters({ scaling: 'soft', resolution: 7 });
    const withProfile = await pipelinesOf(halfMapJob({ reference: { kind: 'none' }, parameters: soft }));
    expect(withProfile.compiled).toEqual(withProfile.used);
    const halves = await pipelinesOf(halfMapJob({ parameters: soft }));
    expect(halves.compiled).toEqual(halves.used);
    const input = { kind: 'map', map: noisyBlob('map.mrc', 1) } as const;
    const single = await pipelinesOf(halfMapJob({ input, parameters: soft }));
    expect(single.compiled).toEqual(single.used);
    // Without cross powers, and without the shells that tilt the bands of half maps.
    expect(single.compiled.length).toBeLessThan(halves.compiled.length);
  });
});
