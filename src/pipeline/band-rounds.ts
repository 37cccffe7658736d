/**
 * Soft scaling shared by several processes: in every round each process scales one band, and the leading one
 * adds the bands in order, so that the sum has the same bits as with one process. It holds at most two bands:
 * the one being added and the one being received.
 */
import type { BandScalingEstimate, BandScalingRun, OperationHooks, ScaledBand } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { LEVEL_BANDS, type SoftTarget, usesProfile } from '../math/soft-scaling/targets.ts';
import type { SharedBands } from './team.ts';

/** Scales and adds all bands of `run` with the help of a team of `size` processes. */
export async function scaleBandsInRounds(
  run: BandScalingRun,
  total: number,
  size: number,
  shared: SharedBands,
  { signal, onProgress }: OperationHooks = {},
): Promise<void> {
  let added = 0;
  const add = async (band: ScaledBand): Promise<void> => {
    await run.addBand(band);
    added++;
    onProgress?.(added, total);
  };
  for (let first = 0; first < total; first += size)
    await shared.scale(
      first,
      Math.min(size, total - first),
      async () => add(await run.scaleBand(first, signal)),
      (packed) => add(unpackBand(packed)),
    );
}

/** Bands in memory of the leading process: the one being added and the one being received. */
export const BANDS_IN_FLIGHT = 2;

/**
 * Expected seconds with `size` processes if one takes `seconds`. All transform the maps, which takes about as
 * long as a band, and all measure the level of a profile; the transfer depends on the network and is not
 * included.
 */
export function secondsInRounds(
  { bands, seconds }: Pick<BandScalingEstimate, 'bands' | 'seconds'>,
  target: SoftTarget,
  size: number,
): number {
  if (size === 1) return seconds;
  const levels = usesProfile(target) ? LEVEL_BANDS.length : 0;
  const measured = Math.min(bands, Math.ceil(bands / size) + levels);
  return (seconds * (measured + 1)) / (bands + 1);
}

/** Arrays of a packed band, in this order; a length of -1 stands for an absent one. */
const ARRAYS = ['voxels', 'gains', 'signal', 'power'] as const;

/** A band as bytes: length of a JSON header, the header padded to whole words, and the arrays it lists. */
export function packBand(band: ScaledBand): Uint8Array {
  const lengths = ARRAYS.map((name) => band[name]?.length ?? -1);
  const text = JSON.stringify({ index: band.index, summary: band.summary, lengths });
  const head = new TextEncoder().encode(text.padEnd(4 * Math.ceil(text.length / 4)));
  const arrays = ARRAYS.map((name) => band[name]).filter((array) => array !== undefined);
  const packed = new Uint8Array(arrays.reduce((sum, { byteLength }) => sum + byteLength, 4 + head.length));
  new DataView(packed.buffer).setUint32(0, head.length);
  packed.set(head, 4);
  let at = 4 + head.length;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    packed.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return packed;
}

/**
 * The opposite of `packBand`. Throws 'internal' if bytes are missing or left: ranks of different versions.
 */
export function unpackBand(packed: Uint8Array): ScaledBand {
  // Floats are aligned to words.
  const bytes = packed.byteOffset % 4 === 0 ? packed : packed.slice();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headBytes = view.getUint32(0);
  const { index, summary, lengths } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headBytes)));
  const band: Record<string, Float32Array> = {};
  let at = bytes.byteOffset + 4 + headBytes;
  ARRAYS.forEach((name, i) => {
    if (lengths[i] < 0) return;
    band[name] = new Float32Array(bytes.buffer, at, lengths[i]);
    at += 4 * lengths[i];
  });
  if (at !== bytes.byteOffset + bytes.byteLength)
    throw new LocScaleError('internal', `Band ${index} arrived incomplete.`, {
      expected: `${at - bytes.byteOffset} bytes`,
      found: `${bytes.byteLength}`,
    });
  return { index, summary, ...band };
}
