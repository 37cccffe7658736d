/** What the screens show of a result, and its sections. */
import type { Structure } from '../formats/structure.ts';
import type { Grid } from '../math/grid.ts';
import type { MapSource } from '../pipeline/types.ts';
import { axes, cutSection, type VoxelBox } from '../report/section.ts';
import { whiteOf } from '../report/section-figures.ts';
import type { FileContents, Requests } from './protocol.ts';

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

/** Maps before and after, and what is shown with them. */
export interface ShownMaps {
  readonly grid: Grid;
  /** Part of the box with the mask in it. */
  readonly crop: VoxelBox;
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly colours: readonly ColourMap[];
  readonly model?: File;
  mask(): Promise<ArrayLike<number>>;
}

/** With its files. */
export interface Shown extends ShownMaps {
  readonly outputs: readonly Output[];
  dispose(): Promise<void>;
}

export function sectionsOf(
  { before, after, crop, grid: { shape } }: Pick<ShownMaps, 'before' | 'after' | 'crop' | 'grid'>,
  { at, whole }: Requests['sections']['takes'],
): Requests['sections']['gives'] {
  const box: VoxelBox = whole ? { start: [0, 0, 0], size: shape } : crop;
  const sections = axes.map((axis) => {
    const [one, two] = [before, after].map((data) => cutSection(data, shape, box, axis, at[axis]));
    return { width: one.width, height: one.height, before: one.values, after: two.values };
  });
  const index = (at[0] * shape[1] + at[1]) * shape[2] + at[2];
  return { at, sections, values: { before: before[index], after: after[index] } };
}

/** Sections of a map through its middle, before anything is computed. */
export function previewOf(
  name: string,
  { data, grid: { shape } }: { readonly data: Float32Array; readonly grid: Grid },
): Requests['preview']['gives'] {
  const at = shape.map((n) => Math.floor(n / 2)) as unknown as readonly [number, number, number];
  const box = { start: [0, 0, 0], size: shape } as const;
  const cut = axes.map((axis) => cutSection(data, shape, box, axis, at[axis]));
  const white = whiteOf(cut);
  const sections = cut.map(({ width, height, values }) => ({ width, height, before: values }));
  return { name, at, sections, scales: { before: white, after: white } };
}

/** `header`: its statistics, where the file states them. */
export function contentsOfMap(
  { header: { dmin, dmax }, grid }: Pick<MapSource, 'header' | 'grid'>,
  notes: readonly string[],
): FileContents {
  const range = Number.isFinite(dmin) && dmax > dmin ? ([dmin, dmax] as const) : undefined;
  return { kind: 'map', shape: grid.shape, voxelSize: grid.voxelSize, range, notes };
}

export function contentsOfModel({ atoms, notes }: Structure): FileContents {
  const chains = new Set(atoms.map(({ chain }) => chain)).size;
  return { kind: 'model', atoms: atoms.length, chains, notes };
}

export function isAtomicModelName(name: string): boolean {
  return /\.(pdb|ent|cif|mmcif)(\.gz)?$/i.test(name);
}
