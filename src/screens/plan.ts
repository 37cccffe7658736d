/**
 * Immediate plan from headers and settings alone: mismatching grids, memory and time. What depends on the
 * voxels (resolution, window, mask) follows with the run's own plan.
 */
import { named } from '../errors.ts';
import { isotropicVoxelSize, voxelCount } from '../math/grid.ts';
import { matchOf } from '../pipeline/match-grids.ts';
import { decideGrid, type Matcher } from '../pipeline/read-maps.ts';
import type { MapSource, MatchRole } from '../pipeline/types.ts';
import type { JobRequest, Plan } from './protocol.ts';

/**
 * Peak number of volumes of a run, and working memory per thread in MiB: fitted to the plans of runs in boxes
 * of 108 and 160 voxels (test/unit/web/plan.test.ts compares).
 */
const VOLUMES = { soft: 9.2, windows: 5, bFactors: 4.5, localResolution: 2.6, atoms: 5, network: 0 } as const;
const THREAD_MEBIBYTES = {
  soft: 4,
  windows: 22,
  bFactors: 0,
  localResolution: 55,
  atoms: 0,
  network: 120,
} as const;
/** Seconds per core and million voxels of the box, with a typical fraction inside the mask. */
const SECONDS = { soft: 6, windows: 6, bFactors: 2, localResolution: 7, atoms: 20, network: 0 } as const;
/**
 * A network works on voxels of its own, mostly 1 A: volumes of those, and seconds per core and million of
 * them (a cube of 48^3 takes 0.34 s in WebAssembly, and a third of the box is in the mask).
 */
const NETWORK = { volumes: 3, seconds: 8 } as const;
const FIXED_BYTES = 16 * 2 ** 20;

type MapOfJob = 'half1' | 'half2' | 'map' | 'mask' | 'reference';

/** A map, and what it is to a run. */
export interface PlannedMap {
  readonly map: MapSource;
  readonly as: MatchRole;
}

/** The maps of a job, the input first; `open` reads a header. */
export async function openMaps<File>(
  { half1, half2, map, mask, reference }: Readonly<Partial<Record<MapOfJob, File>>>,
  open: (file: File) => Promise<MapSource>,
): Promise<PlannedMap[]> {
  const opened = async (file: File | undefined, as: MatchRole): Promise<PlannedMap[]> =>
    file === undefined ? [] : [{ map: await open(file), as }];
  const maps = await Promise.all([
    opened(half1, 'map'),
    opened(half2, 'map'),
    opened(map, 'map'),
    opened(mask, 'mask'),
    opened(reference, 'reference'),
  ]);
  return maps.flat();
}

/** `maps`: with what each is, the input first. `threads`: of the CPU engine. */
export function planFromHeaders(
  {
    files,
    settings,
    reference,
    scheme,
  }: Pick<JobRequest<unknown>, 'files' | 'settings' | 'reference' | 'scheme'>,
  maps: readonly PlannedMap[],
  { threads, limitBytes }: { readonly threads: number; readonly limitBytes: number },
): Plan {
  const warnings: string[] = [];
  const warn = (message: string): number => warnings.push(message);
  const match: Matcher = (map, from, to, where) => {
    const as = maps.find((one) => one.map === map)?.as ?? 'reference';
    warn(matchOf(map.name, from, to, where, as).sentence);
  };
  const { grid } = decideGrid(
    maps.map(({ map }) => map),
    { warn },
    settings.matchGrid === true ? match : undefined,
  );
  if (reference === 'profile' && isSymmetric(settings) && settings.symmetriseOutput !== true)
    warn(
      `${settings.symmetry === undefined ? 'The helix' : `The symmetry ${settings.symmetry}`} changes nothing: an average protein has no places to average, ` +
        `and the result is averaged with ${named('symmetriseOutput')} only.`,
    );
  for (const sentence of idleSettings({ files, settings, reference })) warn(sentence);
  const voxels = voxelCount(grid.shape);
  const usesAtoms = reference === 'model' || reference === 'completed-model' || reference === 'pseudo-model';
  const total = (costs: Readonly<Record<keyof typeof VOLUMES, number>>): number =>
    costs[scheme] +
    (settings.bFactors === true ? costs.bFactors : 0) +
    (settings.localResolution === true ? costs.localResolution : 0) +
    (usesAtoms ? costs.atoms : 0) +
    (reference === 'network' ? costs.network : 0);
  const networkVoxels = reference === 'network' ? voxels * isotropicVoxelSize(grid) ** 3 : 0;
  return {
    mode: describe({ reference, scheme }),
    shape: grid.shape,
    voxelSize: isotropicVoxelSize(grid),
    voxels,
    memoryBytes:
      4 * (voxels * total(VOLUMES) + networkVoxels * NETWORK.volumes) +
      threads * total(THREAD_MEBIBYTES) * 2 ** 20 +
      FIXED_BYTES,
    limitBytes,
    seconds: (total(SECONDS) * voxels + NETWORK.seconds * networkVoxels) / 1e6 / threads,
    warnings,
  };
}

/** Settings without an effect in this run, as the command line reports its options. */
function idleSettings({
  files,
  settings,
  reference,
}: Pick<JobRequest<unknown>, 'files' | 'settings' | 'reference'>): string[] {
  const { fdr, noiseBox, noiseBoxesAt, maskFilter, threshold, targetBFactor, locality } = settings;
  const isGiven = files.mask !== undefined;
  const isIdle = isGiven || threshold !== undefined;
  const because = isGiven ? 'a mask is given' : 'the mask is not made by false-discovery rate';
  const idle: [isSet: boolean, name: string, because: string][] = [
    [isIdle && fdr !== undefined, 'fdrThreshold', because],
    [isIdle && noiseBox !== undefined, 'fdrWindow', because],
    [isIdle && noiseBoxesAt !== undefined, 'fdrNoiseBoxes', because],
    [isGiven && maskFilter !== undefined, 'fdrFilter', because],
    [targetBFactor !== undefined && reference !== 'none', 'setLocalBFactor', 'there is a reference'],
    [locality !== undefined && reference !== 'profile', 'locality', 'it belongs to an average protein'],
  ];
  return idle.flatMap(([isSet, name, why]) => (isSet ? [`${named(name)} has no effect: ${why}.`] : []));
}

function isSymmetric({ symmetry, helicalTwist }: JobRequest['settings']): boolean {
  return (symmetry !== undefined && symmetry !== 'C1') || helicalTwist !== undefined;
}

const REFERENCES = {
  profile: 'an average protein',
  none: 'a constant B factor',
  map: 'the reference map',
  model: 'the atomic model',
  'completed-model': 'the model, completed by pseudo-atoms',
  'pseudo-model': 'pseudo-atoms',
  network: 'a reference predicted by a network',
} as const;

function describe({ reference, scheme }: Pick<JobRequest, 'reference' | 'scheme'>): string {
  return `${scheme === 'soft' ? 'soft bands' : 'LocScale’s windows'}, scaled to ${REFERENCES[reference]}`;
}
