/** The record of a run, as it is written and as the report shows it. */
import type { Grid } from '../math/grid.ts';
import type { BandSummary } from '../math/soft-scaling/targets.ts';
import type {
  AssessedMap,
  Assessment,
  BandAmplitudes,
  ComparisonResult,
  FscCurve,
  FscInMask,
  LocScaleNumbers,
  LocScaleParameters,
  LocScaleResult,
  PostprocessNumbers,
  Prediction,
  ReferenceChoice,
  ReferenceModel,
  ScaledBy,
  SchemeName,
  UnexplainedDensity,
} from '../pipeline/types.ts';

/** A file that a run has read. */
export interface InputFile {
  /** As given on the command line; the page has names only. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal: identifies the input where it was moved or renamed. */
  readonly sha256: string;
  /** What it was read as: "half map 1". */
  readonly role: string;
}

/** The network that predicted the reference, and the work it did. */
export interface NetworkRecord {
  /** Name under which it was selected. */
  readonly name: string;
  /** As its manifest describes it to users. */
  readonly title: string;
  /** Where its weights come from. */
  readonly source: string;
  /** Of the file of weights that was converted. */
  readonly sourceSha256: string;
  /** Of the weights. */
  readonly licence: string;
  /** Provider and device, for example "EMmerNet, high context, on CUDA". */
  readonly ranOn: string;
  /** Voxels along each edge of what is predicted at a time. */
  readonly cubeEdge: number;
  /** Voxels between neighbouring cubes; less than the edge, so that they overlap. */
  readonly stride: number;
  readonly cubes: number;
  /** 1, or the number of Monte-Carlo passes. */
  readonly passes: number;
  /** Repeats the dropout masks of Monte-Carlo passes. */
  readonly seed?: number;
}

/** The atoms that the reference was simulated from. */
export interface ModelRecord {
  /** All of them, pseudo-atoms included. */
  readonly atoms: number;
  /** 0 for a complete atomic model. */
  readonly pseudoAtoms: number;
  /** As simulated, A^2. */
  readonly bFactors: { readonly min: number; readonly mean: number; readonly max: number };
  /** A; where the reference was cut off. */
  readonly referenceEnd?: number;
}

/** `<outfile stem>.json`: everything needed to know what a run did and to repeat it. */
export interface RunRecord {
  /** By which programs recognise a record. */
  readonly program: 'locscale-gpu';
  /** Of this program; results may differ between versions. */
  readonly version: string;
  /** Node, Deno or browser, with its version. */
  readonly runtime: string;
  /** Command line, word by word, as it would be typed to repeat the run. */
  readonly command: readonly string[];
  /** ISO 8601, UTC. */
  readonly started: string;
  /** What was scaled to what, one phrase. */
  readonly mode: string;
  /** Description of the engine that the result comes from. */
  readonly engine: string;
  /** Where a GPU was lost during LocScale's scaling: the windows that each engine scaled. */
  readonly scaledBy?: readonly ScaledBy[];
  /** Where a network predicted the reference. */
  readonly network?: NetworkRecord;
  /** Where the reference was simulated from atoms. */
  readonly model?: ModelRecord;
  /** In the order in which they were read. */
  readonly inputs: readonly InputFile[];
  /** With --match_grid: what was done to maps on other grids. */
  readonly matched?: readonly string[];
  /** All parameters in use, defaults included. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Voxel size, shape, window, mask voxels, cut-offs (angstrom) and noise. */
  readonly numbers: Readonly<Partial<LocScaleNumbers>>;
  /** Half-map FSC: frequency in 1/angstrom. */
  readonly fsc?: FscCurve;
  /** The same within a mask, corrected for it. */
  readonly fscInMask?: FscInMask;
  /** LocScale's scheme: where the result was faded, A. */
  readonly fadeResolution?: number;
  /** Of global post-processing. */
  readonly postprocess?: PostprocessNumbers;
  /** Of the comparison of maps with a model. */
  readonly assessment?: AssessmentRecord;
  /** Of the command resample: the new grid, along (z, y, x), and what was done. */
  readonly resampled?: Pick<Grid, 'voxelSize' | 'origin'> & { readonly sentence: string };
  /** In soft scaling. */
  readonly soft?: SoftRecord;
  /** With --unexplained: density that the reference does not explain. */
  readonly unexplained?: Omit<UnexplainedDensity, 'map'>;
  /** With --also: the other way, and the amplitudes of both. */
  readonly comparison?: ComparisonRecord;
  /** Wall-clock seconds. */
  readonly secondsPerStep: Readonly<Record<string, number>>;
  /** Files that were written. */
  readonly outputs: readonly string[];
  /** As shown during the run. */
  readonly warnings: readonly string[];
  /** Of the demo: how its data were made, and how like the truth its results are. */
  readonly demo?: Readonly<Record<string, unknown>>;
}

/** What soft scaling did to the whole map. */
export interface SoftRecord {
  /** Standard deviation of its Gaussian windows, A. */
  readonly windowSigma?: number;
  /** From low to high frequency. */
  readonly bands: readonly BandSummary[];
  /** A: where the result was faded. */
  readonly fadeResolution?: number;
}

/** The same map scaled another way. */
export interface ComparisonRecord {
  /** The other way, of `--also`. */
  readonly scheme: SchemeName;
  /** Where it was soft scaling. */
  readonly soft?: SoftRecord;
  /** One B factor for the map, A^2, up to a resolution, A. */
  readonly global?: { readonly bFactor: number; readonly resolution: number; readonly quality?: number };
  /** Of soft bands within the mask, relative to those about 0.1 1/A. */
  readonly amplitudes: BandAmplitudes;
}

/** Without what has files of its own: curves, residues and atoms. */
export type AssessmentRecord = Omit<
  Assessment,
  'maps' | 'residues' | 'atoms' | 'frequency' | 'modelAmplitude'
> & { readonly maps: readonly Omit<AssessedMap, 'fsc' | 'amplitude'>[] };

/** The part of an assessment that the record states; curves, residues and atoms have files of their own. */
export function recordOfAssessment(assessment: Assessment): AssessmentRecord {
  const { maps, residues: _residues, atoms: _atoms, ...rest } = assessment;
  const { frequency: _frequency, modelAmplitude: _amplitude, ...summary } = rest;
  return { ...summary, maps: maps.map(({ fsc: _fsc, amplitude: _, ...map }) => map) };
}

/** What the record takes of a result. */
type OfScaling = Pick<
  LocScaleResult,
  'numbers' | 'fsc' | 'fscInMask' | 'model' | 'fadeResolution' | 'scaledBy' | 'soft' | 'also' | 'unexplained'
>;

/**
 * What a run of scaling has found, in the parts of its record; in the parameters what was derived is filled
 * in.
 */
export function recordOfScaling(
  { numbers, fsc, fscInMask, model, fadeResolution, scaledBy, soft, also, unexplained }: OfScaling,
  parameters: LocScaleParameters,
): Pick<
  RunRecord,
  | 'parameters'
  | 'numbers'
  | 'fsc'
  | 'fscInMask'
  | 'model'
  | 'fadeResolution'
  | 'scaledBy'
  | 'soft'
  | 'comparison'
  | 'unexplained'
> {
  return {
    model: model && modelRecordOf(model),
    parameters: { ...parameters, windowVoxels: numbers.windowVoxels, resolution: numbers.fscCutoff },
    numbers,
    fsc,
    fscInMask,
    fadeResolution,
    scaledBy: scaledBy ?? also?.scaledBy,
    soft: soft && softRecordOf(soft),
    comparison: also && comparisonRecordOf(also),
    unexplained: unexplained && unexplainedRecordOf(unexplained),
  };
}

/** A network as the pipeline knows it. */
type Predictor = Extract<ReferenceChoice, { kind: 'network' }>['predictor'];

/** The network's entry in the record. `seed`: of the dropout masks, with Monte-Carlo passes. */
export function networkRecordOf(
  { manifest, description }: Predictor,
  { cubes, passes }: Prediction,
  seed?: number,
): NetworkRecord {
  const { name, title, source, sourceSha256, licence, cubeEdge, stride } = manifest;
  const network = { name, title, source, sourceSha256, licence, ranOn: description };
  return { ...network, cubeEdge, stride, cubes, passes, seed };
}

/** Atoms are counted; the model itself is a file of its own. */
function modelRecordOf({ structure, pseudoAtoms, bFactors, referenceEnd }: ReferenceModel): ModelRecord {
  return { atoms: structure.atoms.length, pseudoAtoms, bFactors, referenceEnd };
}

/** The map is a file of its own. */
function unexplainedRecordOf({ map: _, ...found }: UnexplainedDensity): Omit<UnexplainedDensity, 'map'> {
  return found;
}

/** Volumes are files of their own. */
function softRecordOf({ bands, windowSigma, fadeResolution }: SoftRecord): SoftRecord {
  return { bands, windowSigma, fadeResolution };
}

/** Without the volume of the comparison, which is a file of its own. */
function comparisonRecordOf({ scheme, soft, global, amplitudes }: ComparisonResult): ComparisonRecord {
  return { scheme, soft: soft && softRecordOf(soft), global, amplitudes };
}
