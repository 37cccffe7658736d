/**
 * Immediate plan from headers and settings alone: mismatching grids, memory and time. What depends on the
 * voxels (resolution, window, mask) follows with the run's own plan.
 */
import { openMapBlob } from '../../browser/read-blobs.ts';
import { LocScaleError } from '../../errors.ts';
import { gibibytes } from '../../math/bytes.ts';
import { isotropicVoxelSize, voxelCount } from '../../math/grid.ts';
import { decideGrid } from '../../pipeline/read-maps.ts';
import { coreCount, hasSharedMemory, totalMemoryBytes } from '../../platform/index.ts';
import type { JobRequest, Plan } from '../protocol.ts';
import { MEMORY_SHARE } from './machine.ts';

/**
 * Peak number of volumes of a run, and working memory per thread in MiB: fitted to the plans of runs in boxes
 * of 108 and 160 voxels (test/unit/web/plan.test.ts compares).
 */
const VOLUMES = { soft: 9.2, windows: 5, bFactors: 4.5, localResolution: 2.6, atoms: 5 } as const;
const THREAD_MEBIBYTES = { soft: 4, windows: 22, bFactors: 0, localResolution: 55, atoms: 0 } as const;
/** Seconds per core and million voxels of the box, with a typical fraction inside the mask. */
const SECONDS = { soft: 6, windows: 6, bFactors: 2, localResolution: 7, atoms: 20 } as const;
const FIXED_BYTES = 16 * 2 ** 20;

export async function planJob(request: JobRequest): Promise<Plan> {
  const { files, settings, reference, scheme } = request;
  const warnings: string[] = [];
  const named = [files.half1, files.half2, files.map, files.mask, files.reference].filter(
    (file) => file !== undefined,
  );
  const maps = await Promise.all(
    named.map((file) => openMapBlob(file, { voxelSize: settings.voxelSize, onWarning: () => undefined })),
  );
  const { grid } = decideGrid(maps, { warn: (message) => warnings.push(message) });
  const voxels = voxelCount(grid.shape);
  const usesAtoms = reference === 'model' || reference === 'completed-model' || reference === 'pseudo-model';
  const total = (costs: Readonly<Record<keyof typeof VOLUMES, number>>): number =>
    costs[scheme] +
    (settings.bFactors === true ? costs.bFactors : 0) +
    (settings.localResolution === true ? costs.localResolution : 0) +
    (usesAtoms ? costs.atoms : 0);
  const threads = hasSharedMemory ? coreCount() : 1;
  const memoryBytes = 4 * voxels * total(VOLUMES) + threads * total(THREAD_MEBIBYTES) * 2 ** 20 + FIXED_BYTES;
  const limitBytes = MEMORY_SHARE * totalMemoryBytes();
  if (memoryBytes > limitBytes)
    throw new LocScaleError(
      'out-of-memory',
      `This run needs about ${gibibytes(memoryBytes)}; a page on this computer may take ${gibibytes(limitBytes)}.`,
      { hint: 'Crop or bin the maps, or use the command line, which may take more of the memory.' },
    );
  return {
    mode: describe(request),
    shape: grid.shape,
    voxelSize: isotropicVoxelSize(grid),
    voxels,
    memoryBytes,
    limitBytes,
    seconds: (total(SECONDS) * voxels) / 1e6 / threads,
    warnings,
  };
}

const REFERENCES = {
  profile: 'an average protein',
  none: 'a constant B factor',
  map: 'the reference map',
  model: 'the atomic model',
  'completed-model': 'the model, completed by pseudo-atoms',
  'pseudo-model': 'pseudo-atoms',
} as const;

function describe({ reference, scheme }: JobRequest): string {
  return `${scheme === 'soft' ? 'soft bands' : 'LocScale’s windows'}, scaled to ${REFERENCES[reference]}`;
}
