/** Plans a run from the headers of the files; refuses what does not fit into a tab. */
import { openMapBlob } from '../../browser/read-blobs.ts';
import { LocScaleError } from '../../errors.ts';
import { gibibytes } from '../../math/bytes.ts';
import { coreCount, hasSharedMemory, totalMemoryBytes } from '../../platform/index.ts';
import { openMaps, planFromHeaders } from '../../screens/plan.ts';
import type { JobRequest, Plan } from '../../screens/protocol.ts';
import { MEMORY_SHARE } from './machine.ts';

/**
 * Reads headers only. Throws 'out-of-memory' for a run that needs more than MEMORY_SHARE of the memory,
 * and as planFromHeaders for files that do not fit together.
 * `hasNetworks`: the page was built with them.
 */
export async function planJob(request: JobRequest, { hasNetworks = true } = {}): Promise<Plan> {
  if (request.reference === 'network' && !hasNetworks)
    throw new LocScaleError('unsupported', 'This copy of the page was built without networks.', {
      hint: 'Choose another reference, or use the command line.',
    });
  const { voxelSize } = request.settings;
  const maps = await openMaps(request.files, (file) =>
    openMapBlob(file, { voxelSize, onWarning: () => undefined }),
  );
  // Without shared memory everything runs in this worker.
  const threads = hasSharedMemory ? coreCount() : 1;
  const plan = planFromHeaders(request, maps, {
    threads,
    limitBytes: MEMORY_SHARE * totalMemoryBytes(),
  });
  const { memoryBytes, limitBytes } = plan;
  if (memoryBytes > limitBytes)
    throw new LocScaleError(
      'out-of-memory',
      `This run needs about ${gibibytes(memoryBytes)}; ` +
        `a page on this computer may take ${gibibytes(limitBytes)}.`,
      { hint: 'Crop or bin the maps, or use the command line, which may take more of the memory.' },
    );
  return plan;
}
