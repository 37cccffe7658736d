/** Conveniences for callers of an engine: running jobs as a whole, inspecting several volumes. */
import type {
  BandScalingJob,
  BandScalingResult,
  BandScalingSettings,
  Engine,
  LocalResolutionJob,
  LocalResolutionResult,
  LocalScalingJob,
  LocalScalingResult,
  OperationHooks,
  ScalingRun,
  Volume,
} from './engine.ts';

/** The volumes of a result, in the order in which their values are packed. */
export function volumesOf({ scaled, bFactor, quality }: LocalScalingResult): Volume[] {
  return [scaled, bFactor, quality].filter((volume) => volume !== undefined);
}

/** A run without tiles: the mask is empty. */
export function nothingToRun(result: LocalScalingResult): ScalingRun {
  return {
    tileSize: [0, 0, 0],
    tiles: [],
    result,
    run: async () => undefined,
    close: async () => undefined,
  };
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

/** All volumes of a result in bands. */
export function bandVolumes({ scaled, local }: BandScalingResult): Volume[] {
  return [scaled, local?.bFactor, local?.resolution, local?.signal].filter((volume) => volume !== undefined);
}

/** Settings of a soft-scaling job without its maps. */
export function bandSettings({ half1, half2, ...rest }: BandScalingJob): BandScalingSettings {
  const { reference: _reference, differenceMask: _differenceMask, mask: _mask, ...settings } = rest;
  return { ...settings, shape: half1.shape, halfMaps: half2 !== undefined };
}

/** Scales soft frequency bands of a map, each by its local signal, power and target. */
export async function bandScaling(
  engine: Engine,
  job: BandScalingJob,
  hooks?: OperationHooks,
): Promise<BandScalingResult> {
  const run = await (await engine.openBandScaling(bandSettings(job))).start(job);
  try {
    await run.run(hooks);
    return await run.finish();
  } finally {
    await run.close();
  }
}

/** `inspect` of several volumes at once. */
export function inspectAll<T>(
  engine: Pick<Engine, 'inspect'>,
  volumes: readonly Volume[],
  body: (...voxels: Float32Array[]) => T | Promise<T>,
): Promise<T> {
  const look = (seen: readonly Float32Array[]): T | Promise<T> =>
    seen.length === volumes.length
      ? body(...seen)
      : engine.inspect(volumes[seen.length], (voxels) => look([...seen, voxels]));
  return Promise.resolve(look([]));
}
