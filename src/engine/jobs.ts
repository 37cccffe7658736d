/** Jobs that run as a whole, once: opened, started, run and closed in one call. */
import type {
  Engine,
  LocalResolutionJob,
  LocalResolutionResult,
  LocalScalingJob,
  LocalScalingResult,
  OperationHooks,
  Volume,
} from './engine.ts';

/** The volumes of a result, in the order in which their values are packed. */
export function volumesOf({ scaled, bFactor, quality }: LocalScalingResult): Volume[] {
  return [scaled, bFactor, quality].filter((volume) => volume !== undefined);
}

/** Scales the map of `job` in windows around every mask voxel (method 4). */
export async function localScaling(
  engine: Engine,
  job: LocalScalingJob,
  hooks?: OperationHooks,
): Promise<LocalScalingResult> {
  const opened = await engine.openLocalScaling(job);
  const run = await opened.start(job);
  try {
    await run.run(hooks);
    return run.result;
  } catch (error) {
    engine.release(...volumesOf(run.result));
    throw error;
  } finally {
    await run.close();
  }
}

/** Resolution of the half maps around every mask voxel, from the FSC of windows. */
export async function localResolution(
  engine: Engine,
  job: LocalResolutionJob,
  hooks?: OperationHooks,
): Promise<LocalResolutionResult> {
  return (await engine.openLocalResolution(job)).run(job, hooks);
}
