/** Listing, picking and choosing GPUs, on machines made up for the test. */
import { describe, expect, it } from 'vitest';
import { adapterLimits, listAdapters, openDevice, pickAdapters } from '../../../src/gpu/adapters.ts';
import type { GpuEntry } from '../../../src/platform/index.ts';
import { chooseAdapter } from '../../../src/select-engine.ts';
import { findTestAdapter } from '../../support/gpu-device.ts';
import { usesHardware } from '../../support/software-gpu.ts';

type Info = Partial<GPUAdapterInfo>;
const h200: Info = {
  vendor: 'nvidia',
  architecture: 'hopper',
  device: 'nvidia-h200',
  description: 'driver 550',
};
const a100: Info = {
  vendor: 'nvidia',
  architecture: 'ampere',
  device: 'nvidia-a100',
  description: 'driver 550',
};
const lavapipe: Info = {
  vendor: 'mesa',
  architecture: '',
  device: 'llvmpipe-llvm-15-',
  description: 'Mesa 22.3',
};
const swift: Info = { vendor: '6880', device: '49374', description: 'SwiftShader Device (Subzero)' };

const asAdapter = (info: Info): GPUAdapter =>
  ({
    info: { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false, ...info },
    limits: Object.fromEntries(adapterLimits.map((limit, i) => [limit, 1000 + i])),
    features: new Set(['timestamp-query', 'shader-f16']),
  }) as unknown as GPUAdapter;

/** A machine under Dawn: `byName` in the order of Dawn's list, `preferred` for every power preference. */
function dawnMachine(byName: Record<string, Info | null>, preferred: Info | null, list?: string): GpuEntry {
  const gpu = (info: Info | null): GPU =>
    ({ requestAdapter: async () => info && asAdapter(info) }) as unknown as GPU;
  const rows = Object.keys(byName).map((name) => ` * backend: 'vulkan', name: '${name}'`);
  return {
    implementation: 'Dawn',
    gpu: gpu(preferred),
    open: (flags) => {
      const name = flags.find((flag) => flag.startsWith('adapter='))?.slice('adapter='.length) ?? '';
      if (name in byName) return gpu(byName[name]);
      const text = `no suitable backends found\nAvailable adapters:\n${list ?? rows.join('\n')}`;
      return { requestAdapter: () => Promise.reject(new Error(text)) } as unknown as GPU;
    },
  };
}

describe('the list of GPUs', () => {
  it('has every GPU of the machine once, under the name the driver gives, hardware first', async () => {
    const machine = dawnMachine(
      { 'llvmpipe (LLVM 15)': lavapipe, 'NVIDIA H200': h200, 'NVIDIA A100': a100 },
      lavapipe,
    );
    const { adapters, failures } = await listAdapters(machine);
    expect(adapters.map(({ index, name, kind, backend }) => [index, name, kind, backend])).toEqual([
      [0, 'NVIDIA H200', 'hardware', 'vulkan'],
      [1, 'NVIDIA A100', 'hardware', 'vulkan'],
      [2, 'llvmpipe (LLVM 15)', 'software', 'vulkan'],
    ]);
    expect(failures).toEqual([]);
    expect(adapters[0]).toMatchObject({
      vendor: 'nvidia',
      architecture: 'hopper',
      description: 'driver 550',
      sameName: 1,
      limits: { maxStorageBufferBindingSize: 1000 },
      features: ['shader-f16', 'timestamp-query'],
    });
  });

  it('counts GPUs that cannot be distinguished', async () => {
    const row = " * backend: 'vulkan', name: 'NVIDIA H200'";
    const machine = dawnMachine({ 'NVIDIA H200': h200 }, h200, [row, row].join('\n'));
    const { adapters } = await listAdapters(machine);
    expect(adapters.map(({ name, sameName }) => [name, sameName])).toEqual([['NVIDIA H200', 2]]);
  });

  it('reports each request that failed, with its reason', async () => {
    const { adapters, failures } = await listAdapters(dawnMachine({ Broken: null }, null));
    expect(adapters).toEqual([]);
    expect(failures).toEqual([
      { way: 'power preference high-performance', reason: 'no adapter' },
      { way: 'no power preference', reason: 'no adapter' },
      { way: 'power preference low-power', reason: 'no adapter' },
      { way: 'backend=vulkan adapter=Broken', reason: 'no adapter' },
    ]);
    const throws = {
      implementation: 'wgpu',
      gpu: { requestAdapter: () => Promise.reject(new Error('driver crashed')) } as unknown as GPU,
    } as const;
    expect((await listAdapters(throws)).failures).toContainEqual({
      way: 'no power preference',
      reason: 'driver crashed',
    });
  });

  it('names vendors and finds software by name where nothing else shows it (wgpu)', async () => {
    const gpu = { requestAdapter: async () => asAdapter(swift) } as unknown as GPU;
    const { adapters } = await listAdapters({ implementation: 'wgpu', gpu });
    expect(adapters).toHaveLength(1);
    expect(adapters[0]).toMatchObject({
      name: 'SwiftShader Device (Subzero)',
      vendor: 'google',
      kind: 'software',
      implementation: 'wgpu',
    });
  });
});

describe('choosing a GPU', async () => {
  const { adapters } = await listAdapters(
    dawnMachine({ 'NVIDIA H200': h200, 'NVIDIA A100': a100, 'llvmpipe (LLVM 15)': lavapipe }, h200),
  );
  const software = adapters.slice(2);
  const choose = (list: typeof adapters, choice = {}) =>
    chooseAdapter({ adapters: list, failures: [] }, { engine: 'auto', ...choice });

  it('by number, by a part of the name in any case, each once', () => {
    const pick = (...ids: string[]) => pickAdapters(adapters, ids).map(({ name }) => name);
    expect(pick('1')).toEqual(['NVIDIA A100']);
    expect(pick('a100', '0', 'NVIDIA A100')).toEqual(['NVIDIA A100', 'NVIDIA H200']);
    const missing = (id: string) =>
      expect(() => pickAdapters(adapters, [id])).toThrowError(
        expect.objectContaining({
          tag: 'no-device',
          message: `There is no GPU "${id}"; found: 0 NVIDIA H200 (vulkan), hardware; 1 NVIDIA A100 (vulkan), hardware; 2 llvmpipe (LLVM 15) (vulkan), software.`,
        }),
      );
    missing('3');
    missing('radeon');
    expect(() => pickAdapters([], ['0'])).toThrowError('There is no GPU "0"; found: none.');
  });

  it('takes the first hardware GPU, and a software one only when allowed', () => {
    expect(choose(adapters).name).toBe('NVIDIA H200');
    expect(() => choose(software)).toThrowError(
      expect.objectContaining({
        tag: 'no-device',
        message: 'No hardware GPU was found, only 2 llvmpipe (LLVM 15) (vulkan), software.',
        hint: expect.stringContaining('`allowSoftwareGpu`'),
      }),
    );
    expect(choose(software, { allowSoftwareGpu: true }).name).toBe('llvmpipe (LLVM 15)');
    expect(choose(adapters, { allowSoftwareGpu: true }).name).toBe('NVIDIA H200');
    expect(() => choose(adapters, { gpuIds: ['2'] })).toThrowError('is a software GPU');
    expect(choose(adapters, { gpuIds: ['2'], allowSoftwareGpu: true }).name).toBe('llvmpipe (LLVM 15)');
  });

  it('gives every process of a machine a GPU in turn', () => {
    const names = [0, 1, 2, 3].map((localRank) => choose(adapters, { localRank }).name);
    expect(new Set(names).size).toBe(adapters.filter(({ kind }) => kind === 'hardware').length);
    expect(names[2]).toBe(names[0]);
  });

  it('uses the first of several and says so', () => {
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    expect(choose(adapters, { gpuIds: ['1', '0'], onNote }).name).toBe('NVIDIA A100');
    expect(notes).toEqual(['Of the GPUs given, only NVIDIA A100 is used: this command uses one GPU.']);
    choose(adapters, { gpuIds: ['1', 'a100'], onNote });
    expect(notes).toHaveLength(1);
  });

  it('says why there is none, where more is known than that', () => {
    const failures = [
      { way: 'power preference high-performance', reason: 'no adapter' },
      { way: 'no power preference', reason: 'driver crashed' },
    ];
    expect(() => chooseAdapter({ adapters: [], failures }, { engine: 'gpu' })).toThrowError(
      'No GPU was found (driver crashed).',
    );
  });

  it('says that there is none, where that is all that is known', () => {
    const failures = [{ way: 'no power preference', reason: 'no adapter' }];
    expect(() => chooseAdapter({ adapters: [], failures }, { engine: 'gpu' })).toThrowError(
      expect.objectContaining({ tag: 'no-device', message: 'No GPU was found.' }),
    );
  });

  it('a GPU that does not open is an error with its reason', async () => {
    const [adapter] = adapters;
    const gone = openDevice({ ...adapter, request: async () => null });
    await expect(gone).rejects.toMatchObject({
      tag: 'no-device',
      message: 'The GPU NVIDIA H200 (vulkan) cannot be opened: the adapter is gone.',
    });
  });
});

it.skipIf(usesHardware)("the tests' GPU is known as software", async () => {
  const adapter = await findTestAdapter();
  // Where there is none, engine tests say so.
  if (!('reason' in adapter)) expect(adapter.kind).toBe('software');
});
