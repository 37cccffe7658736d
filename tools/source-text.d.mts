export interface SourcePart {
  readonly kind: 'comment' | 'string' | 'code';
  readonly start: number;
  readonly end: number;
  readonly text: string;
}
export function partsOf(name: string, text: string): SourcePart[];
export function lineCounts(
  name: string,
  text: string,
  columns: number,
): { lines: number; comments: number; long: number };
