/** Devices that verify their kernels, and such whose driver compiles a shader into another one. */
import { expect } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { openDevice } from '../../src/gpu/adapters.ts';
import type { GpuDevice } from '../../src/gpu/device.ts';
import { createGpuEngine } from '../../src/gpu/index.ts';
import type { VerdictStore } from '../../src/gpu/verification.ts';
import { findTestAdapter } from './gpu-device.ts';

const adapter = await findTestAdapter();

/** `spoil`: a driver that compiles a shader into another one. */
export async function openWith(
  verdicts: VerdictStore,
  spoil: (code: string) => string = (code) => code,
): Promise<{ gpu: GpuDevice; engine: Engine }> {
  if ('reason' in adapter) throw new Error(adapter.reason);
  const gpu = await openDevice(adapter, {}, verdicts);
  const { device } = gpu;
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => create({ ...descriptor, code: spoil(descriptor.code) });
  return { gpu, engine: await createGpuEngine(gpu, { kind: 'software' }) };
}

/**
 * The sentence with which a job ends on a device that compiles `from` as if it were `to`. Checks of other subjects
 * pass unrun: that right kernels pass them has tests of its own.
 */
export async function fails(
  subject: string,
  from: string,
  to: string,
  job: (engine: Engine) => Promise<unknown>,
): Promise<Error> {
  let changed = 0;
  const spoil = (code: string): string => {
    if (code.includes(from)) changed++;
    return code.replace(from, to);
  };
  const others: VerdictStore = { has: (check) => !check.startsWith(subject), add: () => undefined };
  const { gpu, engine } = await openWith(others, spoil);
  const error = await job(engine).then(
    () => new Error('the job has passed'),
    (thrown) => thrown as Error,
  );
  gpu.destroy();
  expect(changed).toBeGreaterThan(0);
  return error;
}

/** Keeps the error of every check. */
export function listing(known: Map<string, number>): VerdictStore {
  return {
    has: (check) => known.has(check),
    add: (check, { error }) => {
      known.set(check, error);
    },
  };
}
