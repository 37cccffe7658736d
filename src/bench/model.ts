/**
 * What a stage should take on a GPU, from what its shaders were counted to do: bytes in memory and in
 * workgroup memory, floating-point operations, dispatches. A shader takes as long as the slowest of the
 * three; shaders follow each other. How much of what is read comes from caches is not known: there are two
 * times, with all of it and with none. A model, not a measurement: its assumptions are the constants here,
 * and docs/speed.md shows what it gives.
 */
import { COUNTED_WORK, INSTRUCTIONS_PER_OPERATION } from './counted-work.ts';

/** What a maker states of a GPU, or what follows from it. */
export interface GpuPeaks {
  readonly name: string;
  /** Of the names that drivers give. */
  readonly pattern: RegExp;
  /** Bytes per second. */
  readonly memory: number;
  /** Instructions of single lanes a second: half of the stated FP32 operations, of which an FMA is two. */
  readonly instructions: number;
  /** Bytes per second of workgroup memory: 128 a clock and core, at the stated boost clock. */
  readonly local: number;
  readonly source: string;
}

export interface KernelWork {
  readonly label: string;
  readonly dispatches: number;
  /** No cache assumed. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly localBytes: number;
  readonly operations: number;
}

export interface StageWork {
  readonly stage: string;
  /** Voxels of the box or of the mask that the work was counted for; it grows with their number. */
  readonly per: 'voxel' | 'mask voxel';
  readonly units: number;
  /** Windows that it was counted with; 0 where there are none. */
  readonly windowVoxels: number;
  readonly kernels: readonly KernelWork[];
}

/** Shares of the peaks that well-made shaders reach. */
const EFFICIENCY = { memory: 0.8, instructions: 0.6, local: 0.6 };
/** Between two dispatches that depend on each other. */
const DISPATCH_SECONDS = 3e-6;

export const GPUS: readonly GpuPeaks[] = [
  {
    name: 'H200',
    pattern: /\bH200\b/i,
    memory: 4.8e12,
    instructions: 67e12 / 2,
    local: 132 * 128 * 1.98e9,
    source: 'NVIDIA H200 data sheet: 4.8 TB/s, 67 TFLOP/s FP32; 132 SMs',
  },
  {
    name: 'RTX 4090',
    pattern: /\bRTX 4090\b(?!.*laptop)/i,
    memory: 1.008e12,
    instructions: 82.6e12 / 2,
    local: 128 * 128 * 2.52e9,
    source: 'NVIDIA Ada whitepaper: 1008 GB/s, 82.6 TFLOP/s FP32; 128 SMs, 2.52 GHz',
  },
  {
    name: '7900 XTX',
    pattern: /\b7900 XTX\b/i,
    memory: 0.96e12,
    // Half of the stated operations are of second instructions in one issue, which compilers rarely form.
    instructions: 61.4e12 / 4,
    local: 96 * 128 * 2.5e9,
    source:
      'AMD product page: 960 GB/s, 61.4 TFLOP/s FP32 (dual issue, of which half is taken); 96 CUs, 2.5 GHz',
  },
  {
    name: 'M3',
    pattern: /\bApple M3\b(?! (?:Pro|Max|Ultra))/i,
    memory: 0.1e12,
    instructions: 10 * 128 * 1.38e9,
    local: 10 * 128 * 1.38e9,
    source: 'Apple: 100 GB/s, 10 cores; 128 lanes a core and 1.38 GHz are not stated by Apple',
  },
  {
    name: 'Iris Xe',
    pattern: /\bIris\b.*\bXe\b|\b(?:TGL|ADL|RPL)\b.*\bGT2\b/i,
    memory: 0.0683e12,
    instructions: 96 * 8 * 1.35e9,
    local: 6 * 128 * 1.35e9,
    source: 'Intel: 96 execution units of 8 lanes, 1.35 GHz; LPDDR4x-4267, 68.3 GB/s',
  },
];

export function findGpu(name: string): GpuPeaks | undefined {
  return GPUS.find(({ pattern }) => pattern.test(name));
}

/** Undefined for stages that were not counted, or not with these windows. */
export function findWork(stage: string, windowVoxels: number): StageWork | undefined {
  return COUNTED_WORK.find(
    (work) => work.stage === stage && (work.windowVoxels === 0 || work.windowVoxels === windowVoxels),
  );
}

/** A box, or the one that a table is for. */
export interface ModelledJob {
  readonly voxels: number;
  readonly maskVoxels: number;
}

/** Seconds: with all reads from caches, and with none. */
export interface ModelTime {
  readonly cached: number;
  readonly uncached: number;
}

export function scaleOf({ per, units }: StageWork, { voxels, maskVoxels }: ModelledJob): number {
  return (per === 'voxel' ? voxels : maskVoxels) / units;
}

export function bytesOf({ kernels }: Pick<StageWork, 'kernels'>): { read: number; written: number } {
  return {
    read: kernels.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
    written: kernels.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
  };
}

export function modelTime(work: StageWork, job: ModelledJob, gpu: GpuPeaks): ModelTime {
  const times = work.kernels.map((kernel) => kernelTime(kernel, work.per, scaleOf(work, job), gpu));
  return {
    cached: times.reduce((sum, time) => sum + time.cached, 0),
    uncached: times.reduce((sum, time) => sum + time.uncached, 0),
  };
}

export function kernelTime(
  { dispatches, bytesRead, bytesWritten, localBytes, operations }: KernelWork,
  per: StageWork['per'],
  scale: number,
  gpu: GpuPeaks,
): ModelTime {
  const inside = Math.max(
    localBytes / (EFFICIENCY.local * gpu.local),
    (INSTRUCTIONS_PER_OPERATION * operations) / (EFFICIENCY.instructions * gpu.instructions),
  );
  // Transforms of a whole box are as many whatever its size; tiles grow in number with the mask.
  const started = (per === 'voxel' ? 1 : scale) * dispatches * DISPATCH_SECONDS;
  const secondsWith = (bytes: number): number =>
    started + scale * Math.max(inside, bytes / (EFFICIENCY.memory * gpu.memory));
  return { cached: secondsWith(bytesWritten), uncached: secondsWith(bytesRead + bytesWritten) };
}

/** The assumptions, for the document. */
export const MODEL_ASSUMPTIONS =
  `${100 * EFFICIENCY.memory} % of the stated memory bandwidth, ` +
  `${100 * EFFICIENCY.instructions} % of the instruction rate, ${100 * EFFICIENCY.local} % of ` +
  'the bandwidth of workgroup memory (128 bytes a clock and core), ' +
  `${(1e6 * DISPATCH_SECONDS).toFixed(0)} µs a dispatch`;
