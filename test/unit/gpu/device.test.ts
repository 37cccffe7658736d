/** The device layer on the test GPU, and its error handling on devices that fail on purpose. */
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../../src/gpu/adapters.ts';
import { STORAGE, usage, wrapDevice } from '../../../src/gpu/device.ts';
import { createKernel } from '../../../src/gpu/kernel.ts';
import { createVolume, readVolume, writeVolume } from '../../../src/gpu/volume.ts';
import { describeGpu, findTestAdapter } from '../../support/gpu-device.ts';
import { noiseVolume } from '../../support/random-volume.ts';

/** Each invocation counts in a loop that no compiler can leave out: work that takes a while. */
const LONG_WORK = `
override rounds: u32 = 1;
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var x = values[id.x] + id.x;
  for (var i = 0u; i < rounds; i++) { x = (x * 1664525u + 1013904223u) ^ (x >> 3u); }
  values[id.x] = x;
}`;

async function freshDevice(limits = {}) {
  const adapter = await findTestAdapter();
  if ('reason' in adapter) throw new Error(adapter.reason);
  return openDevice(adapter, limits);
}

async function startLongWork(gpu: Awaited<ReturnType<typeof freshDevice>>, rounds = 20_000) {
  const kernel = await createKernel(gpu, {
    name: 'long-work',
    code: LONG_WORK,
    constants: { rounds },
  });
  const values = gpu.createBuffer('values', 4 * 65536, STORAGE);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  kernel.run(pass, { values }, [1024]);
  pass.end();
  return { encoder, values };
}

describeGpu('a device', (open) => {
  it('has the limits of its adapter', async () => {
    const adapter = await findTestAdapter();
    const { limits, name, device } = await open();
    if ('reason' in adapter) throw new Error(adapter.reason);
    expect(limits.bindingBytes).toBe(adapter.limits.maxStorageBufferBindingSize);
    expect(limits.bufferBytes).toBe(adapter.limits.maxBufferSize);
    expect(limits.workgroupBytes).toBe(adapter.limits.maxComputeWorkgroupStorageSize);
    expect(limits.workgroupInvocations).toBe(adapter.limits.maxComputeInvocationsPerWorkgroup);
    expect(device.limits.maxStorageBuffersPerShaderStage).toBe(
      adapter.limits.maxStorageBuffersPerShaderStage,
    );
    expect(name).toContain(adapter.name);
  });

  it('is not looked at in every turn of the event loop while it works', async () => {
    const { encoder } = await startLongWork(await open(), 4000);
    const paced = globalThis.setImmediate;
    let looks = 0;
    globalThis.setImmediate = ((callback: () => void) => {
      looks++;
      return paced(callback);
    }) as typeof setImmediate;
    const started = performance.now();
    await (await open()).finish(encoder).finally(() => {
      globalThis.setImmediate = paced;
    });
    // Once a millisecond, after a first one of turns that take more than a microsecond each. Dawn left to
    // itself looks every ten microseconds.
    expect(looks).toBeLessThan(performance.now() - started + 1000);
  });

  it('gives smaller limits on request, never larger ones', async () => {
    const { limits, device } = await open({ bindingBytes: 2 ** 20, workgroupInvocations: 2 ** 30 });
    expect(limits.bindingBytes).toBe(2 ** 20);
    expect(limits.workgroupInvocations).toBe(device.limits.maxComputeInvocationsPerWorkgroup);
    expect(limits.totalBytes).toBe(Number.POSITIVE_INFINITY);
  });

  it('cuts volumes into slabs of the forced binding size', async () => {
    const gpu = await open({ bindingBytes: 16 * 16 * 4 * 5 });
    const data = noiseVolume([16, 16, 16], 1);
    const volume = createVolume(gpu, 'test', [16, 16, 16]);
    expect(volume.slabs.map(({ planes }) => planes)).toEqual([4, 4, 4, 4]);
    writeVolume(gpu, volume, data);
    expect(await readVolume(gpu, volume, new Float32Array(data.length))).toEqual(data);
  });

  it('reads buffers back whole and in part, longer than one piece of 32 MiB too', async () => {
    const gpu = await open();
    const words = Uint32Array.from({ length: 20 * 2 ** 20 + 3 }, (_, i) => Math.imul(i, 2654435761));
    const buffer = gpu.createBuffer('long', words.byteLength, STORAGE);
    const before = gpu.allocatedBytes;
    gpu.device.queue.writeBuffer(buffer, 0, words);
    const back = new Uint32Array(await gpu.read(buffer, 0, words.byteLength));
    expect(back.length).toBe(words.length);
    expect(back.every((value, i) => value === words[i])).toBe(true);
    const part = new Uint8Array(await gpu.read(buffer, 400, 7));
    expect([...part]).toEqual([...new Uint8Array(words.buffer, 400, 7)]);
    expect(gpu.allocatedBytes).toBe(before);
    gpu.destroyBuffer(buffer);
  });

  it('reads several buffers at the same time', async () => {
    const gpu = await open();
    const buffers = [1, 2, 3].map((value) => {
      const buffer = gpu.createBuffer(`part ${value}`, 4096, STORAGE);
      gpu.device.queue.writeBuffer(buffer, 0, new Uint32Array(1024).fill(value));
      return buffer;
    });
    const back = await Promise.all(buffers.map((buffer) => gpu.read(buffer, 0, 4096)));
    expect(back.map((bytes) => new Uint32Array(bytes)[1023])).toEqual([1, 2, 3]);
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
  });

  it('refuses buffers beyond its limits, saying what for and how much', async () => {
    const gpu = await open({ totalBytes: 1000, bufferBytes: 900 });
    const refusal = { tag: 'out-of-memory', where: 'table', message: expect.stringContaining('table') };
    expect(() => gpu.createBuffer('table', 904, STORAGE)).toThrowError(expect.objectContaining(refusal));
    const first = gpu.createBuffer('first', 600, STORAGE);
    expect(() => gpu.createBuffer('table', 404, STORAGE)).toThrowError(expect.objectContaining(refusal));
    gpu.destroyBuffer(first);
    gpu.destroyBuffer(first);
    expect(gpu.allocatedBytes).toBe(0);
    gpu.destroyBuffer(gpu.createBuffer('table', 404, STORAGE));
    // What exceeds the device itself is refused before the device sees it.
    const large = await open();
    expect(() => large.createBuffer('table', large.limits.bufferBytes + 4, STORAGE)).toThrowError(
      expect.objectContaining(refusal),
    );
    large.check();
  });
});

describeGpu('a device that fails', () => {
  it('stores a validation error and throws it at the next call, and at every later one', async () => {
    const gpu = await freshDevice();
    const source = gpu.createBuffer('source', 64, usage.uniform);
    const target = gpu.createBuffer('target', 64, STORAGE);
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, 64);
    const refused = expect.objectContaining({ tag: 'internal', message: expect.stringContaining('refused') });
    await expect(gpu.finish(encoder)).rejects.toThrowError(refused);
    expect(() => gpu.check()).toThrowError(refused);
    await expect(gpu.read(target, 0, 64)).rejects.toThrowError(refused);
    gpu.destroy();
  });

  const lost = expect.objectContaining({ tag: 'no-device', message: expect.stringContaining('was lost') });

  // Work that hangs runs into the time limit of all tests.
  it('lost while work is in flight: finish and read give the error, nothing hangs', async () => {
    const gpu = await freshDevice();
    const { encoder, values } = await startLongWork(gpu);
    const finished = gpu.finish(encoder);
    const read = gpu.read(values, 0, 1024);
    gpu.device.destroy();
    await Promise.all([expect(finished).rejects.toThrowError(lost), expect(read).rejects.toThrowError(lost)]);
    expect(() => gpu.check()).toThrowError(lost);
    expect(() => gpu.createBuffer('more', 16, STORAGE)).toThrowError(lost);
    await expect(gpu.finish()).rejects.toThrowError(lost);
    await expect(gpu.read(values, 0, 16)).rejects.toThrowError(lost);
    gpu.destroy();
  });

  it('closed by its owner while work is in flight: the same', async () => {
    const gpu = await freshDevice();
    const { encoder, values } = await startLongWork(gpu);
    const work = [gpu.finish(encoder), gpu.read(values, 0, 1024)];
    gpu.destroy();
    await Promise.all(work.map((part) => expect(part).rejects.toThrowError(lost)));
    await expect(gpu.finish()).rejects.toThrowError(lost);
    expect(gpu.allocatedBytes).toBe(0);
    gpu.destroy();
  });

  it('a shader that does not compile is named with its line', async () => {
    const gpu = await freshDevice();
    const code = '@compute @workgroup_size(1)\nfn main() { let x: u32 = 1.5; }';
    await expect(createKernel(gpu, { name: 'broken', code })).rejects.toThrowError(
      expect.objectContaining({ tag: 'internal', message: expect.stringContaining('broken.wgsl:2') }),
    );
    gpu.destroy();
  });
});

/** As much of a GPUDevice as wrapDevice uses: errors and loss come when the test says so. */
class FakeDevice extends EventTarget {
  readonly limits = { maxStorageBufferBindingSize: 1024, maxBufferSize: 4096 };
  readonly features = new Set<string>();
  lose: (info: { message: string }) => void = () => undefined;
  readonly lost = new Promise((resolve) => {
    this.lose = resolve;
  });
  failWork: (error: Error) => void = () => undefined;
  endWork: () => void = () => undefined;
  readonly queue = {
    onSubmittedWorkDone: () =>
      new Promise<void>((resolve, reject) => {
        this.endWork = resolve;
        this.failWork = reject;
      }),
  };

  report(error: object): void {
    this.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
  }

  destroy(): void {}
}

class GPUOutOfMemoryError {
  readonly message: string = 'no space left';
}

describe('errors that arrive late', () => {
  const wrap = () => {
    const fake = new FakeDevice();
    return { fake, gpu: wrapDevice(fake as unknown as GPUDevice, 'Fake GPU') };
  };

  it('running out of memory has its own tag, and the first error counts', () => {
    const { fake, gpu } = wrap();
    gpu.check();
    fake.report(new GPUOutOfMemoryError());
    fake.report({ message: 'invalid buffer' });
    expect(() => gpu.check()).toThrowError(expect.objectContaining({ tag: 'out-of-memory' }));
  });

  it('a device that ran out of memory can continue, and forgets what followed from it', async () => {
    const { fake, gpu } = wrap();
    expect(await gpu.recover()).toBe(true);
    fake.report(new GPUOutOfMemoryError());
    const recovered = gpu.recover();
    fake.report({ message: 'invalid buffer' });
    fake.endWork();
    expect(await recovered).toBe(true);
    gpu.check();
  });

  it('a device that is lost, or was given a wrong command, does not recover', async () => {
    const { fake, gpu } = wrap();
    fake.report({ message: 'invalid buffer' });
    expect(await gpu.recover()).toBe(false);
    const other = wrap();
    other.fake.report(new GPUOutOfMemoryError());
    const recovered = other.gpu.recover();
    other.fake.lose({ message: 'gone' });
    expect(await recovered).toBe(false);
    expect(() => other.gpu.check()).toThrowError(expect.objectContaining({ tag: 'out-of-memory' }));
  });

  it('work that never ends is given up when the device is lost', async () => {
    const { fake, gpu } = wrap();
    const work = gpu.finish();
    fake.lose({ message: 'unplugged' });
    await expect(work).rejects.toThrowError(
      expect.objectContaining({ tag: 'no-device', message: 'The GPU Fake GPU was lost (unplugged).' }),
    );
  });

  it('work that fails just before the loss is reported gives the loss, not the symptom', async () => {
    const { fake, gpu } = wrap();
    const work = gpu.finish();
    fake.failWork(new Error('symptom'));
    setTimeout(() => fake.lose({ message: '' }), 2);
    await expect(work).rejects.toThrowError(
      expect.objectContaining({ tag: 'no-device', message: 'The GPU Fake GPU was lost (no reason given).' }),
    );
  });

  it('work that fails for a reason of its own keeps it', async () => {
    const { fake, gpu } = wrap();
    const work = gpu.finish();
    fake.failWork(new Error('symptom'));
    await expect(work).rejects.toThrowError(
      expect.objectContaining({ tag: 'internal', message: expect.stringContaining('symptom') }),
    );
  });
});
