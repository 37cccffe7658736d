/** Repeated wall-clock measurements. */

export interface Timing {
  /** Seconds. */
  readonly median: number;
  readonly min: number;
  /** Measured runs; the warm-up is not one of them. */
  readonly runs: number;
}

export interface MeasureOptions {
  readonly runs: number;
  /** Runs before the clock starts: compiled code, allocated memory. */
  readonly warmUps?: number;
}

/** Times `run`; what it returns is dropped. */
export async function measure(run: () => unknown, options: MeasureOptions): Promise<Timing> {
  for (let i = 0; i < (options.warmUps ?? 1); i++) await run();
  const seconds: number[] = [];
  for (let i = 0; i < options.runs; i++) {
    const start = performance.now();
    await run();
    seconds.push((performance.now() - start) / 1000);
  }
  return summarise(seconds);
}

export function summarise(seconds: readonly number[]): Timing {
  const sorted = [...seconds].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    min: sorted[0],
    runs: sorted.length,
  };
}

export interface BatchOptions {
  /** How long to measure, about; one batch at least. */
  readonly seconds: number;
  /** Waits until everything that was started is done. */
  readonly settle: () => Promise<void>;
}

/** Work that takes less is done several times between two readings of the clock. */
const SHORTEST_BATCH_SECONDS = 0.02;
/** What a batch has made may stay until it is done. */
const LARGEST_BATCH = 8;
const MOST_BATCHES = 15;

/** Times `run` in batches; it must have run before, so that everything is compiled. */
export async function timeBatches(
  run: () => Promise<unknown>,
  { seconds, settle }: BatchOptions,
): Promise<Timing> {
  const time = async (runs: number): Promise<number> => {
    const begun = performance.now();
    for (let i = 0; i < runs; i++) await run();
    await settle();
    return (performance.now() - begun) / 1000;
  };
  const first = await time(1);
  const batch = Math.max(1, Math.min(LARGEST_BATCH, Math.ceil(SHORTEST_BATCH_SECONDS / first)));
  const batches = Math.min(MOST_BATCHES, Math.floor(seconds / (batch * first)));
  if (batches < 2) return summarise([first]);
  const times: number[] = [];
  for (let i = 0; i < batches; i++) times.push((await time(batch)) / batch);
  return { ...summarise(times), runs: batch * batches };
}
