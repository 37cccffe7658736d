/** What a run of the benches on a GPU stores beside the rest: section `gpu` of bench/results/*-gpu.json. */
import type { Timing } from '../src/bench/clock.ts';
import type { Gate } from '../src/bench/gate.ts';

import type { NetworkResult } from './results.ts';

export interface GpuResults {
  readonly adapter: AdapterDescription;
  /** Host threads of the CPU engine in the comparisons. */
  readonly cpuThreads: number;
  readonly copy?: CopyResult;
  readonly fft?: readonly GpuFftResult[];
  readonly scaling?: readonly GpuScalingResult[];
  readonly verbs?: readonly VerbResult[];
  readonly networks?: readonly NetworkResult[];
  readonly command?: readonly CommandResult[];
  /** Sizes that could not be measured, and why. */
  readonly skipped: readonly string[];
}

export interface AdapterDescription {
  readonly name: string;
  readonly kind: 'hardware' | 'software';
  readonly vendor: string;
  readonly architecture: string;
  /** Driver and version, as the implementation says them. */
  readonly driver: string;
  readonly backend: string;
  /** "Dawn (webgpu 0.6.2)". */
  readonly implementation: string;
  readonly timestamps: boolean;
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

/** Device time is the sum of the passes by timestamps; absent where the device has none. */
export interface GpuTiming {
  readonly device?: Timing;
  /** First begin to last end on the device: gaps between submissions, clears and copies included. */
  readonly span?: Timing;
  /** Host time in recording and submitting commands. */
  readonly encode: Timing;
  readonly wall: Timing;
}

export interface CopyResult {
  readonly bytes: number;
  /** Bytes read and bytes written, per second: copyBufferToBuffer, and a shader that copies vec4<f32>. */
  readonly bufferCopy: number;
  readonly shaderCopy: number;
}

export interface GpuFftResult {
  readonly edge: number;
  readonly gates: readonly Gate[];
  readonly forward: GpuTiming;
  readonly inverse: GpuTiming;
  /** Device seconds of the three passes along x, y, z (forward), z, y, x (inverse). */
  readonly forwardPasses?: readonly number[];
  readonly inversePasses?: readonly number[];
  /** 3 passes that each read and write a real volume once. */
  readonly minimalBytes: number;
  /** What the passes read and write: the volume, and the half spectrum with its padding. */
  readonly actualBytes: number;
}

export interface GpuScalingResult {
  readonly edge: number;
  readonly maskVoxels: number;
  readonly windowVoxels: number;
  readonly gates: readonly Gate[];
  readonly timing: GpuTiming;
  /** Device seconds by part, from a run with a timestamp around every dispatch; only its shares count. */
  readonly parts?: Readonly<Record<string, number>>;
  readonly kernels?: Readonly<Record<string, number>>;
  readonly dispatches: number;
  /** The CPU engine on the same input, all threads, one run. */
  readonly cpuSeconds: number;
}

export interface VerbResult {
  readonly verb: string;
  readonly edge: number;
  readonly gate: Gate;
  readonly timing: GpuTiming;
  readonly cpuSeconds: number;
  /** Bytes over the bus, for upload and download. */
  readonly busBytes?: number;
}

export interface CommandResult {
  readonly edge: number;
  readonly maskVoxels: number;
  readonly windowVoxels: number;
  /** The map written by the GPU engine against that of the CPU engine. */
  readonly gate: Gate;
  readonly gpu: CommandTiming;
  readonly cpu: CommandTiming;
}

export interface CommandTiming {
  /** Start of the process to its end. */
  readonly wall: Timing;
  /** From the manifest of the last run. */
  readonly secondsPerStep: Readonly<Record<string, number>>;
}
