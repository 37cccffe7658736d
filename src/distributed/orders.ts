/**
 * What the leading rank tells the others to do: an order each, as plain data, followed by the voxels it
 * needs. Every order is a broadcast, so that all ranks do the same things in the same sequence.
 */
import type { BandScalingMaps, BandScalingSettings, LocalScalingJob } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { MonteCarloPass } from '../network/graph/model.ts';
import type { Communicator } from './communicator.ts';

/** Volumes of a job in the order in which they are sent. */
export const volumeNames = ['map', 'reference', 'mask', 'differenceMask'] as const;
export type VolumeName = (typeof volumeNames)[number];

/** The same of a scaling in soft bands. */
export const bandVolumeNames = [
  'half1',
  'half2',
  'reference',
  'differenceMask',
  'mask',
] as const satisfies readonly (keyof BandScalingMaps)[];

/** A job without its volumes. */
export type ScalingSettings = Omit<LocalScalingJob, VolumeName>;

export type Order =
  /**
   * The volumes named follow, each as a broadcast of its own; answered by a gather of the tile sizes that the
   * ranks can scale.
   */
  | {
      readonly kind: 'open-scaling';
      readonly engine: 'cpu' | 'gpu';
      readonly shape: Shape;
      readonly tileSize: Shape;
      readonly settings: ScalingSettings;
      readonly volumes: readonly VolumeName[];
    }
  /** Starts the open scaling again with smaller tiles; answered as `open-scaling` is. */
  | { readonly kind: 'resize-scaling'; readonly tileSize: Shape }
  /** First voxels of every rank's tiles; answered by a gather of packed values. */
  | { readonly kind: 'scale'; readonly shares: readonly (readonly Shape[])[] }
  | { readonly kind: 'close-scaling' }
  /** The volumes named follow, each as a broadcast of its own. */
  | {
      readonly kind: 'open-bands';
      readonly engine: 'cpu' | 'gpu';
      readonly settings: BandScalingSettings;
      readonly volumes: readonly (keyof BandScalingMaps)[];
    }
  /** Rank r scales band `first` + r, where r < `count`; those from 1 on answer in a gather each. */
  | { readonly kind: 'scale-bands'; readonly first: number; readonly count: number }
  | { readonly kind: 'close-bands' }
  /** Numbers of cubes of every rank; they follow as a scatter, answered by a gather of predicted ones. */
  | {
      readonly kind: 'predict';
      /** The network and its provider in words, which must be the same everywhere. */
      readonly ranOn: string;
      readonly counts: readonly number[];
      readonly passes: readonly (MonteCarloPass | null)[];
    }
  | { readonly kind: 'end' };

/** JSON has no infinities. */
const INFINITE = 'infinite:';

export function encodeOrder(order: Order): Uint8Array {
  const text = JSON.stringify(order, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? `${INFINITE}${value}` : value,
  );
  return new TextEncoder().encode(text);
}

export function decodeOrder(bytes: Uint8Array): Order {
  return JSON.parse(new TextDecoder().decode(bytes), (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(INFINITE) ? Number(value.slice(INFINITE.length)) : value,
  ) as Order;
}

export function sendOrder(communicator: Communicator, order: Order): Promise<Uint8Array> {
  return communicator.broadcast(encodeOrder(order));
}

/** Ranks run on machines of one byte order: floats travel as they are. */
export function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

export function floatsOf(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 === 0)
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Float32Array(bytes.slice().buffer);
}
