/** Entry point of the worker in which everything is computed: one request at a time, but for `cancel`. */
import { isLocScaleError } from '../errors.ts';
import { failureFrom } from '../screens/failure.ts';
import type { Failure, FromWorker, RequestName, Requests, ToWorker } from '../screens/protocol.ts';
import { isPartMissing, PART_MISSING } from '../screens/words.ts';
import { generateDemo } from './worker/demo.ts';
import { inspectFile, previewFile } from './worker/inspect.ts';
import { probeMachine } from './worker/machine.ts';
import { planJob } from './worker/plan.ts';
import { Runs } from './worker/runs.ts';
import { deleteResult } from './worker/store.ts';

/** What this file uses of the worker's global scope, whose own type clashes with the DOM's. */
interface Scope {
  /** Requests and `cancel`, from the page. */
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  /** `transfer`: streams move to the page instead of being copied. */
  postMessage(message: FromWorker, transfer?: readonly Transferable[]): void;
}

/** The scope, typed. */
const scope = globalThis as unknown as Scope;
/** The one run and the one result of this worker; they hold most of its memory. */
const runs = new Runs((event) => scope.postMessage({ event }));

/** By the request's name: the type requires one for each. */
const answers: {
  readonly [N in RequestName]: (value: Requests[N]['takes']) => Promise<Requests[N]['gives']>;
} = {
  probe: async () => {
    const machine = await probeMachine();
    runs.hasGpu = 'usable' in machine.gpu && machine.gpu.usable;
    return machine;
  },
  inspect: inspectFile,
  preview: previewFile,
  plan: (job) => planJob(job, { hasNetworks: __NETWORK__ !== null }),
  demo: () => generateDemo((truth) => runs.expect(truth)),
  run: (job) => runs.run(job),
  sections: (request) => runs.sections(request),
  file: (name) => runs.file(name),
  stream: (name) => runs.stream(name),
  view: () => runs.view(),
  store: () => runs.store(),
  storedResults: () => runs.stored(),
  open: (id) => runs.open(id),
  remove: deleteResult,
};

scope.onmessage = async ({ data }) => {
  if (data.name === 'cancel') {
    runs.cancel();
    return;
  }
  const { id, name, value } = data;
  try {
    const answer = answers[name] as (given: unknown) => Promise<unknown>;
    const given = await answer(value);
    scope.postMessage({ id, value: given }, given instanceof ReadableStream ? [given] : []);
  } catch (error) {
    scope.postMessage({ id, failure: failureOf(error) });
  }
};

/** Browsers word a lack of memory each in their own way, and only in the message. */
function failureOf(error: unknown): Failure {
  if (isLocScaleError(error)) return failureFrom(error);
  const text = error instanceof Error ? error.message : String(error);
  if (/allocation failed|out of memory/i.test(text))
    return {
      tag: 'out-of-memory',
      message: 'The browser gave no more memory to this page.',
      hint: 'Close other tabs, or use the command line on a machine with more memory.',
    };
  return { tag: 'internal', message: isPartMissing(text) ? PART_MISSING : text };
}
