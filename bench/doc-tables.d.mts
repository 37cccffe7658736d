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
/** Functions of src/cli/outputs.ts. */
export interface OutputPaths {
  readonly pathOf: (row: never, facts: never) => string;
  readonly recordPathOf: (record: string | boolean, outfile: string) => string | undefined;
}
export interface DocumentedOutput {
  readonly outfile: string;
  readonly record?: string | false;
}
export const documentedOutputs: Readonly<Record<string, DocumentedOutput>>;
export function describeOutputs(
  table: readonly object[],
  names: DocumentedOutput,
  paths: OutputPaths,
): readonly { readonly file: string; readonly when: string; readonly description: string }[];
export function fillBlock(document: string, name: string, content: string): string;
export function documentBlocks(input: {
  readonly options: object;
  readonly outputs: { readonly tables: object; readonly paths: OutputPaths };
  readonly accuracy: readonly StoredFile[];
  readonly speed: readonly StoredFile[];
  readonly startUp: readonly StoredFile[];
  readonly ranks: readonly StoredFile[];
  readonly robustness: readonly StoredFile[];
  readonly quality: readonly StoredFile[];
}): DocumentBlock[];
