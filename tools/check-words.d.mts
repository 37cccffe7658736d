export interface WordFinding {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  readonly say: string;
}
export const EXEMPT: readonly string[];
export function findWords(): WordFinding[];
export function checkSource(file: string, text: string): WordFinding[];
export function checkTitles(file: string, text: string): WordFinding[];
