/**
 * What soft scaling of two half maps asks of a GPU, counted as in gpu-counts.bench.ts: bytes that its shaders
 * read and write, no cache assumed, and those of as many whole transforms as it has spectra and bands.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GateError } from '../src/bench/gate.ts';
import type { BandScalingJob, Volume } from '../src/engine/engine.ts';
import { bandSettings } from '../src/engine/jobs.ts';
import type { GpuDevice } from '../src/gpu/device.ts';
import { createGpuEngine } from '../src/gpu/index.ts';
import type { Shape } from '../src/math/grid.ts';
import { planBands } from '../src/math/soft-scaling/bands.ts';
import { proteinProfile } from '../src/math/soft-scaling/profile.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { countDevice } from './counting-device.ts';
import { compareBytes } from './gpu-counts.bench.ts';
import {
  type KernelBytes,
  openSoftwareGpu,
  type PlanLimits,
  planLimits,
  sayKernels,
  sumKernels,
} from './kernel-bytes.ts';

export interface SoftBytes {
  readonly edge: number;
  readonly voxelSize: number;
  readonly target: 'profile' | 'reference';
  readonly device: string;
  readonly limits: PlanLimits;
  readonly bands: number;
  readonly kernels: readonly KernelBytes[];
  /** Read, written and cleared. */
  readonly bytes: number;
  /** Of whole volumes: one per spectrum, and one per spectrum and band. */
  readonly transforms: number;
  /** Of all of them, each as much as one that the job begins with. */
  readonly transformBytes: number;
}

/** A. */
const VOXEL = 1.06;
const NOISE = 0.3;
/** Pipelines of a job's own transforms before its first band. */
const TRANSFORMS = ['fft-rows.forward', 'fft-columns.main'];

/** Voxels per edge: the ratio hardly depends on it, and a software GPU takes minutes. */
const EDGE = 128;
/** Bytes of the job over those of its transforms: at most. */
const LIMIT = 1.3;
const STORED = 'bench/results/gpu-model/soft-counts.json';

/** With the profile, and with a reference. */
export async function benchSoftCounts(options: {
  readonly root: string;
  readonly write: boolean;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { root, write, say } = options;
  const counts: SoftBytes[] = [];
  const path = join(root, STORED);
  const stored: SoftBytes[] =
    existsSync(path) && !write ? (JSON.parse(readFileSync(path, 'utf8')) as SoftBytes[]) : [];
  for (const target of ['profile', 'reference'] as const) {
    const counted = await countSoftBytes(await openSoftwareGpu(), EDGE, target);
    counts.push(counted);
    const ratio = counted.bytes / counted.transformBytes;
    sayKernels(counted.kernels, say);
    say(
      `  ${target}: ${(counted.bytes / 1e9).toFixed(1)} GB read and written, ${ratio.toFixed(2)} of the ` +
        `${(counted.transformBytes / 1e9).toFixed(1)} GB of its ${counted.transforms} transforms`,
    );
    if (!(ratio <= LIMIT))
      throw new GateError(
        `Soft scaling moves ${ratio.toFixed(2)} times the bytes of its transforms, allowed ${LIMIT}.`,
      );
    const before = stored.find((entry) => entry.target === target);
    const faults = before ? compareBytes(counted, before, (line) => say(`  ${line}`)) : [];
    if (faults.length > 0) throw new GateError(`${target}: ${faults.join('; ')}`);
  }
  if (!write) return;
  writeFileSync(path, `${JSON.stringify(counts, null, 1)}\n`);
  say(`wrote ${STORED}`);
}

async function countSoftBytes(gpu: GpuDevice, edge: number, target: SoftBytes['target']): Promise<SoftBytes> {
  const shape: Shape = [edge, edge, edge];
  const { count: bands } = planBands({ shape, voxelSize: [VOXEL, VOXEL, VOXEL] });
  const spectra = target === 'profile' ? 2 : 3;
  const counting = countDevice(gpu.device, { bytes: true });
  const engine = await createGpuEngine(gpu, { kind: 'software' });
  const map = noise(edge, 1);
  const upload = (data: Float32Array): Promise<Volume> => engine.upload(data, shape);
  const half = (seed: number): Promise<Volume> =>
    upload(noise(edge, seed).map((value, i) => map[i] + NOISE * value));
  const job: BandScalingJob = {
    half1: await half(2),
    half2: await half(3),
    mask: await upload(map.map((_, i) => (i % edge < edge / 2 ? 1 : 0))),
    voxelSize: [VOXEL, VOXEL, VOXEL],
    ...(target === 'profile'
      ? { target: { kind: 'profile', profile: proteinProfile() } }
      : { target: { kind: 'reference' }, reference: await upload(map) }),
  };
  const opened = await engine.openBandScaling(bandSettings(job));
  counting.reset();
  const run = await opened.start(job);
  await counting.settle();
  const setUp = sumKernels(counting.pipelines, 1);
  const whole = moved(setUp.filter(({ label }) => TRANSFORMS.includes(label))) / spectra;
  await run.run();
  const { bands: summaries } = await run.finish();
  if (!summaries.every(({ used }) => used)) throw new Error('A band of the counted job was not used.');
  const { bytesCleared } = counting.calls;
  await counting.settle();
  await run.close();
  const kernels = sumKernels(counting.pipelines, 1);
  await engine.dispose();
  const transforms = spectra * (bands + 1);
  return {
    edge,
    voxelSize: VOXEL,
    target,
    device: gpu.name,
    limits: planLimits(gpu),
    bands,
    kernels,
    bytes: moved(kernels) + bytesCleared,
    transforms,
    transformBytes: transforms * whole,
  };
}

function moved(kernels: readonly KernelBytes[]): number {
  return kernels.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0);
}

function noise(edge: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: edge ** 3 }, () => random.uniform() - 0.5);
}
