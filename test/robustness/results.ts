/** What a run of the robustness campaign stores: bench/results/robustness/<machine>.json. */
import type { Machine } from '../../bench/results.ts';
import type { FaultResult } from './faults/types.ts';
import type { FuzzResult } from './fuzz/results.ts';

/** When, on what and with what a part was measured: parts may be run by themselves. */
interface Measured {
  /** ISO date. */
  readonly date: string;
  readonly commit: string;
  /** True where the working tree had changes that are not in the commit. */
  readonly modified: boolean;
}

export interface RobustnessResults {
  readonly schema: 1;
  readonly machine: Machine;
  readonly fuzzing: readonly (FuzzResult & Measured)[];
  readonly faults: readonly (FaultResult & Measured)[];
}
