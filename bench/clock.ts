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
