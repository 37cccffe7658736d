/**
 * What the steps of one run share: the engine, the clock, warnings, cancellation, and the list of
 * engine volumes that are still held, so that none is left behind when a step fails.
 */
import type { Engine, Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { describeShape } from '../math/grid.ts';
import type { LocScaleContext, MapImage, StepName } from './types.ts';

export interface Run {
  readonly engine: Engine;
  readonly context: LocScaleContext;
  readonly timings: Record<string, number>;
  readonly warnings: string[];
  /** Runs one step: announces it, times it, and stops first if the run was cancelled. */
  step<T>(name: StepName, message: string, body: () => Promise<T>): Promise<T>;
  warn(message: string): void;
  info(message: string): void;
  /** Registers a volume made by a step. */
  hold(volume: Volume): Volume;
  /** Hands a map's voxels to the engine. */
  upload(image: MapImage): Promise<Volume>;
  release(...volumes: (Volume | undefined)[]): void;
  /** Releases all volumes still held, except those given. */
  releaseAllBut(...kept: (Volume | undefined)[]): void;
}

export function startRun(context: LocScaleContext): Run {
  const held = new Set<Volume>();
  const timings: Record<string, number> = {};
  const warnings: string[] = [];
  const run: Run = {
    engine: context.engine,
    context,
    timings,
    warnings,
    async step(name, message, body) {
      stopIfAborted(context.signal);
      context.onStep?.(name, message);
      const started = performance.now();
      try {
        return await body();
      } catch (error) {
        // An engine may report a cancelled operation in words of its own.
        stopIfAborted(context.signal, error);
        throw error;
      } finally {
        timings[name] = (timings[name] ?? 0) + (performance.now() - started) / 1000;
      }
    },
    warn(message) {
      warnings.push(message);
      context.onWarning?.(message);
    },
    info(message) {
      context.onInfo?.(message);
    },
    hold(volume) {
      held.add(volume);
      return volume;
    },
    async upload(image) {
      const data = image.data;
      if (data.length === 0) {
        throw new LocScaleError(
          'usage',
          `The voxels of ${image.name} (${describeShape(image.grid.shape)}) were taken over by an earlier run.`,
          {
            where: image.name,
            hint: 'Read the map again, or run without consumeInputs.',
          },
        );
      }
      if (context.consumeInputs === true) (image as { data: Float32Array }).data = new Float32Array(0);
      return run.hold(await context.engine.upload(data, image.grid.shape));
    },
    release(...volumes) {
      for (const volume of volumes) {
        if (volume === undefined || !held.delete(volume)) continue;
        context.engine.release(volume);
      }
    },
    releaseAllBut(...kept) {
      run.release(...[...held].filter((volume) => !kept.includes(volume)));
    },
  };
  return run;
}

export function stopIfAborted(signal: AbortSignal | undefined, cause?: unknown): void {
  if (signal?.aborted !== true) return;
  throw new LocScaleError('aborted', 'The run was stopped.', cause === undefined ? {} : { cause });
}
