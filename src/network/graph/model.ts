/**
 * What a reference network is to the rest of the program: the manifest beside its weights, and a
 * predictor that turns cubes of the standardised map into cubes of the reference (method 6).
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

/** Where predicted standard errors come out as true ones, in units of the output. */
export type Calibration = CalibrationTable;

export interface ModelFile {
  readonly file: string;
  readonly sha256: string;
}

/** `manifest.json` of a model: everything needed to use its weights as they were meant. */
export interface ModelManifest {
  readonly format: 1;
  /** Name in the store, kebab-case: "emmernet-high-context". */
  readonly name: string;
  /** In words, for log and help: "EMmerNet, high context". */
  readonly title: string;
  /**
   * 'emmernet': the graph is written from the weights when it is loaded, in the variant that is needed.
   * 'onnx': the files are used as they are.
   */
  readonly architecture: 'emmernet' | 'onnx';
  /** Where the weights come from: file name, record or address. */
  readonly source: string;
  readonly sourceSha256: string;
  readonly licence: string;
  readonly parameters: number;
  /** Floating-point operations of one pass over one cube of `cubeEdge`, in 1e9. */
  readonly gflopPerCube: number;
  readonly files: {
    readonly plain: ModelFile;
    /**
     * With the masks of `dropout` as inputs; architecture 'emmernet' makes it from `plain`. It may be the
     * same file as `plain`, which then has these inputs too.
     */
    readonly monteCarlo?: ModelFile;
  };
  /** Names of the input and the output, shape (n, 1, z, y, x), float32. */
  readonly input: string;
  readonly output: string;
  /** A second output for feature enhancement, where the best reference is not the best map to look at. */
  readonly enhancedOutput?: string;
  readonly voxelSizeAngstrom: number;
  /** Resolutions of the maps that it was trained on, A, where that is known. */
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

/** A network that is loaded and ready to run; made by the inference layer, used by the pipeline. */
export interface ReferencePredictor {
  readonly manifest: ModelManifest;
  /** In words: "EMmerNet, high context, on CUDA". */
  readonly description: string;
  /** Name of the network's output that it gives. */
  readonly output: string;
  /** Cubes that are given to `predict` at once for good throughput. */
  readonly batchSize: number;
  /** Expected seconds for one cube and pass, measured when the network was loaded. */
  readonly secondsPerCube: number;
  /**
   * `cubes`: (count, edge, edge, edge), x fastest. Returns the same shape. Without `pass` dropout is off;
   * with it the masks depend on seed, pass and the number of the cube only, so that batches, devices and
   * the order of work do not change the result.
   */
  predict(cubes: Float32Array, count: number, pass?: MonteCarloPass): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * Tensors of EMmerNet under their names and in the layouts of the PyTorch state dict ("conv1_1.conv.weight").
 */
export type WeightSet = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;
