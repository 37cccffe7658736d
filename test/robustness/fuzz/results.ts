/** What the fuzzing of one reader gives. */

export interface FuzzFault {
  /** Number of the case; -1: of the whole run. */
  readonly index: number;
  readonly fault: string;
}

export interface FuzzResult {
  readonly name: string;
  readonly title: string;
  readonly cases: number;
  /** `accepted`, tags of refusals, `fault`. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly faults: readonly FuzzFault[];
  readonly seconds: number;
  readonly slowestMilliseconds: number;
  /** Of arrays, during one case. */
  readonly largestAllocationBytes: number;
  readonly memoryLimitBytes: number;
  /** Of the process that read all cases. */
  readonly peakResidentBytes: number;
  readonly seed: number;
}
