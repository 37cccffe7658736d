/**
 * Jobs of the page as command lines: a run of the app is a run of the command line, which its record repeats.
 */
import { LocScaleError } from '../errors.ts';
import type { JobRequest } from '../screens/protocol.ts';
import { hashOf, type Reference, references, type Settings, settingsOf } from '../screens/settings.ts';
import type { RootFolder } from './root-folder.ts';

/** Files by their paths below the root, which is the working folder of the run. */
export type PathJob = JobRequest<string> & { readonly output: string };

/** Files that a job can have. */
const ROLES = ['half1', 'half2', 'map', 'mask', 'reference', 'model', 'network'] as const;

/** Of a request: whatever it is, a job comes out whose files lie below the root, or an error. */
export async function readJob(value: unknown, root: RootFolder): Promise<PathJob> {
  const { files, settings, reference, scheme, output } = (value ?? {}) as Partial<JobRequest<unknown>>;
  if (!references.includes(reference as Reference) || (scheme !== 'soft' && scheme !== 'windows'))
    throw malformed('a reference and a scheme');
  const paths: Partial<Record<(typeof ROLES)[number], string>> = {};
  for (const role of ROLES) {
    const file = files?.[role];
    if (file !== undefined) paths[role] = (await root.file(readPath(file))).path;
  }
  if (typeof output !== 'string') throw malformed('an output');
  return {
    files: paths,
    // As from a link: only known settings with sensible values.
    settings: settingsOf(hashOf((settings ?? {}) as Settings)),
    reference: reference as Reference,
    scheme,
    output: await root.output(output),
  };
}

/** `file`: a ServerFile (screens/protocol.ts). */
export function readPath(file: unknown): string {
  const path = (file as { readonly path?: unknown } | null)?.path;
  if (typeof path !== 'string') throw malformed('the path of a file');
  return path;
}

/** The page never sends it: thrown for requests of other programs and of older pages. */
function malformed(what: string): LocScaleError {
  return new LocScaleError(
    'usage',
    `The request lacks ${what}: page and program are of different versions.`,
    {
      hint: 'Load the page again.',
    },
  );
}

/** Options of settings; those of the reference and of the mask's filter depend on several. */
const OPTIONS: {
  readonly [K in keyof Required<Settings>]: (value: NonNullable<Settings[K]>) => readonly string[];
} = {
  reference: () => [],
  scheme: () => [],
  refine: () => [],
  // Chosen by hand, a driver that computes on the CPU counts as a GPU, as in the page.
  engine: (engine) => ['--engine', engine, ...(engine === 'gpu' ? ['--allow_software_gpu'] : [])],
  bFactors: (on) => (on ? ['--measure_bfactors'] : []),
  localResolution: (on) => (on ? ['--local_resolution'] : []),
  resolution: (angstrom) => ['-res', String(angstrom)],
  voxelSize: (angstrom) => ['-p', String(angstrom)],
  window: (voxels) => ['-wn', String(voxels)],
  fdr: (rate) => ['-fdr', String(rate)],
  noiseBox: (voxels) => ['-fdr_w', String(voxels)],
  noiseBoxesAt: (voxels) => voxels.flatMap((voxel) => ['--noise_box', String(voxel)]),
  maskFilter: () => [],
  threshold: (density) => ['--threshold', String(density)],
  fillHoles: (on) => (on ? ['--fill_holes'] : []),
  keepPieces: (pieces) => ['--keep', String(pieces)],
  extend: (angstrom) => ['--extend', String(angstrom)],
  softEdge: (angstrom) => ['--soft_edge', String(angstrom)],
  molecularWeight: (kiloDalton) => ['-mw', String(kiloDalton)],
  resolutionFrom: (fsc) => ['--resolution_from', fsc],
  symmetry: (group) => ['-sym', group],
  symmetryCentre: (centre) => ['--sym_center', String(centre)],
  helicalTwist: (degrees) => ['--twist', String(degrees)],
  helicalRise: (angstrom) => ['--rise', String(angstrom)],
  symmetriseOutput: (on) => (on ? ['--symmetrise_output'] : []),
  matchGrid: (on) => (on ? ['--match_grid'] : []),
  unexplained: (on) => (on ? ['--unexplained'] : []),
  referenceResolution: (angstrom) => ['-mres', String(angstrom)],
  targetBFactor: (squareAngstrom) => ['--set_local_bfactor', String(squareAngstrom)],
  locality: (share) => ['--locality', String(share)],
  fadeOutput: (on) => (on ? ['--fade_output'] : []),
};

/** What the command line is called with; `more`: of the app's own command line (threads, memory, GPUs). */
export function commandLineOf(job: PathJob, more: readonly string[] = []): string[] {
  const { files, settings, output } = job;
  const { half1, half2, map, mask } = files;
  const maps = map === undefined ? ['-hm', named(half1), named(half2)] : ['-em', named(map)];
  const options = Object.entries(settings).flatMap(([name, value]) =>
    (OPTIONS[name as keyof Settings] as (value: unknown) => readonly string[])(value),
  );
  return [
    ...maps,
    ...(mask === undefined ? [] : ['-ma', named(mask)]),
    ...referenceOptions(job),
    ...options,
    ...maskFilterOptions(job),
    ...more,
    '-o',
    named(output),
    '--print_report',
  ];
}

/** One field of the page is the low-pass of whatever the mask is made from. */
function maskFilterOptions({ files, settings: { maskFilter, threshold } }: PathJob): string[] {
  if (maskFilter === undefined) return [];
  const isDensity = threshold !== undefined && files.mask === undefined;
  return [isDensity ? '--low_pass' : '-fdr_f', String(maskFilter)];
}

/** Options of the reference, with the scheme where the command line has another default. */
function referenceOptions({ reference, scheme, files, settings }: PathJob): string[] {
  const scaling = scheme === 'soft' ? ['--scaling', 'soft'] : [];
  switch (reference) {
    case 'profile':
      return ['--reference', 'profile'];
    case 'none':
      return ['--no_reference'];
    case 'map':
      return ['-mm', named(files.reference), ...scaling];
    case 'model':
      return ['-mc', named(files.model), ...(settings.refine === false ? ['--skip_refine'] : []), ...scaling];
    case 'completed-model':
      return ['-mc', named(files.model), '--complete_model', ...scaling];
    case 'pseudo-model':
      return ['--reference', 'pseudomodel', ...scaling];
    case 'network':
      return [
        '--reference',
        'network',
        ...(files.network === undefined ? [] : ['-model_path', named(files.network)]),
        ...scaling,
      ];
  }
}

/** A name with a dash in front is no option. */
function named(path: string | undefined): string {
  if (path === undefined) throw malformed('a file');
  return path.startsWith('-') ? `./${path}` : path;
}
