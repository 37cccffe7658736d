/** What goes into a LocScale run and what comes out of it. The command line is one caller among others. */
import type { Engine, Volume } from '../engine/engine.ts';
import type { MapImage } from '../formats/map-image.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Structure } from '../formats/structure.ts';
import type { Grid } from '../math/grid.ts';
import type { HalfMapVerdict } from '../math/inputs/half-map-verdict.ts';
import type { FscCutoffSource } from '../math/scaling/molecular-numbers.ts';
import type { RadialProfileKind } from '../math/scaling/windows.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { SymmetryRequest } from './6-symmetrise.ts';
import type { Checkpoints } from './checkpoints.ts';
import type {
  LocalResolutionMaps,
  LocalResolutionNumbers,
  LocalResolutionSettings,
} from './local-resolution.ts';
import type { ProfilesAudit } from './profiles-audit.ts';
import type { Team } from './team.ts';

export type { MapImage };

/**
 * A map whose voxels stay in their file until the step that needs them: header and grid are known, so
 * that maps that do not fit are found before anything is computed.
 */
export interface MapSource {
  readonly name: string;
  readonly header: MrcHeader;
  readonly grid: Grid;
  load(): Promise<MapImage>;
}

/** A map in memory, or one that is read when it is needed. */
export type MapInput = MapImage | MapSource;

export type ReferenceChoice =
  | { readonly kind: 'model-map'; readonly map: MapInput }
  /** Theoretical-profile rule with a simulated (pseudo-)model map. */
  | { readonly kind: 'pseudo-model-map'; readonly map: MapInput }
  /** Theoretical-profile rule inside the difference mask, plain rule elsewhere. */
  | { readonly kind: 'hybrid-map'; readonly map: MapInput; readonly differenceMask: MapInput }
  /** Predicted from the map itself by a network (model-free, LocScale's default). */
  | {
      readonly kind: 'network';
      readonly predictor: ReferencePredictor;
      /** Mean over passes with dropout instead of one pass without. */
      readonly monteCarlo?: { readonly passes: number; readonly seed: number };
    }
  /**
   * Simulated from an atomic model. `refinementCycles`: B factors from the data first; undefined: as they are.
   * `theoreticalProfile`: by the rule for pseudo-models.
   */
  | {
      readonly kind: 'atomic-model';
      readonly structure: Structure;
      readonly refinementCycles: number | undefined;
      readonly theoreticalProfile: boolean;
    }
  /** The same, with pseudo-atoms where the mask has none; the rule for pseudo-models there. */
  | {
      readonly kind: 'hybrid-model';
      readonly structure: Structure;
      readonly refinementCycles: number;
      readonly pseudoAtoms: PseudoAtomSettings;
      /** Window that smooths the mask of what is not modelled, voxels. */
      readonly averagingWindow: number;
    }
  /** Simulated from atoms that fill the mask; the rule for pseudo-models. */
  | {
      readonly kind: 'pseudo-model';
      readonly refinementCycles: number;
      readonly pseudoAtoms: PseudoAtomSettings;
    }
  | { readonly kind: 'none' };

/** How pseudo-atoms find their places (method 8). */
export interface PseudoAtomSettings {
  readonly method: 'gradient' | 'kick';
  readonly iterations: number;
  readonly distanceAngstrom: number;
  readonly seed: number;
}

export interface LocScaleParameters {
  /** Window edge in voxels; default 25 A rounded up to an even number of voxels. */
  windowVoxels?: number;
  /**
   * Resolution in angstrom (-res); finer than Nyquist counts as Nyquist. Default: half-map FSC = 0.143, else the nyquist
   * rule of method 3.
   */
  resolution?: number;
  profileKind: RadialProfileKind;
  measureBFactors: boolean;
  /** Low-pass the reference map at this resolution, A (-mres); undefined: as it is, or for atoms where the map ends. */
  referenceResolution?: number;
  /** Average-profile rule. */
  boostSecondaryStructure: number;
  setLocalBFactor: number;
  /** Average secondary-structure profile for the theoretical-profile rules: samples on [0, 1/(2 voxelSize)]. */
  theoreticalProfile?: { readonly frequency: readonly number[]; readonly amplitude: readonly number[] };
  /**
   * False-discovery rate (0.01): the scaling mask is where the confidence is at least 1 - rate.
   * `fdrFilter`: low-pass before it, A; left out: 5 A in runs of a network, else none; undefined: none.
   */
  fdrThreshold: number;
  fdrFilter?: number | undefined;
  /** Edge of the noise boxes in voxels; default 10 % of the box, rounded up to even. */
  fdrWindow?: number;
  /** Noise boxes set by the user (first voxel z, y, x), instead of the four default ones. */
  fdrNoiseBoxes?: readonly (readonly [number, number, number])[];
  /** Confidence (or value of the user's mask) from which a voxel counts for the molecular volume (0.99). */
  maskThreshold: number;
  /** Low-pass the input at its resolution before scaling (-filter_input), or weight it by the FSC (-apply_fsc_filter). */
  filterInput: boolean;
  applyFscFilter: boolean;
  molecularWeightKiloDalton?: number;
  /** Also measure the local resolution; needs half maps. */
  localResolution?: LocalResolutionSettings;
}

export interface LocScaleJob {
  readonly input:
    | { readonly kind: 'map'; readonly map: MapImage }
    | { readonly kind: 'half-maps'; readonly half1: MapImage; readonly half2: MapImage };
  readonly mask?: MapInput;
  readonly reference: ReferenceChoice;
  /** Imposed on the reference; with `symmetriseOutput` on the scaled map, too. */
  readonly symmetry?: SymmetryRequest;
  readonly symmetriseOutput?: boolean;
  /** What is left out has its default for this kind of reference (`completeParameters`). */
  readonly parameters?: Partial<LocScaleParameters>;
}

/** A job with nothing left to default. */
export interface CompleteJob extends LocScaleJob {
  readonly parameters: LocScaleParameters;
}

/** Enhancement of features: a network's mean map over Monte-Carlo passes, and how much to trust it (method 7). */
export interface FeatureEnhanceJob {
  readonly input: LocScaleJob['input'];
  readonly mask?: MapInput;
  readonly predictor: ReferencePredictor;
  /** Passes with dropout and the seed of their masks; undefined: one pass without dropout. */
  readonly monteCarlo?: { readonly passes: number; readonly seed: number };
  /** Imposed on the mean map; with `symmetriseOutput` on the baseline, too. */
  readonly symmetry?: SymmetryRequest;
  readonly symmetriseOutput?: boolean;
  /** What is left out has its default for runs of a network (`completeParameters`). */
  readonly parameters?: Partial<LocScaleParameters>;
}

export type StepName =
  | 'read'
  | 'fsc'
  | 'mask'
  | 'reference'
  | 'symmetry'
  | 'local-resolution'
  | 'scaling'
  | 'significance'
  | 'write';

export interface LocScaleEvents {
  onStep?: (step: StepName, message: string) => void;
  onProgress?: (step: StepName, done: number, total: number) => void;
  /** One sentence each. */
  onWarning?: (message: string) => void;
  onInfo?: (message: string) => void;
  /** Called once, when everything but the scaling itself is known. */
  onPlan?: (plan: LocScalePlan) => void;
}

export interface LocScaleContext extends LocScaleEvents {
  readonly engine: Engine;
  readonly signal?: AbortSignal;
  /** Keep the raw FDR confidence map in the result; otherwise it is released once the mask is made. */
  readonly keepConfidence?: boolean;
  /** Keep the reference in the result, whether given, simulated or predicted. */
  readonly keepReference?: boolean;
  /** Keep the map that was scaled in the result. */
  readonly keepMap?: boolean;
  /** Keep the radial profiles of some voxels, chosen by this seed. */
  readonly auditSeed?: number;
  /** Results of steps are kept here and taken from here. */
  readonly checkpoints?: Checkpoints;
  /** Processes that share the work. */
  readonly team?: Team;
  /**
   * The run takes the voxels of the job's maps over for good (`data` of each is replaced by an empty
   * array), so that the memory of half maps is free again before the scaling starts. Without it the
   * arrays stay referenced by the caller's job; they must not be changed during the run.
   */
  readonly consumeInputs?: boolean;
}

export interface FscCurve {
  /** 1/A, LocScale's axis: linspace(0, 1/(2 voxelSize), n/2). */
  readonly frequency: readonly number[];
  readonly correlation: readonly number[];
  /**
   * A: first fall below 0.143, or Nyquist (twice the voxel size) where the curve stays above; undefined where the half
   * maps have no signal in common. `verdict.end` says which.
   */
  readonly resolution: number | undefined;
  /** First fall below 0.5, A. */
  readonly resolutionHalf: number | undefined;
  /** What the curve and the power say about the half maps. */
  readonly verdict: HalfMapVerdict;
}

/** Where the scaling mask comes from. */
export interface MaskOrigin {
  readonly source: 'user' | 'FDR' | 'model' | 'non-zero region' | 'contour' | 'whole box';
  /** Why it is not the FDR mask of the default settings, one sentence. */
  readonly reason?: string;
}

/** Numbers of method 3 and everything a reader needs to repeat the run. */
export interface LocScaleNumbers {
  readonly voxelSize: number;
  readonly shape: readonly [number, number, number];
  readonly windowVoxels: number;
  readonly windowAngstrom: number;
  /** Where B factors are measured in the windows: from and to, A, and the shells of a window in between. */
  readonly fitRange?: { readonly start: number; readonly end: number; readonly shells: number };
  readonly maskVoxels: number;
  readonly maskOrigin: MaskOrigin;
  readonly molecularVolume: number;
  readonly atoms: number;
  readonly pseudoModelAtoms: number;
  readonly wilsonCutoff: number;
  /** What the reference was averaged over, if anything. */
  readonly symmetry?: { readonly name: string; readonly operators: number };
  readonly localResolution?: LocalResolutionNumbers;
  readonly nyquistCutoff: number;
  readonly fscCutoff: number;
  readonly fscCutoffSource: FscCutoffSource;
  readonly noise?: {
    readonly mean: number;
    readonly variance: number;
    readonly boxes: readonly {
      readonly start: readonly number[];
      readonly size: number;
      readonly mean: number;
      readonly sd: number;
    }[];
  };
}

export interface LocScaleResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Volumes live on the engine until downloaded or released. */
  readonly scaled: Volume;
  readonly mask: Volume;
  readonly confidence?: Volume;
  /** With `keepReference`. */
  readonly reference?: Volume;
  /** The map before scaling, with `keepMap`. */
  readonly map?: Volume;
  readonly bFactor?: Volume;
  readonly quality?: Volume;
  readonly localResolution?: LocalResolutionMaps;
  readonly fsc?: FscCurve;
  readonly numbers: LocScaleNumbers;
  readonly prediction?: Prediction;
  /** With `auditSeed`. */
  readonly audit?: ProfilesAudit;
  /** The model the reference was simulated from, with the B factors used. */
  readonly model?: ModelUsed;
  /** Where the theoretical-profile rule was used, with `keepReference`. */
  readonly differenceMask?: Volume;
  /** Seconds per step. */
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** The atoms behind a simulated reference. */
export interface ModelUsed {
  readonly structure: Structure;
  readonly pseudoAtoms: number;
  /** A^2, over all atoms, as simulated. */
  readonly bFactors: { readonly min: number; readonly mean: number; readonly max: number };
  /** A; the reference was low-passed where the map ends. Undefined: it reaches to the grid's limit. */
  readonly referenceEnd?: number;
}

/** The work of a network, known before it starts. */
export interface Prediction {
  /** Network and device, in words. */
  readonly network: string;
  readonly cubes: number;
  readonly passes: number;
  /** Shape of the map on the network's grid, (z, y, x). */
  readonly networkShape: readonly [number, number, number];
  /** Expected wall time. */
  readonly seconds: number;
}

export interface FeatureEnhanceResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Volumes live on the engine until downloaded or released. The enhanced map: mean of the passes. */
  readonly mean: Volume;
  /** The map scaled locally with the mean as reference. */
  readonly baseline: Volume;
  readonly mask: Volume;
  readonly confidence?: Volume;
  /** Monte-Carlo only: biased variance over the passes, and -100 ... 100 (method 7). */
  readonly variance?: Volume;
  readonly pvddt?: Volume;
  /** The map that was enhanced, with `keepMap`. */
  readonly map?: Volume;
  readonly localResolution?: LocalResolutionMaps;
  readonly fsc?: FscCurve;
  readonly numbers: LocScaleNumbers;
  readonly prediction: Prediction;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** What `--dry-run` prints: everything known before the expensive step. */
export interface LocScalePlan {
  readonly numbers: LocScaleNumbers;
  readonly mode: string;
  readonly engine: string;
  /** Scaling: memory of the engine beside the maps, and the maps it holds then, results included. */
  readonly workingBytes: number;
  readonly volumeBytes: number;
  /** Most memory in use at any time, and the step it is needed in. */
  readonly peakBytes: number;
  readonly peakStep: StepName;
  /** The engine's limit, bytes, if it has one. */
  readonly memoryLimitBytes: number | undefined;
  /** Expected time for the scaling. */
  readonly seconds: number;
  /** What the prediction of the reference takes before it. */
  readonly prediction?: Prediction;
  /** What the local resolution takes, its filter not counted in the time. */
  readonly localResolution?: PlannedLocalResolution;
}

export interface PlannedLocalResolution {
  readonly windowVoxels: number;
  readonly windowAngstrom: number;
  /** Most memory in use then, maps included. */
  readonly peakBytes: number;
  /** Expected time. */
  readonly seconds: number;
}
