/** What a reader must bring to be fuzzed. */
import type { ErrorTag } from '../../../src/errors.ts';

export interface FuzzTarget {
  /** Lower case, for `--only` and file names: `mrc`, `hdf5`. */
  readonly name: string;
  /** In tables: "MRC maps, plain, gzip and bzip2". */
  readonly title: string;
  /** Small well-formed files (1 to 20 kB, the smaller the faster), the same bytes at every call. */
  seeds(): Promise<readonly Uint8Array[]>;
  /** Pieces that mean something in this format (magic numbers, keywords, lengths), for the mutations. */
  readonly dictionary: readonly Uint8Array[];
  /**
   * Puts right after a mutation what would otherwise end reading at once, such as checksums and compression;
   * called for half of the cases.
   */
  repair?(bytes: Uint8Array): Uint8Array;
  /**
   * The product's own reader, and a look at all it returns. Throws or rejects with what the reader throws.
   */
  read(bytes: Uint8Array): Promise<void>;
  /** With these tags the reader may refuse; everything else that is thrown is a fault. */
  readonly refusals: readonly ErrorTag[];
  /** Most bytes that reading one case may allocate; more is a fault. */
  readonly memoryLimitBytes: number;
}
