/** Types of doc-tables.mjs, for the tests. */
export interface StoredFile {
  readonly name: string;
  readonly text: string;
}
export interface DocumentBlock {
  /** Relative to the repository. */
  readonly file: string;
  readonly name: string;
  readonly content: string;
}
export function fillBlock(document: string, name: string, content: string): string;
export function documentBlocks(input: {
  readonly options: object;
  readonly outputs: { readonly tables: object; readonly describe: unknown };
  readonly accuracy: readonly StoredFile[];
  readonly speed: readonly StoredFile[];
  readonly ranks: readonly StoredFile[];
  readonly robustness: readonly StoredFile[];
  readonly quality: readonly StoredFile[];
}): DocumentBlock[];
