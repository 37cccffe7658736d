/** The benches on a GPU in order; the CPU engine computes what their results are compared with. */
import type { Engine } from '../src/engine/engine.ts';
import { selectEngine } from '../src/select-engine.ts';
import { benchCommand } from './command.bench.ts';
import type { GpuBenchContext } from './gpu-context.ts';
import { benchCopy } from './gpu-copy.bench.ts';
import { benchGpuFft } from './gpu-fft.bench.ts';
import { openGpu } from './gpu-open.ts';
import type { GpuResults } from './gpu-results.ts';
import { benchGpuScaling } from './gpu-scaling.bench.ts';
import { benchVerbs } from './gpu-verbs.bench.ts';
import { benchNetworks } from './network.bench.ts';

export const GPU_BENCHES = ['fft', 'local-scaling', 'verbs', 'network', 'command'] as const;

export interface GpuBenchOptions {
  readonly root: string;
  readonly only: readonly string[];
  /** Threads of the CPU engine. */
  readonly threads: number;
  readonly quick: boolean;
  readonly gpuIds?: readonly string[];
  readonly allowSoftwareGpu: boolean;
  readonly maxSize?: number;
  readonly maskVoxels?: number;
  readonly say: (line: string) => void;
  /** After every bench: what was measured so far. */
  readonly save: (results: GpuResults) => void;
}

const MAX_SIZE = { hardware: 512, software: 64 } as const;
const MASK_VOXELS = 1_000_000;

export async function benchGpu(options: GpuBenchOptions): Promise<GpuResults> {
  const { only, threads, quick, gpuIds, allowSoftwareGpu, say } = options;
  const open = await openGpu({ allowSoftwareGpu, ...(gpuIds ? { gpuIds } : {}) });
  let cpu: Engine | undefined;
  try {
    ({ engine: cpu } = await selectEngine({ engine: 'cpu', threads }));
    const { adapter } = open;
    say(`${adapter.name}, ${adapter.driver}; ${adapter.implementation}, ${adapter.backend}`);
    if (adapter.kind === 'software')
      say('A software GPU: these times say nothing about any GPU, and are not stored.');
    if (!adapter.timestamps) say('No timestamps on this device: wall times only.');
    const skipped: string[] = [];
    const context: GpuBenchContext = {
      ...open,
      cpu,
      cpuThreads: threads,
      quick,
      maxSize: options.maxSize ?? MAX_SIZE[adapter.kind],
      maskVoxels: options.maskVoxels ?? MASK_VOXELS,
      root: options.root,
      say,
      skip: (what, why) => {
        skipped.push(`${what}: ${why}`);
        say(`  ${what} left out: ${why}`);
      },
    };
    const results: { -readonly [K in keyof GpuResults]: GpuResults[K] } = {
      adapter,
      cpuThreads: threads,
      skipped,
    };
    if (only.includes('fft')) {
      say('Device copy');
      results.copy = await benchCopy(context);
      say('FFT');
      results.fft = await benchGpuFft(context, results.copy);
      options.save(results);
    }
    if (only.includes('local-scaling')) {
      say('Local scaling');
      results.scaling = await benchGpuScaling(context);
      options.save(results);
    }
    if (only.includes('verbs')) {
      say('Engine verbs');
      results.verbs = await benchVerbs(context);
      options.save(results);
    }
    if (only.includes('network') && adapter.kind === 'hardware') {
      say('Networks');
      results.networks = await benchNetworks({ root: options.root, quick, webgpu: true, say });
      options.save(results);
    }
    if (only.includes('command')) {
      say('Whole command');
      const gpuArguments = [
        ...(allowSoftwareGpu ? ['--allow_software_gpu'] : []),
        ...(gpuIds ? ['--gpu_ids', ...gpuIds] : []),
      ];
      results.command = await benchCommand(context, { root: options.root, gpuArguments });
      options.save(results);
    }
    return results;
  } finally {
    await open.engine.dispose();
    await cpu?.dispose();
  }
}
