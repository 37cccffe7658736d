/** Converts files and settings to a job of the pipeline. */
import { type BlobRead, mapFromBlob, modelFromBlob, openMapBlob } from '../../browser/read-blobs.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ReferencePredictor } from '../../network/graph/model.ts';
import { completeParameters, defaultLocalResolution } from '../../pipeline/index.ts';
import { defaultRefinementCycles } from '../../pipeline/parameters.ts';
import { referenceTraitsOf } from '../../pipeline/references/index.ts';
import type { LocScaleJob, LocScaleParameters, MapSource, ReferenceChoice } from '../../pipeline/types.ts';
import type { JobRequest } from '../../screens/protocol.ts';
import type { Settings } from '../../screens/settings.ts';

/** A file of the record's list of inputs. */
export interface ReadFile extends BlobRead {
  /** "half map 1", "mask" ...: what the job used it for. */
  readonly role: string;
}

/** What a job needs besides the user's request. */
export interface OpenOptions {
  /** Maps are read into its memory. */
  readonly engine: Engine;
  /** Ends the reading of large files, too. */
  readonly signal: AbortSignal;
  /** Of headers that contradict themselves. */
  readonly onWarning: (message: string) => void;
  /** Once per file, when all of it was read. */
  readonly onRead: (file: ReadFile) => void;
  /** Of runs with a network. */
  readonly predictor?: ReferencePredictor;
}

/** A job with every parameter set, as the record lists them. */
export interface OpenedJob extends LocScaleJob {
  /** Defaults included. */
  readonly parameters: LocScaleParameters;
}

/** Reads half maps at once; mask and reference are opened, and read when the pipeline gets to them. */
export async function openJob(request: JobRequest, options: OpenOptions): Promise<OpenedJob> {
  const { files, settings } = request;
  const { engine, signal, onWarning, onRead, predictor } = options;
  const { voxelSize } = settings;
  const common = (role: string) => ({
    signal,
    voxelSize,
    onWarning,
    onRead: (file: BlobRead) => onRead({ role, ...file }),
  });
  const read = (file: File, role: string) => mapFromBlob(file, { engine, ...common(role) });
  const later = (file: File, role: string): Promise<MapSource> =>
    openMapBlob(file, { engine, ...common(role) });

  const input: LocScaleJob['input'] =
    files.map === undefined
      ? {
          kind: 'half-maps',
          half1: await read(files.half1 as File, 'half map 1'),
          half2: await read(files.half2 as File, 'half map 2'),
        }
      : { kind: 'map', map: await read(files.map, 'map') };
  return {
    input,
    mask:
      files.mask &&
      (await openMapBlob(files.mask, { engine, kind: 'mask', allowAllZero: false, ...common('mask') })),
    reference: await openReference(request, { later, modelOptions: common('atomic model'), predictor }),
    symmetry: symmetryOf(settings),
    symmetriseOutput: settings.symmetriseOutput,
    parameters: parametersOf(request),
  };
}

/** A point group, a helix, or both; the page starts no run with half a helix. */
function symmetryOf({
  symmetry,
  symmetryCentre,
  helicalTwist,
  helicalRise,
}: Settings): LocScaleJob['symmetry'] {
  const helix =
    helicalTwist === undefined || helicalRise === undefined
      ? undefined
      : { twistDegrees: helicalTwist, riseAngstrom: helicalRise };
  if (symmetry === undefined && helix === undefined) return undefined;
  return { group: { name: symmetry ?? 'C1' }, centre: symmetryCentre, helix };
}

/** Ways to open the kinds of reference. */
interface ReferenceOptions extends Pick<OpenOptions, 'predictor'> {
  /** Opens a map whose voxels are read when they are needed. */
  readonly later: (file: File, role: string) => Promise<MapSource>;
  /** Models are small, and read at once. */
  readonly modelOptions: { readonly onRead: (file: BlobRead) => void };
}

/** The page's names of references, as the pipeline's. */
async function openReference(
  { files, settings, reference }: JobRequest,
  { later, modelOptions, predictor }: ReferenceOptions,
): Promise<ReferenceChoice> {
  const structure = () => modelFromBlob(files.model as File, modelOptions);
  switch (reference) {
    case 'profile':
    case 'none':
      return { kind: reference };
    case 'map':
      return { kind: 'model-map', map: await later(files.reference as File, 'reference map') };
    case 'model':
      return {
        kind: 'atomic-model',
        structure: await structure(),
        refinementCycles: settings.refine === false ? undefined : defaultRefinementCycles,
        theoreticalProfile: false,
      };
    case 'completed-model':
      return { kind: 'hybrid-model', structure: await structure() };
    case 'pseudo-model':
      return { kind: reference };
    case 'network':
      return { kind: reference, predictor: predictor as ReferencePredictor };
  }
}

/** From the page's names, which are in users' links, to the pipeline's. */
const KINDS = {
  profile: 'profile',
  none: 'none',
  map: 'model-map',
  model: 'atomic-model',
  'completed-model': 'hybrid-model',
  'pseudo-model': 'pseudo-model',
  network: 'network',
} as const;

/** Completed like on the command line. */
export function parametersOf(request: JobRequest): LocScaleParameters {
  const { settings, reference, scheme } = request;
  const smoothsMask = referenceTraitsOf(KINDS[reference]).usesNetwork || scheme === 'soft';
  const { resolution, resolutionFrom, window, fdr, noiseBox, noiseBoxesAt, maskFilter } = settings;
  const { bFactors, localResolution, unexplained, targetBFactor, locality } = settings;
  return completeParameters(
    {
      scaling: scheme === 'soft' ? 'soft' : 'locscale',
      soft: scheme === 'soft' ? { locality } : undefined,
      resolution,
      resolutionFrom,
      windowVoxels: window,
      referenceResolution: settings.referenceResolution,
      fdrWindow: noiseBox,
      fdrNoiseBoxes: noiseBoxesAt,
      maskShape: maskShapeOf(request),
      molecularWeightKiloDalton: settings.molecularWeight,
      fadeOutput: settings.fadeOutput,
      unexplained,
      measureBFactors: bFactors ?? false,
      localResolution: localResolution === true ? defaultLocalResolution : undefined,
      // Undefined has a meaning of its own here, or is no value.
      ...(fdr === undefined ? {} : { fdrThreshold: fdr }),
      ...(maskFilter === undefined ? {} : { fdrFilter: maskFilter }),
      ...(targetBFactor === undefined ? {} : { setLocalBFactor: targetBFactor }),
    },
    smoothsMask,
  );
}

/** Undefined for a mask that is left as it is. */
function maskShapeOf({ files, settings }: JobRequest): LocScaleParameters['maskShape'] {
  const { threshold, maskFilter, fillHoles, keepPieces, extend, softEdge } = settings;
  const shape = {
    threshold,
    lowPass: threshold === undefined || files.mask !== undefined ? undefined : maskFilter,
    fillHoles,
    keepPieces,
    extendAngstrom: extend,
    softEdgeAngstrom: softEdge,
  };
  return Object.values(shape).every((value) => value === undefined) ? undefined : shape;
}
