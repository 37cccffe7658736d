/** All output files of commands that make maps or curves, one row each. outputs.ts interprets the rows. */
import { dirname, join } from 'node:path';
import type { Volume } from '../engine/engine.ts';
import { writeMmcif } from '../formats/write-mmcif.ts';
import type {
  FeatureEnhanceResult,
  FscResult,
  LocalResolutionResult,
  LocScaleResult,
  MaskResult,
  ResampleResult,
} from '../index.ts';
import type { CommandName } from '../options/index.ts';
import type { SymmetriseResult } from '../pipeline/index.ts';
import { defaultSeed } from '../pipeline/parameters.ts';
import {
  filteredMap,
  localResolutionMaps,
  maskMap,
  measuredMaps,
  resolutionMap,
  scaledMap,
  unexplainedMap,
} from '../report/maps-of-runs.ts';
import {
  maskVolume,
  sceneOfEnhancement,
  sceneOfLocalResolution,
  sceneOfScaledRun,
} from '../report/scenes.ts';
import { assessOutputs } from './assess-outputs.ts';
import { enhancedName } from './enhanced-names.ts';
import { encodeCurve } from './fsc-files.ts';
import { absolute, whenHalfMaps, whenMaskIsMade, whenMaskIsShaped } from './output-conditions.ts';
import type { Finished, OutputRow, OutputTable, RunRequest } from './outputs.ts';
import { postprocessOutputs } from './postprocess-outputs.ts';

/** Kinds of reference that are simulated from atoms, which can be written with their model. */
const simulated: readonly RunRequest['reference'][] = ['atomic-model', 'hybrid-model', 'pseudo-model'];
const isSimulated = ({ reference }: RunRequest): boolean => simulated.includes(reference);

/** Rows common to scaling and feature enhancement. */
type ScalingResult = Pick<
  LocScaleResult,
  'mask' | 'softMask' | 'confidence' | 'fsc' | 'numbers' | 'localResolution'
>;

/** Written with -op; a mask that the user shapes always. */
const masks: OutputTable<ScalingResult> = [
  { ...maskMap, key: 'shapedMask', when: whenMaskIsShaped, node: 'mask' },
  { ...maskMap, inProcessingFolder: true, node: 'mask' },
  {
    key: 'confidence',
    name: '_confidence.mrc',
    inProcessingFolder: true,
    when: whenMaskIsMade,
    keep: { keepConfidence: true },
    volume: ({ confidence }) => confidence,
    label: 'FDR confidence',
    description: 'confidence map that the mask was made from',
  },
];

/** The unmasked half-map FSC of a run, with its verdict; the command `fsc` writes curves within masks. */
const curve: OutputRow<ScalingResult> = {
  key: 'fsc',
  name: '_fsc.json',
  inProcessingFolder: true,
  when: whenHalfMaps,
  content: ({ result }) => `${JSON.stringify(result.fsc, null, 2)}\n`,
  description: 'FSC curve of the half maps and what it says about them',
};

/** Condition of the outputs of local resolution. */
const whenResolutionIsMeasured = {
  test: ({ values }: RunRequest) => values.localResolution === true,
  description: '`--local_resolution`',
};

/** The map of local resolutions (A) and the map low-passed at them. */
const localResolution: OutputTable<ScalingResult> = [
  { ...localResolutionMaps.resolution, when: whenResolutionIsMeasured, node: 'resolution' },
  { ...localResolutionMaps.filtered, when: whenResolutionIsMeasured, node: 'map' },
];

/** `main`: row of the map whose surface is coloured. */
const localResolutionScene = (main: string): OutputRow<ScalingResult> => ({
  key: 'locresScene',
  name: '_locres.cxc',
  when: whenResolutionIsMeasured,
  content: ({ result: { localResolution: found, numbers }, paths }) =>
    found &&
    sceneOfLocalResolution(
      found.numbers,
      { shown: absolute(paths[main]), resolution: absolute(paths.locres) },
      maskVolume(numbers),
    ),
  description: 'opens the map in ChimeraX, coloured by its local resolution',
});

/** How descriptions call the ways of --also. */
const otherWays = { locscale: "LocScale's scheme", soft: 'soft bands', global: 'one B factor' } as const;

/** The map of --also. */
const comparisonOutput = (way: keyof typeof otherWays): OutputRow<LocScaleResult> => ({
  key: `also-${way}`,
  name: `_${way}.mrc`,
  when: { test: ({ values }) => values.also === way, description: `\`--also ${way}\`` },
  volume: ({ also }) => also?.scaled,
  label: `for comparison: ${otherWays[way]}`,
  node: 'map',
  description: `the same map scaled by ${otherWays[way]}, for comparison`,
});

/** Condition of the maps that only soft bands measure. */
const whenBandsAreMeasured = {
  test: ({ values, scaling }: RunRequest) => values.measureBfactors === true && scaling === 'soft',
  description: '`--measure_bfactors` with soft scaling',
};

/** Condition of the B-factor map, which both schemes write. */
const whenBFactorsAreMeasured = {
  test: ({ values }: RunRequest) => values.measureBfactors === true,
  description: '`--measure_bfactors`',
};

/** The ChimeraX file of a scaled map. Paths in it are absolute, so that it can be opened from any folder. */
const scalingScene = ({
  engine,
  result,
  paths: { scaled, bFactor },
  request: { input },
}: Finished<LocScaleResult>): Promise<string> =>
  sceneOfScaledRun(engine, result, {
    scaled: absolute(scaled),
    bFactor: bFactor && absolute(bFactor),
    input: input.kind === 'map' ? absolute(input.map) : undefined,
  });

/** A reference made by the run itself. */
const referenceOutput = (
  made: 'predicted' | 'simulated',
  description: string,
  when: OutputRow<LocScaleResult>['when'],
): OutputRow<LocScaleResult> => ({
  key: `${made}Reference`,
  name: `_${made}_reference.mrc`,
  inProcessingFolder: true,
  when,
  keep: { keepReference: true },
  volume: ({ reference, prediction, model }) =>
    (made === 'predicted' ? prediction : model) === undefined ? undefined : reference,
  label: 'reference',
  description,
});

/** Outputs of `scale`: the scaled map first, then what options add. */
export const scaleOutputs: OutputTable<LocScaleResult> = [
  { ...scaledMap, node: 'map' },
  comparisonOutput('locscale'),
  comparisonOutput('soft'),
  comparisonOutput('global'),
  ...localResolution,
  { ...measuredMaps.bFactor, when: whenBFactorsAreMeasured, node: 'image' },
  {
    ...measuredMaps.quality,
    when: {
      test: (request) => whenBFactorsAreMeasured.test(request) && request.scaling !== 'soft',
      description: "`--measure_bfactors` in LocScale's scheme",
    },
    node: 'image',
  },
  { ...measuredMaps.bandResolution, when: whenBandsAreMeasured, node: 'resolution' },
  { ...measuredMaps.signal, when: whenBandsAreMeasured, node: 'image' },
  {
    ...unexplainedMap,
    when: { test: ({ values }) => values.unexplained === true, description: '`--unexplained`' },
    node: 'image',
  },
  ...masks,
  referenceOutput('predicted', 'what the network predicted', {
    test: ({ reference }) => reference === 'network',
    description: 'a network predicts the reference',
  }),
  referenceOutput('simulated', 'map simulated from the atoms', {
    test: isSimulated,
    description: 'the reference is simulated from atoms',
  }),
  {
    key: 'differenceMask',
    name: '_difference_mask.mrc',
    inProcessingFolder: true,
    when: { test: ({ reference }) => reference === 'hybrid-model', description: '`--complete_model`' },
    keep: { keepReference: true },
    volume: ({ differenceMask }) => differenceMask,
    label: 'difference mask',
    description: 'where the model has no atoms',
  },
  localResolutionScene('scaled'),
  {
    key: 'scene',
    name: '.cxc',
    content: scalingScene,
    description:
      'opens the map in ChimeraX at a sensible level, coloured by local B factor where that was measured',
  },
  {
    key: 'model',
    name: '_model.cif',
    // With -skip_refine the model is the user's own, unchanged: there is nothing to write.
    when: {
      test: (request) => isSimulated(request) && request.values.skipRefine !== true,
      description: 'B factors are refined, or pseudo-atoms placed',
    },
    content: ({ result: { model } }) => model && writeMmcif(model.structure),
    description: 'atoms that the reference was simulated from, with the B factors used',
  },
  curve,
  {
    key: 'audit',
    name: '_profiles_audit.json',
    inProcessingFolder: true,
    // Windows of soft scaling are Gaussian and have no radial profiles.
    when: { test: ({ scaling }) => scaling !== 'soft', description: "LocScale's scheme" },
    keep: ({ values }) => ({ auditSeed: values.seed ?? defaultSeed }),
    content: ({ result }) => `${JSON.stringify(result.audit)}\n`,
    description: 'radial profiles and scale factors of 1 % of the voxels',
  },
];

/** Condition of what needs several passes of the network. */
const whenSampled = {
  test: ({ values }: RunRequest) => values.noMonteCarlo !== true,
  description: 'unless `-no_mc`',
};

/** Outputs of `feature_enhance`. Programs look for three of them by LocScale's names (enhanced-names.ts). */
export const enhanceOutputs: OutputTable<FeatureEnhanceResult> = [
  {
    key: 'mean',
    name: ({ values, outfile }) => enhancedName('mean', values, outfile),
    volume: ({ mean }) => mean,
    label: 'feature-enhanced map',
    shown: { as: 'result', label: 'enhanced map' },
    node: 'map',
    description: 'enhanced map: mean over the passes of the network',
  },
  ...localResolution,
  {
    key: 'baseline',
    name: ({ values, outfile }) => enhancedName('baseline', values, outfile),
    volume: ({ baseline }) => baseline,
    label: 'baseline: local scaling',
    shown: { as: 'reference', label: 'baseline' },
    node: 'map',
    description: 'map scaled locally with the enhanced map as reference',
  },
  {
    key: 'variance',
    name: '_variance.mrc',
    when: whenSampled,
    volume: ({ variance }) => variance,
    label: 'Monte-Carlo variance',
    node: 'image',
    description: 'variance over the passes',
  },
  {
    key: 'pvddt',
    name: ({ values, outfile }) => enhancedName('pvddt', values, outfile),
    when: whenSampled,
    volume: ({ pvddt }) => pvddt,
    label: 'pVDDT',
    shown: { as: 'local', label: 'pVDDT', unit: '' },
    node: 'image',
    description: 'pVDDT, -100 ... 100: how significant the difference from the baseline is',
  },
  ...masks,
  localResolutionScene('mean'),
  {
    key: 'scene',
    name: '.cxc',
    content: ({ result: { numbers }, paths: { mean, baseline, pvddt } }) =>
      sceneOfEnhancement(
        { mean: absolute(mean), baseline: absolute(baseline), pvddt: pvddt && absolute(pvddt) },
        maskVolume(numbers),
      ),
    description: 'opens enhanced map and baseline in ChimeraX, coloured by pVDDT',
  },
  curve,
];

/** Outputs of `mask`. The confidence is written whenever it exists, as the mask can be made again from it. */
export const maskOutputs: OutputTable<MaskResult> = [
  {
    key: 'mask',
    name: '',
    volume: ({ mask }) => mask,
    label: ({ origin }) => (origin.source === 'FDR' ? 'FDR mask' : 'mask'),
    node: 'mask',
    description: 'mask: 1 where the confidence reaches 1 - rate (`-fdr`)',
  },
  {
    key: 'confidence',
    name: '_confidence.mrc',
    volume: ({ confidence }) => confidence,
    label: 'FDR confidence map',
    shown: { as: 'local', label: 'FDR confidence', unit: '' },
    node: 'image',
    description: 'FDR confidence map; absent where the mask had to be made another way',
  },
];

/** Outputs of `locres`, the only ones of that command. */
export const locresOutputs: OutputTable<LocalResolutionResult> = [
  {
    key: 'resolution',
    name: '',
    volume: ({ resolution }) => resolution,
    ...resolutionMap,
    shown: { as: 'local', label: 'local resolution', unit: 'Å' },
    node: 'resolution',
  },
  {
    key: 'filtered',
    name: '_filtered.mrc',
    volume: ({ filtered }) => filtered,
    ...filteredMap,
    shown: { as: 'result', label: 'filtered map' },
    node: 'map',
  },
  {
    key: 'scene',
    name: '.cxc',
    content: ({ result, paths }) =>
      sceneOfLocalResolution(
        result.numbers,
        { shown: absolute(paths.filtered), resolution: absolute(paths.resolution) },
        maskVolume(result),
      ),
    description: 'opens the filtered map in ChimeraX, coloured by its local resolution',
  },
];

/** Output of `resample`. */
export const resampleOutputs: OutputTable<ResampleResult> = [
  {
    key: 'resampled',
    name: '',
    volume: ({ resampled }) => resampled,
    label: 'on another grid',
    node: 'map',
    description: 'map on the new grid',
  },
];

/** Output of `symmetrise`. */
export const symmetriseOutputs: OutputTable<SymmetriseResult> = [
  {
    key: 'averaged',
    name: '',
    volume: ({ averaged }) => averaged,
    label: ({ symmetry }) => `symmetry ${symmetry.name}`,
    node: 'map',
    description: 'map averaged over the operators of the symmetry',
  },
];

/** Output of `fsc`: a file only with -o; the table is printed always. */
export const fscOutputs: OutputTable<Pick<FscResult, 'fsc' | 'masked'>> = [
  {
    key: 'curve',
    name: '',
    when: { test: ({ values }) => values.outfile !== undefined, description: '`-o`' },
    content: ({ result, request: { input, outfile, values } }) =>
      encodeCurve(outfile, result, input, values.mask),
    description:
      "FSC curves: JSON, the XML of the EMDB where the name ends in .xml, or with a mask RELION's " +
      'STAR (.star)',
  },
];

/** File names in the demo's folder. */
export const DEMO_FILES = {
  half1: 'half_map_1.mrc',
  half2: 'half_map_2.mrc',
  /** The ideal map. */
  reference: 'reference.mrc',
  scaled: 'locscale_output.mrc',
  scheme: 'locscale_scheme.mrc',
  slices: 'slices.png',
  scene: 'locscale_output.cxc',
  report: 'report.html',
  record: 'demo.json',
} as const;

/** Result of the demo: a scaling run and its comparison with the truth. */
export interface DemoResult extends LocScaleResult {
  /** The map by LocScale's scheme, and its entry in the record; undefined without a network. */
  readonly scheme?: Volume;
  readonly comparison?: object;
  /** A PNG. */
  readonly slices: Uint8Array;
  /** Correlations with the truth over the voxels of the mask. */
  readonly correlation: {
    /** Correlation of the mean of the half maps. */
    readonly before: number;
    readonly locscaleScheme?: number;
    readonly soft: number;
  };
}

/** A name in the folder of the main output, which for the demo is the folder of -o. */
const inDemo =
  (name: string) =>
  ({ outfile }: RunRequest): string =>
    join(dirname(outfile), name);

/** Outputs of `demo`, besides the half maps and the ideal map, which are written before the run. */
export const demoOutputs: OutputTable<DemoResult> = [
  {
    key: 'scaled',
    name: '',
    volume: ({ scaled }) => scaled,
    label: 'soft scaling, demo',
    shown: { as: 'result', label: 'softly scaled' },
    description: 'softly scaled map',
  },
  {
    key: 'scheme',
    name: inDemo(DEMO_FILES.scheme),
    volume: ({ scheme }) => scheme,
    label: 'local scaling, demo',
    description: "the map by LocScale's scheme, where the bundled network can predict its reference",
  },
  {
    key: 'slices',
    name: inDemo(DEMO_FILES.slices),
    content: ({ result }) => [result.slices],
    description: 'sections of the maps and of the truth',
  },
  {
    key: 'scene',
    name: '.cxc',
    content: scalingScene,
    description: 'opens the softly scaled map in ChimeraX',
  },
];

/** Commands without a table write no files through run-command.ts. */
const tables = {
  scale: scaleOutputs,
  feature_enhance: enhanceOutputs,
  mask: maskOutputs,
  locres: locresOutputs,
  postprocess: postprocessOutputs,
  assess: assessOutputs,
  resample: resampleOutputs,
  symmetrise: symmetriseOutputs,
  fsc: fscOutputs,
  demo: demoOutputs,
} satisfies Partial<Record<CommandName, unknown>>;

/** Tables by command, for docs/outputs.md and RELION's nodes. */
export const outputTables: Readonly<Record<keyof typeof tables, readonly OutputRow<never>[]>> = tables;
