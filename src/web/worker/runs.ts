/** The run of this worker: its engine, its result, and what the page wants to see of it. One at a time. */
import { LocScaleError, stopIfAborted } from '../../errors.ts';
import { correlationInside } from '../../math/statistics/statistics.ts';
import type { ReferencePredictor } from '../../network/graph/model.ts';
import { runLocScale } from '../../pipeline/index.ts';
import type { LocScalePlan } from '../../pipeline/types.ts';
import { totalMemoryBytes } from '../../platform/index.ts';
import type {
  JobRequest,
  Requests,
  RunEvent,
  RunSummary,
  StoredResult,
  ViewData,
} from '../../screens/protocol.ts';
import { type Output, type Shown, sectionsOf } from '../../screens/shown.ts';
import { viewOf } from '../../screens/view.ts';
import { selectEngine } from '../../select-engine.ts';
import { type Attempt, continuingOnCpu } from './continue-on-cpu.ts';
import type { Truth } from './demo.ts';
import { MEMORY_SHARE } from './machine.ts';
import type { OpenNetworkOptions } from './network.ts';
import { openJob, type ReadFile } from './open-job.ts';
import { listResults, openResult, storeResult, type ToStore } from './store.ts';

/** What both attempts of a run share, on the GPU and on the CPU. */
interface RunUnderWay {
  /** By performance.now(). */
  readonly begun: number;
  /** Wall clock, for the record. */
  readonly started: Date;
  /** Aborted by `cancel`. */
  readonly signal: AbortSignal;
  /** Also those of an attempt that failed. */
  readonly warnings: readonly string[];
  /** Adds one, and notifies the page. */
  readonly warn: (message: string) => void;
}

/** At most one run and one result: each holds several maps in memory. */
export class Runs {
  /** The browser offered a GPU when the page was opened. */
  hasGpu = false;
  /** Events of the run, to the page. */
  private readonly notify: (event: RunEvent) => void;
  /** Undefined while nothing runs. */
  private abort: AbortController | undefined;
  /** The result on show: of the run, or opened from storage. Its engine is alive. */
  private shown: Shown | undefined;
  /** The result of this worker's own run. */
  private own: ToStore | undefined;
  /** Settles when the last store has; never rejects. */
  private storing: Promise<unknown> = Promise.resolve();
  /** Of the generated files, if they were made. */
  private truth: Truth | undefined;

  constructor(notify: (event: RunEvent) => void) {
    this.notify = notify;
  }

  /** Generated files have a known answer. */
  expect(truth: Truth): void {
    this.truth = truth;
  }

  /** The run rejects with 'aborted' at its next step, also if that is its last; without a run nothing happens. */
  cancel(): void {
    this.abort?.abort();
  }

  /** Frees the result before, so that the new run has its memory. */
  async run(request: JobRequest): Promise<RunSummary> {
    const abort = new AbortController();
    this.abort = abort;
    const warnings: string[] = [];
    const warn = (message: string): void => {
      warnings.push(message);
      this.notify({ kind: 'warning', message });
    };
    const { signal } = abort;
    const run = { begun: performance.now(), started: new Date(), signal, warnings, warn };
    try {
      await this.makeRoom(signal);
      return await continuingOnCpu(
        request.settings.engine ?? 'auto',
        (attempt) => this.attempt(request, run, attempt),
        warn,
      );
    } finally {
      this.abort = undefined;
    }
  }

  /** The engine outlives it only with a result, which reads volumes from it. */
  private async attempt(
    request: JobRequest,
    { begun, started, signal, warnings, warn }: RunUnderWay,
    { choice, onEngine, scaledWindows }: Attempt,
  ): Promise<RunSummary> {
    // Loaded now, so that nothing is requested once the run has begun.
    const loading = import('./outputs.ts');
    this.step('engine', 'Starting the engine');
    const { engine, reason } = await selectEngine({
      engine: choice,
      memoryLimitBytes: MEMORY_SHARE * totalMemoryBytes(),
      // Chosen by hand, a driver that computes on the CPU counts as a GPU.
      allowSoftwareGpu: choice === 'gpu',
    });
    onEngine(engine.description);
    if (choice === 'auto' && this.hasGpu && engine.description.startsWith('CPU'))
      warn(`The GPU is not used: ${reason}. Restarting the browser may bring it back.`);
    let predictor: ReferencePredictor | undefined;
    try {
      const files: ReadFile[] = [];
      this.step('files', 'Reading the files');
      const onRead = (file: ReadFile): number => files.push(file);
      predictor = await this.openNetwork(request, { onRead, onWarning: warn });
      const job = await openJob(request, { engine, signal, onWarning: warn, onRead, predictor });
      const { finish } = await loading;
      const plan = { mode: '', peakBytes: 0 };
      const matched: string[] = [];
      const result = await runLocScale(job, {
        engine,
        signal,
        scaledWindows,
        consumeInputs: true,
        keepMap: true,
        keepReference: true,
        matchGrid: request.settings.matchGrid,
        onMatch: ({ sentence }) => matched.push(sentence),
        onStep: (name, message) => this.step(name, message),
        onProgress: (name, done, total) => this.notify({ kind: 'progress', name, done, total }),
        onWarning: warn,
        onPlan: (made) => this.planned(Object.assign(plan, made)),
      });
      this.step('report', 'Looking through the result');
      const done = { engine, reason, request, result, files, matched, job, predictor };
      const { shown, summary } = await finish({ ...done, started, begun, mode: plan.mode, warnings });
      const whole = { ...summary, truth: await this.compared(request, shown) };
      stopIfAborted(signal);
      this.shown = shown;
      this.own = { shown, summary: whole, title: titleOf(request) };
      return whole;
    } catch (error) {
      await engine.dispose();
      throw error;
    } finally {
      await predictor?.dispose();
    }
  }

  /** Of runs with a network. Where it is from is announced, as nothing else is loaded during a run. */
  private async openNetwork(
    { reference, files }: JobRequest,
    options: OpenNetworkOptions,
  ): Promise<ReferencePredictor | undefined> {
    if (reference !== 'network') return undefined;
    const { network } = files;
    const whose = network === undefined ? 'the bundled network' : network.name;
    const from = network === undefined ? 'both from' : 'the first from';
    this.step('network', `Loading onnxruntime and ${whose}, ${from} the folder of this page`);
    const { openNetwork } = await import('./network.ts');
    return openNetwork(files, options);
  }

  /** A step for the page's list; the one before has ended. */
  private step(name: string, message: string): void {
    this.notify({ kind: 'step', name, message });
  }

  /** Three planes through a voxel of the result on show. */
  async sections(request: Requests['sections']['takes']): Promise<Requests['sections']['gives']> {
    return sectionsOf(this.last(), request);
  }

  /** The whole file in memory; throws 'internal' for names that the result does not have. */
  file(name: string): Promise<Blob> {
    return this.output(name).blob();
  }

  /** For browsers that write to files as the bytes arrive. */
  stream(name: string): Promise<ReadableStream<Uint8Array>> {
    return this.output(name).stream();
  }

  /** Stores the result of the run, so that it outlives this worker. */
  async store(): Promise<StoredResult> {
    if (this.own === undefined) throw new LocScaleError('internal', 'There is no result any more.');
    const stored = storeResult(this.own);
    this.storing = stored.catch(() => undefined);
    return stored;
  }

  /** Waits for a store under way, so that the list has it. */
  async stored(): Promise<readonly StoredResult[]> {
    await this.storing;
    return listResults();
  }

  /** Reads first: a result that cannot be read leaves the one on show alone. */
  async open(id: string): Promise<RunSummary> {
    const { shown, summary } = await openResult(id);
    await this.discard();
    this.shown = shown;
    return summary;
  }

  /** Voxels and model for the surfaces. */
  view(): Promise<ViewData> {
    return viewOf(this.last());
  }

  /** Frequencies at Nyquist come from no FSC, and are no resolution. */
  private planned({ seconds, peakBytes, mode, numbers }: LocScalePlan): void {
    const resolution = numbers.fscCutoffSource === 'nyquist' ? undefined : numbers.fscCutoff;
    this.notify({ kind: 'fsc', resolution });
    this.notify({ kind: 'planned', seconds, peakBytes, mode });
  }

  /** Throws for a file of an earlier result. */
  private output(name: string): Output {
    const found = this.last().outputs.find((output) => output.name === name);
    if (found === undefined) throw new LocScaleError('internal', `There is no file ${name}.`);
    return found;
  }

  /** Throws after a run has begun, or failed. */
  private last(): Shown {
    if (this.shown === undefined) throw new LocScaleError('internal', 'There is no result any more.');
    return this.shown;
  }

  /** Cancelled while the result before is still being stored, a run leaves that result alone. */
  private async makeRoom(signal: AbortSignal): Promise<void> {
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await Promise.race([this.storing, aborted]);
    stopIfAborted(signal);
    await this.discard();
    stopIfAborted(signal);
  }

  /** A store under way still reads from the engine, so it ends first. */
  private async discard(): Promise<void> {
    await this.storing;
    const { shown } = this;
    this.shown = undefined;
    this.own = undefined;
    await shown?.dispose();
  }

  /** Correlation with the truth inside the mask, before and after; undefined for the user's own maps. */
  private async compared({ files }: JobRequest, shown: Shown): Promise<RunSummary['truth']> {
    const { truth } = this;
    if (truth === undefined || String([files.half1?.name, files.half2?.name]) !== String(truth.names))
      return undefined;
    const mask = await shown.mask();
    const likeness = (map: Float32Array): number => correlationInside(map, truth.voxels, mask);
    return { before: likeness(shown.before), after: likeness(shown.after) };
  }
}

/** Names of the input maps, for the list of stored results. */
function titleOf({ files: { half1, half2, map } }: JobRequest): string {
  return [half1, half2, map].flatMap((file) => (file === undefined ? [] : [file.name])).join(', ');
}
