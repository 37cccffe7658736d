/** State machine of the page. Pure: events in, states out; events that do not fit a state are ignored. */
import type { Failure, Plan, RunEvent, RunSummary } from '../screens/protocol.ts';

/** What the page knows of the run under way. */
export interface RunProgress {
  /** Steps in order; the last one is running. */
  readonly steps: readonly { readonly name: string; readonly message: string; readonly begun: number }[];
  /** Progress of the last step. */
  readonly done?: number;
  /** In the unit of `done`, which is the step's own. */
  readonly total?: number;
  /** In the order of arrival; they stay until the run ends. */
  readonly warnings: readonly string[];
  /** A, from the half maps' FSC, as soon as it is known. */
  readonly resolution?: number;
  /** Of the run itself, once maps are read; the plan before it knows headers only. */
  readonly planned?: { readonly seconds: number; readonly peakBytes: number };
}

/** What the page shows. */
export type State =
  | { readonly name: 'boot' }
  /** No files. */
  | { readonly name: 'empty' }
  /** Files, but no complete job; `lacking`: what is missing, one sentence. */
  | { readonly name: 'filling'; readonly lacking?: string; readonly failure?: Failure }
  | { readonly name: 'planned'; readonly plan: Plan }
  | {
      readonly name: 'running';
      readonly plan: Plan;
      readonly progress: RunProgress;
      readonly stopping: boolean;
    }
  | { readonly name: 'result'; readonly summary: RunSummary }
  | { readonly name: 'failed'; readonly plan: Plan; readonly failure: Failure };

/** What has happened: by the user, by the worker, or in the run. */
export type PageEvent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'emptied' }
  | { readonly kind: 'lacking'; readonly why?: string }
  | { readonly kind: 'planned'; readonly plan: Plan }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'start' }
  /** A run of the serving program that this page has not started. */
  | { readonly kind: 'rejoined'; readonly plan: Plan }
  | { readonly kind: 'run'; readonly event: RunEvent; readonly now: number }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'done'; readonly summary: RunSummary }
  /** A result of an earlier run. */
  | { readonly kind: 'opened'; readonly summary: RunSummary }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Of a run that has just begun. */
const NOTHING_DONE: RunProgress = { steps: [], warnings: [] };

/** The state after an event; the same object where nothing changes. */
export function next(state: State, event: PageEvent): State {
  const running = state.name === 'running' ? state : undefined;
  switch (event.kind) {
    case 'ready':
      return state.name === 'boot' ? { name: 'empty' } : state;
    case 'emptied':
      return running || state.name === 'boot' ? state : { name: 'empty' };
    case 'lacking':
      return running || state.name === 'boot' ? state : { name: 'filling', lacking: event.why };
    case 'refused':
      return running || state.name === 'boot' ? state : { name: 'filling', failure: event.failure };
    case 'planned':
      return running || state.name === 'boot' || state.name === 'empty'
        ? state
        : { name: 'planned', plan: event.plan };
    case 'start':
      return state.name === 'planned' || state.name === 'failed'
        ? { name: 'running', plan: state.plan, progress: NOTHING_DONE, stopping: false }
        : state;
    case 'rejoined':
      return state.name === 'empty'
        ? { name: 'running', plan: event.plan, progress: NOTHING_DONE, stopping: false }
        : state;
    case 'run':
      return running ? { ...running, progress: advance(running.progress, event.event, event.now) } : state;
    case 'cancel':
      return running ? { ...running, stopping: true } : state;
    case 'stopped':
      return running ? { name: 'planned', plan: running.plan } : state;
    case 'done':
      return running ? { name: 'result', summary: event.summary } : state;
    case 'opened':
      return state.name === 'empty' ? { name: 'result', summary: event.summary } : state;
    case 'failed':
      return running ? { name: 'failed', plan: running.plan, failure: event.failure } : state;
  }
}

/** A new step ends the last one's progress. */
function advance(progress: RunProgress, event: RunEvent, now: number): RunProgress {
  switch (event.kind) {
    case 'step': {
      const step = { name: event.name, message: event.message, begun: now };
      return { ...progress, steps: [...progress.steps, step], done: undefined, total: undefined };
    }
    case 'progress':
      return { ...progress, done: event.done, total: event.total };
    case 'warning':
      return { ...progress, warnings: [...progress.warnings, event.message] };
    case 'fsc':
      return { ...progress, resolution: event.resolution };
    case 'planned':
      return { ...progress, planned: event };
  }
}

/** Seconds until the end of the current step; undefined if not yet known. */
export function secondsLeft({ steps, done, total }: RunProgress, now: number): number | undefined {
  const step = steps.at(-1);
  if (step === undefined || done === undefined || total === undefined || done === 0) return undefined;
  return ((now - step.begun) / 1000 / done) * (total - done);
}
