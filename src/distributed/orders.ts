/**
 * Orders of the leading rank to the others: plain data, followed by the voxels needed. Every order is
 * broadcast, so that all ranks perform the same steps in the same sequence.
 */
import type { BandScalingMaps, BandScalingSettings, LocalScalingJob } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { MonteCarloPass } from '../network/graph/model.ts';
import type { Communicator } from './communicator.ts';

/** Volumes of a job, in the order of transmission. */
export const volumeNames = ['map', 'reference', 'mask', 'differenceMask'] as const;
/** Name of a volume that ranks send. */
export type VolumeName = (typeof volumeNames)[number];

/** Volumes of a soft-scaling job, in the order of transmission. */
export const bandVolumeNames = [
  'half1',
  'half2',
  'reference',
  'differenceMask',
  'mask',
] as const satisfies readonly (keyof BandScalingMaps)[];

/** A job's parameters, without its volumes. */
export type ScalingSettings = Omit<LocalScalingJob, VolumeName>;

/** What rank 0 sends to the others, one order at a time. */
export type Order =
  /**
   * Followed by one broadcast per volume named; answered by a gather of the tile sizes that fit on each rank.
   */
  | {
      readonly kind: 'open-scaling';
      readonly engine: 'cpu' | 'gpu';
      readonly shape: Shape;
      readonly tileSize: Shape;
      readonly settings: ScalingSettings;
      readonly volumes: readonly VolumeName[];
    }
  /** Reopens the scaling job with smaller tiles; answered like `open-scaling`. */
  | { readonly kind: 'resize-scaling'; readonly tileSize: Shape }
  /** First voxels of every rank's tiles; answered by a gather of packed scaled values. */
  | { readonly kind: 'scale'; readonly shares: readonly (readonly Shape[])[] }
  | { readonly kind: 'close-scaling' }
  /** Followed by one broadcast per volume named. */
  | {
      readonly kind: 'open-bands';
      readonly engine: 'cpu' | 'gpu';
      readonly settings: BandScalingSettings;
      readonly volumes: readonly (keyof BandScalingMaps)[];
    }
  /** Rank r scales band `first` + r for r < `count`; ranks from 1 on answer with one gather each. */
  | { readonly kind: 'scale-bands'; readonly first: number; readonly count: number }
  | { readonly kind: 'close-bands' }
  /** Number of cubes per rank. The cubes follow as a scatter; the predictions are gathered. */
  | {
      readonly kind: 'predict';
      /** Name of the network and its provider, which must be the same on all ranks. */
      readonly ranOn: string;
      readonly counts: readonly number[];
      readonly passes: readonly (MonteCarloPass | null)[];
    }
  | { readonly kind: 'end' };

/** JSON cannot represent infinities. */
const INFINITE = 'infinite:';

/** JSON, with infinities and NaN as text. */
export function encodeOrder(order: Order): Uint8Array {
  const text = JSON.stringify(order, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? `${INFINITE}${value}` : value,
  );
  return new TextEncoder().encode(text);
}

/** The opposite. */
export function decodeOrder(bytes: Uint8Array): Order {
  return JSON.parse(new TextDecoder().decode(bytes), (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(INFINITE) ? Number(value.slice(INFINITE.length)) : value,
  ) as Order;
}

/** To all ranks; called by rank 0. */
export function sendOrder(communicator: Communicator, order: Order): Promise<Uint8Array> {
  return communicator.broadcast(encodeOrder(order));
}

/** All ranks are assumed to have the same byte order: floats are sent unconverted. */
export function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

/** Bytes as float32, copied if they are not aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 === 0)
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Float32Array(bytes.slice().buffer);
}
