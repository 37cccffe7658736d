/** The run of this worker: its engine, its result, and what the page wants to see of it. One at a time. */
import { mapStream, mapToBlob } from '../../browser/save.ts';
import type { Engine } from '../../engine/engine.ts';
import { LocScaleError } from '../../errors.ts';
import { correlationInside } from '../../math/statistics/statistics.ts';
import { runLocScale } from '../../pipeline/index.ts';
import type { LocScalePlan, LocScaleResult } from '../../pipeline/types.ts';
import { totalMemoryBytes } from '../../platform/index.ts';
import { axes, cutSection, type VoxelBox } from '../../report/section.ts';
import { selectEngine } from '../../select-engine.ts';
import type { JobRequest, Requests, RunEvent, RunSummary, ViewData } from '../protocol.ts';
import type { Truth } from './demo.ts';
import { MEMORY_SHARE } from './machine.ts';
import { openJob, type ReadFile } from './open-job.ts';
import type { Output } from './outputs.ts';
import { viewOf } from './view.ts';

/** What stays of a run for as long as the page shows it. */
export interface Finished {
  readonly engine: Engine;
  readonly request: JobRequest;
  readonly result: LocScaleResult;
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly crop: VoxelBox;
  readonly outputs: readonly Output[];
}

export class Runs {
  private readonly tell: (event: RunEvent) => void;
  private abort: AbortController | undefined;
  private finished: Finished | undefined;
  private truth: Truth | undefined;

  constructor(tell: (event: RunEvent) => void) {
    this.tell = tell;
  }

  /** Generated files have a known answer. */
  expect(truth: Truth): void {
    this.truth = truth;
  }

  cancel(): void {
    this.abort?.abort();
  }

  async run(request: JobRequest): Promise<RunSummary> {
    await this.discard();
    const abort = new AbortController();
    this.abort = abort;
    const begun = performance.now();
    const started = new Date();
    // Loaded now, so that nothing is asked for once the run has begun.
    const loading = import('./outputs.ts');
    this.tell({ kind: 'step', name: 'engine', message: 'Starting the engine' });
    const { engine, reason } = await selectEngine({
      engine: request.settings.engine ?? 'auto',
      memoryLimitBytes: MEMORY_SHARE * totalMemoryBytes(),
      // Chosen by hand, a driver that computes on the CPU counts as a GPU.
      allowSoftwareGpu: request.settings.engine === 'gpu',
    });
    try {
      const files: ReadFile[] = [];
      const warnings: string[] = [];
      const { signal } = abort;
      const onWarning = (message: string): void => {
        warnings.push(message);
        this.tell({ kind: 'warning', message });
      };
      this.tell({ kind: 'step', name: 'files', message: 'Reading the files' });
      const onRead = (file: ReadFile): number => files.push(file);
      const job = await openJob(request, { engine, signal, onWarning, onRead });
      const { finish } = await loading;
      const plan = { mode: '', peakBytes: 0 };
      const result = await runLocScale(job, {
        engine,
        signal,
        consumeInputs: true,
        keepMap: true,
        keepReference: true,
        onStep: (name, message) => this.tell({ kind: 'step', name, message }),
        onProgress: (name, done, total) => this.tell({ kind: 'progress', name, done, total }),
        onWarning,
        onPlan: (made) => this.planned(Object.assign(plan, made)),
      });
      this.tell({ kind: 'step', name: 'report', message: 'Looking through the result' });
      const run = { engine, reason, request, result, files, started, begun, mode: plan.mode, warnings, job };
      const { finished, summary } = await finish(run);
      this.finished = finished;
      return { ...summary, truth: await this.compared(finished) };
    } catch (error) {
      await engine.dispose();
      throw error;
    } finally {
      this.abort = undefined;
    }
  }

  async sections({ at, whole }: Requests['sections']['takes']): Promise<Requests['sections']['gives']> {
    const { before, after, crop, result } = this.last();
    const { shape } = result.grid;
    const box: VoxelBox = whole ? { start: [0, 0, 0], size: shape } : crop;
    const sections = axes.map((axis) => {
      const [one, two] = [before, after].map((data) => cutSection(data, shape, box, axis, at[axis]));
      return { width: one.width, height: one.height, before: one.values, after: two.values };
    });
    const index = (at[0] * shape[1] + at[1]) * shape[2] + at[2];
    return { at, sections, values: { before: before[index], after: after[index] } };
  }

  async file(name: string): Promise<Blob> {
    const { map, text, label } = this.output(name);
    if (map !== undefined) return mapToBlob(await map(), label);
    return new Blob([text ?? ''], { type: 'text/plain' });
  }

  /** For browsers that write to files as the bytes arrive. */
  async stream(name: string): Promise<ReadableStream<Uint8Array>> {
    const { map, label } = this.output(name);
    return map === undefined ? (await this.file(name)).stream() : mapStream(await map(), label);
  }

  view(): Promise<ViewData> {
    return viewOf(this.last());
  }

  private planned({ seconds, peakBytes, mode, numbers }: LocScalePlan): void {
    const resolution = numbers.fscCutoffSource === 'nyquist' ? undefined : numbers.fscCutoff;
    this.tell({ kind: 'fsc', resolution });
    this.tell({ kind: 'planned', seconds, peakBytes, mode });
  }

  private output(name: string): Output {
    const found = this.last().outputs.find((output) => output.name === name);
    if (found === undefined) throw new LocScaleError('internal', `There is no file ${name}.`);
    return found;
  }

  private last(): Finished {
    if (this.finished === undefined) throw new LocScaleError('internal', 'There is no result any more.');
    return this.finished;
  }

  private async discard(): Promise<void> {
    const { finished } = this;
    this.finished = undefined;
    await finished?.engine.dispose();
  }

  private async compared({ request, before, after, engine, result }: Finished): Promise<RunSummary['truth']> {
    const { half1, half2 } = request.files;
    const { truth } = this;
    if (truth === undefined || String([half1?.name, half2?.name]) !== String(truth.names)) return undefined;
    const mask = await engine.download(result.mask);
    const likeness = (map: Float32Array): number => correlationInside(map, truth.voxels, mask);
    return { before: likeness(before), after: likeness(after) };
  }
}
