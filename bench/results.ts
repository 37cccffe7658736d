/** What a run of the benches stores: bench/results/<date>-<machine>.json. Times in seconds. */
import type { Timing } from '../src/bench/clock.ts';
import type { Gate } from '../src/bench/gate.ts';
import type { GpuResults } from './gpu-results.ts';

export interface BenchResults {
  readonly schema: 1;
  /** ISO date of the run. */
  readonly date: string;
  readonly commit: string;
  /** True where the working tree had changes that are not in the commit. */
  readonly modified: boolean;
  readonly engine: string;
  readonly machine: Machine;
  readonly fft?: readonly FftResult[];
  readonly resample?: readonly ResampleResult[];
  readonly networks?: readonly NetworkResult[];
  readonly localScaling?: LocalScalingResults;
  readonly localResolution?: LocalResolutionResults;
  readonly modelMaps?: readonly ModelMapResult[];
  readonly pseudoModels?: readonly PseudoModelResult[];
  readonly refinements?: readonly RefinementResult[];
  readonly symmetrise?: readonly SymmetriseResult[];
  readonly softScaling?: readonly SoftScalingResult[];
  readonly estimates?: readonly EstimateResult[];
  /** Only for the engine 'gpu', which has benches of its own. */
  readonly gpu?: GpuResults;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly runtime: string;
  /** The engine's own words, with all threads. */
  readonly device: string;
}

export interface FftResult {
  readonly edge: number;
  readonly gates: readonly Gate[];
  /** Transforms alone, one thread; absent for an engine that has no way to time them alone. */
  readonly forward?: Timing;
  readonly forwardAndInverse?: Timing;
  /** Engine verb radialFilter: forward, multiplication by a radial function, inverse. */
  readonly filterOneThread: Timing;
  readonly filterAllThreads?: Timing;
  /** Engine verb shellSpectra of one volume: forward and sums over shells. */
  readonly shellSums: Timing;
  readonly packages: readonly PackageFftResult[];
}

export interface PackageFftResult {
  /** npm name and version. */
  readonly name: string;
  readonly gate: Gate;
  /** One thread. */
  readonly forward: Timing;
  readonly forwardAndInverse: Timing;
}

/** Engine verb resample, cubic boxes. */
export interface ResampleResult {
  readonly from: number;
  readonly to: number;
  readonly gate: Gate;
  readonly oneThread: Timing;
  readonly allThreads?: Timing;
}

/** Engine verb simulateMap, a ball of atoms in a cubic box of 1 A voxels. */
export interface ModelMapResult {
  readonly edge: number;
  readonly atoms: number;
  readonly gate: Gate;
  readonly oneThread: Timing;
  readonly allThreads?: Timing;
}

/** Refinement of B factors, all threads. */
export interface RefinementResult {
  readonly edge: number;
  readonly atoms: number;
  readonly cycles: number;
  readonly gate: Gate;
  readonly timing: Timing;
}

/** Engine verb symmetrise, cubic boxes. */
export interface SymmetriseResult {
  readonly edge: number;
  readonly group: string;
  readonly gate: Gate;
  readonly oneThread: Timing;
  readonly allThreads?: Timing;
}

/** Engine verb bandScaling on half maps, cubic boxes. */
export interface SoftScalingResult {
  readonly edge: number;
  readonly target: 'profile' | 'reference';
  /** Whole transforms that the bands and spectra are. */
  readonly transforms: number;
  readonly gate: Gate;
  readonly oneThread: Timing;
  /** Time of so many transforms, half of radialFilter each, in the same run. */
  readonly oneThreadTransforms: Timing;
  readonly allThreads?: Timing;
  readonly allThreadsTransforms?: Timing;
}

/** One network on one provider of onnxruntime. */
export interface NetworkResult {
  readonly network: string;
  readonly parameters: number;
  readonly cubeEdge: number;
  readonly gflopPerCube: number;
  readonly provider: string;
  /** Cubes given at once; `timing` is for all of them. */
  readonly batch: number;
  readonly gate: Gate;
  readonly timing: Timing;
}

export interface LocalScalingResults {
  readonly edge: number;
  readonly maskVoxels: number;
  readonly windows: readonly WindowResult[];
}

export interface WindowResult {
  readonly windowVoxels: number;
  readonly mode: 'reference-profile' | 'theoretical-profile';
  readonly gate: Gate;
  readonly oneThread: Timing;
  /** Seconds of one thread by part, of the fastest run, `setUp` = the rest; only engines that tell. */
  readonly parts?: Readonly<Record<string, number>>;
  readonly allThreads?: Timing;
  readonly threads: number;
  /** Seconds per voxel of the float64 oracle. */
  readonly directPerVoxel: number;
  readonly original?: OriginalResult;
}

export interface OriginalResult {
  readonly version: string;
  readonly voxels: number;
  readonly secondsPerVoxel: number;
  /** This engine against the original's values. */
  readonly gate: Gate;
}

/** Calling thread alone. */
export interface PseudoModelResult {
  readonly atoms: number;
  readonly method: 'gradient' | 'kick';
  readonly iterations: number;
  readonly separationPasses: number;
  readonly separatedShare: number;
  /** Of the gradient solver. */
  readonly gate: Gate;
  readonly timing: Timing;
}

export interface EstimateResult {
  readonly windowVoxels: number;
  readonly profileKind: string;
  readonly edge: number;
  readonly maskVoxels: number;
  readonly predictedSeconds: number;
  readonly measuredSeconds: number;
}

/** Engine verb localResolution on two half maps of edge^3. */
export interface LocalResolutionResults {
  readonly edge: number;
  readonly maskVoxels: number;
  readonly windows: readonly {
    readonly weights: 'hann' | 'box';
    readonly windowVoxels: number;
    readonly gate: Gate;
    readonly oneThread: Timing;
    readonly allThreads?: Timing;
    /** Seconds per voxel of the float64 transform of both windows. */
    readonly directPerVoxel: number;
  }[];
}
