/**
 * What a low-pass and the local resolution ask of a GPU, counted as in gpu-counts.bench.ts, on the maps and
 * with the settings of `locscale-gpu bench`: what its model does not know from the counts of both ways of
 * scaling.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeInputs, uploadInputs } from '../src/bench/inputs.ts';
import { stages } from '../src/bench/stages.ts';
import { createCpuEngine } from '../src/cpu-fallback/index.ts';
import { createGpuEngine } from '../src/gpu/index.ts';
import { countDevice } from './counting-device.ts';
import {
  type KernelBytes,
  openSoftwareGpu,
  type PlanLimits,
  planLimits,
  sayKernels,
  sumKernels,
} from './kernel-bytes.ts';

export interface VerbCounts {
  /** Of `stages`. */
  readonly stage: string;
  readonly edge: number;
  readonly maskVoxels: number;
  readonly windowVoxels: number;
  readonly device: string;
  readonly limits: PlanLimits;
  readonly kernels: readonly KernelBytes[];
}

/** The smallest box in which the windows are those of large ones. */
const EDGE = 96;
const COUNTED = ['filter', 'resolution'];
const STORED = 'bench/results/gpu-model/verb-counts.json';

export async function benchVerbCounts(options: {
  readonly root: string;
  readonly write: boolean;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { root, write, say } = options;
  const cpu = await createCpuEngine();
  const inputs = await makeInputs(cpu, EDGE);
  await cpu.dispose();
  const counts: VerbCounts[] = [];
  for (const { name, run } of stages.filter((stage) => COUNTED.includes(stage.name))) {
    const gpu = await openSoftwareGpu();
    const counting = countDevice(gpu.device, { bytes: true });
    const engine = await createGpuEngine(gpu, { kind: 'software' });
    const volumes = await uploadInputs(engine, inputs);
    counting.reset();
    await run(engine, volumes, inputs.windowVoxels);
    await counting.settle();
    const kernels = sumKernels(counting.pipelines, 1);
    say(`  ${name}`);
    sayKernels(kernels, say);
    counts.push({
      stage: name,
      edge: EDGE,
      maskVoxels: inputs.maskVoxels,
      windowVoxels: inputs.windowVoxels,
      device: gpu.name,
      limits: planLimits(gpu),
      kernels,
    });
    await engine.dispose();
  }
  if (!write) return;
  writeFileSync(join(root, STORED), `${JSON.stringify(counts, null, 1)}\n`);
  say(`wrote ${STORED}`);
}
