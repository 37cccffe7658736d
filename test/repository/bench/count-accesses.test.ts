/**
 * Shaders that count their own accesses: the rewritten code, and counts of a shader whose accesses are known.
 */
import { expect, it } from 'vitest';
import { countAccesses } from '../../../bench/count-accesses.ts';
import { countDevice } from '../../../bench/counting-device.ts';
import { STORAGE } from '../../../src/gpu/device.ts';
import { createKernel } from '../../../src/gpu/kernel.ts';
import { describeGpu } from '../../support/gpu-device.ts';

const CODE = `
@group(0) @binding(0) var<storage, read> source: array<vec2f>; // read[i] in a comment
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
var<workgroup> shared_values: array<f32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  shared_values[thread] = source[indices[thread]].x;
  workgroupBarrier();
  if (thread >= 32u) { return; }
  out[thread] += shared_values[63u - thread];
}
`;

it('marks reads, writes and both, in nested indices too', () => {
  const counted = countAccesses(CODE);
  expect(counted).toContain(
    'shared_values[count_local(u32(thread), 4u)] = source[count_read(u32(indices[count_read(u32(thread), 4u)]), 8u)].x',
  );
  expect(counted).toContain(
    'out[count_both(u32(thread), 4u)] += shared_values[count_local(u32(63u - thread), 4u)]',
  );
  expect(counted).toContain(
    'fn main(@builtin(local_invocation_index) thread: u32) { main_body(thread); add_counts(); }',
  );
});

describeGpu('counting device', (open) => {
  it('adds up the bytes of every dispatch without changing the result', async () => {
    const gpu = await open({ lineBytes: 16 * 1024 });
    const counting = countDevice(gpu.device, { bytes: true });
    const kernel = await createKernel(gpu, { name: 'counted', code: CODE });
    const make = (values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer => {
      const buffer = gpu.createBuffer('values', values.byteLength, STORAGE);
      gpu.device.queue.writeBuffer(buffer, 0, values);
      return buffer;
    };
    const source = make(Float32Array.from({ length: 128 }, (_, i) => i));
    const indices = make(Uint32Array.from({ length: 64 }, (_, i) => 63 - i));
    const out = make(Float32Array.from({ length: 64 }, () => 0.5));
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < 2; i++) kernel.run(pass, { source, indices, out }, [1]);
    pass.end();
    await gpu.finish(encoder);
    const result = new Float32Array(await gpu.read(out, 0, 256));
    expect([...result]).toEqual(Array.from({ length: 64 }, (_, i) => (i < 32 ? 0.5 + 4 * i : 0.5)));
    expect(counting.calls).toMatchObject({ dispatches: 2, bindGroups: 1, submits: 2, maps: 1 });
    await counting.settle();
    expect(counting.pipelines).toMatchObject([
      {
        dispatches: 2,
        bytesRead: 2 * (64 * (8 + 4) + 32 * 4),
        bytesWritten: 2 * 32 * 4,
        localBytes: 2 * (64 + 32) * 4,
      },
    ]);
  });
});
