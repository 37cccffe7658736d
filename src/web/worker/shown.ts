/** What the page looks at of a result, be it of this worker's run or stored by an earlier one. */
import type { Grid } from '../../math/grid.ts';
import type { VoxelBox } from '../../report/section.ts';

export interface Output {
  readonly name: string;
  readonly what: string;
  readonly bytes: number;
  blob(): Promise<Blob>;
  /** For what writes the bytes as they arrive. */
  stream(): Promise<ReadableStream<Uint8Array>>;
}

/** A map that surfaces can be coloured by. */
export interface ColourMap {
  readonly label: string;
  readonly unit: string;
  /** The output that has it. */
  readonly file: string;
  /** Values that the colours reach to; absent: most of those in the mask. */
  readonly range?: readonly [low: number, high: number];
  voxels(): Promise<Float32Array>;
}

export interface Shown {
  readonly grid: Grid;
  readonly crop: VoxelBox;
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly colours: readonly ColourMap[];
  readonly model?: File;
  readonly outputs: readonly Output[];
  mask(): Promise<Float32Array>;
  dispose(): Promise<void>;
}
