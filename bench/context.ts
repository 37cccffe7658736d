/** What every bench gets. */
import type { Engine } from '../src/engine/engine.ts';

export interface BenchContext {
  /** Smaller sizes, one run each: to see that the benches work, not to be quoted. */
  readonly quick: boolean;
  /** The engine with one thread, and with all of them (the same object where threads mean nothing). */
  readonly oneThread: Engine;
  readonly allThreads: Engine;
  readonly threads: number;
  /** Folder whose node_modules holds the npm packages to compare with. */
  readonly packagesFolder: string;
  /** Checkout of the original program, if any. */
  readonly originalFolder: string | undefined;
  readonly root: string;
  readonly say: (line: string) => void;
}
