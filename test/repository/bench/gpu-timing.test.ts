/** The timer of the benches sees every pass and dispatch, and changes no result. */
import { expect, it } from 'vitest';
import { GpuTimer, sumBy } from '../../../bench/gpu-timing.ts';
import { STORAGE } from '../../../src/gpu/device.ts';
import { createRealFft3d, planRealFft3d } from '../../../src/gpu/fft.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { describeGpu } from '../../support/gpu-device.ts';

describeGpu('timer of the GPU benches', (open) => {
  it('counts passes and dispatches in both ways of recording, with the same result', async () => {
    const gpu = await open();
    const support = planRealFft3d([8, 10, 12], gpu.limits);
    if (!support.ok) throw new Error(support.reason);
    const fft = await createRealFft3d(gpu, support.plan);
    const random = createRandom(1);
    const input = Float32Array.from({ length: 960 }, () => random.gaussian());
    const real = gpu.createBuffer('real', 4 * 960, STORAGE);
    const spectrum = gpu.createBuffer('spectrum', fft.spectrumBytes, STORAGE);
    gpu.device.queue.writeBuffer(real, 0, input);
    const record = (): void => {
      const encoder = gpu.device.createCommandEncoder({ label: 'encoder' });
      const pass = encoder.beginComputePass({ label: 'pass' });
      fft.forward(pass, real, spectrum);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    };
    const result = () => gpu.read(spectrum, 0, fft.spectrumBytes).then((bytes) => new Uint8Array(bytes));
    record();
    const expected = await result();

    const timer = new GpuTimer(gpu);
    const whole = await timer.time(record);
    expect(await result()).toEqual(expected);
    expect([whole.passes, whole.dispatches]).toEqual([1, 3]);
    expect(whole.segments).toMatchObject([{ encoder: 'encoder', label: 'pass' }]);

    const split = await timer.time(record, 'dispatches');
    expect(await result()).toEqual(expected);
    expect([split.passes, split.dispatches]).toEqual([3, 3]);
    const byShader = sumBy(split.segments, ({ label }) => label.split('.')[0]);
    expect(Object.keys(byShader)).toEqual(['fft-rows', 'fft-columns']);

    for (const times of [whole, split]) {
      expect(times.encodeSeconds).toBeGreaterThan(0);
      expect(times.encodeSeconds).toBeLessThanOrEqual(times.wallSeconds);
      expect(times.busySeconds).toBeLessThanOrEqual(times.spanSeconds * (1 + 1e-9));
      if (timer.timestamps) expect(times.spanSeconds).toBeGreaterThan(0);
    }
    // Outside of `time` encoders are as they were, and nothing is counted.
    record();
    expect((await timer.time(() => undefined)).passes).toBe(0);
    fft.destroy();
    gpu.destroyBuffer(real);
    gpu.destroyBuffer(spectrum);
  });
});
