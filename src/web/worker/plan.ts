/** Plans a run from the headers of the files; refuses what does not fit into a tab. */
import { openMapBlob } from '../../browser/read-blobs.ts';
import { LocScaleError } from '../../errors.ts';
import { gibibytes } from '../../math/bytes.ts';
import { coreCount, hasSharedMemory, totalMemoryBytes } from '../../platform/index.ts';
import { planFromHeaders } from '../../screens/plan.ts';
import type { JobRequest, Plan } from '../../screens/protocol.ts';
import { MEMORY_SHARE } from './machine.ts';

export async function planJob(request: JobRequest): Promise<Plan> {
  const { half1, half2, map, mask, reference } = request.files;
  const named = [half1, half2, map, mask, reference].filter((file) => file !== undefined);
  const { voxelSize } = request.settings;
  const maps = await Promise.all(
    named.map((file) => openMapBlob(file, { voxelSize, onWarning: () => undefined })),
  );
  const threads = hasSharedMemory ? coreCount() : 1;
  const plan = planFromHeaders(request, maps, { threads, limitBytes: MEMORY_SHARE * totalMemoryBytes() });
  const { memoryBytes, limitBytes } = plan;
  if (memoryBytes > limitBytes)
    throw new LocScaleError(
      'out-of-memory',
      `This run needs about ${gibibytes(memoryBytes)}; a page on this computer may take ${gibibytes(limitBytes)}.`,
      { hint: 'Crop or bin the maps, or use the command line, which may take more of the memory.' },
    );
  return plan;
}
