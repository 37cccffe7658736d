/**
 * Interface of a reference network: the manifest stored with its weights, and a predictor that turns cubes of
 * the standardised map into cubes of the reference (method 6).
 */
import type { CalibrationTable } from '../../math/statistics/pvddt.ts';

/** One random mask of Monte-Carlo dropout: an extra input of the network, values 0 or 1 / keepProbability. */
export interface DropoutMask {
  /** Name of the input. */
  readonly input: string;
  /** Shape for one cube, without the batch axis: (channels, z, y, x). */
  readonly shape: readonly number[];
  readonly keepProbability: number;
}

/** Calibration from predicted to true standard errors, in units of the output. */
export type Calibration = CalibrationTable;

/** A file of a network with its checksum. */
export interface NetworkFile {
  readonly file: string;
  readonly sha256: string;
}

/** `manifest.json` of a network: everything needed to use its weights as intended. */
export interface NetworkManifest {
  readonly format: 1;
  /** Name in the store, kebab-case: "emmernet-high-context". */
  readonly name: string;
  /** For log and help: "EMmerNet, high context". */
  readonly title: string;
  /**
   * 'emmernet': the graph is built from the weights on loading, in the required variant. 'onnx': the files
   * are used as they are.
   */
  readonly architecture: 'emmernet' | 'onnx';
  /** Origin of the weights: file name, record or address. */
  readonly source: string;
  readonly sourceSha256: string;
  readonly licence: string;
  readonly parameters: number;
  /** GFLOP of one pass over one cube of `cubeEdge`. */
  readonly gflopPerCube: number;
  readonly files: {
    readonly plain: NetworkFile;
    /**
     * Graph with the masks of `dropout` as inputs; architecture 'emmernet' builds it from `plain`. May be the
     * same file as `plain`, which then has these inputs too.
     */
    readonly monteCarlo?: NetworkFile;
  };
  /** Names of input and output, both float32 of shape (n, 1, z, y, x). */
  readonly input: string;
  readonly output: string;
  /** A second output for feature enhancement, if the best reference is not the best map for viewing. */
  readonly enhancedOutput?: string;
  readonly voxelSizeAngstrom: number;
  /** Resolutions of the training maps in A, if known. */
  readonly trainedResolution?: { readonly finest: number; readonly coarsest: number };
  /** (v - mean) / (10 sd) over the whole resampled map. */
  readonly standardisation: 'mean-10sd';
  /** Edge and spacing of the cubes in voxels of `voxelSizeAngstrom`. */
  readonly cubeEdge: number;
  readonly stride: number;
  readonly dropout: readonly DropoutMask[];
  readonly calibration?: Calibration;
}

/** One pass of Monte-Carlo dropout over cubes `firstCube`, `firstCube + 1`, ... of the whole map. */
export interface MonteCarloPass {
  readonly seed: number;
  readonly pass: number;
  readonly firstCube: number;
}

/** A loaded network, provided by network/run and used by the pipeline. */
export interface ReferencePredictor {
  readonly manifest: NetworkManifest;
  /** For messages: "EMmerNet, high context, on CUDA". */
  readonly description: string;
  /** Name of the network output returned by `predict`. */
  readonly output: string;
  /** Number of cubes per call of `predict` for good throughput. */
  readonly batchSize: number;
  /** Expected seconds per cube and pass, measured on loading. */
  readonly secondsPerCube: number;
  /**
   * `cubes`: (count, edge, edge, edge), x fastest. Returns the same shape. Without `pass` dropout is off;
   * with it the masks depend only on seed, pass and index of the cube, so that batches, devices and order do
   * not change the result.
   */
  predict(cubes: Float32Array, count: number, pass?: MonteCarloPass): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** EMmerNet's tensors with the names and layouts of the PyTorch state dict ("conv1_1.conv.weight"). */
export type WeightSet = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;
