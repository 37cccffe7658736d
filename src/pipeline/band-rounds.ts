/**
 * Soft scaling shared by several processes: in every round each of them scales one band, and the leading one
 * adds them in their order, so that the sum has the bits of a run of one process, and never holds more than
 * one band each.
 */
import type {
  BandScalingMaps,
  BandScalingRun,
  BandScalingSettings,
  Engine,
  OperationHooks,
  ScaledBand,
} from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';

/** What a team has to do for it (team.ts). */
export interface BandTeam {
  /** Processes, the leading one included. */
  readonly size: number;
  /** Hands settings and maps to everybody; the others start a run of their own. */
  openBands(settings: BandScalingSettings, maps: BandScalingMaps, engine: Engine): Promise<SharedBands>;
}

export interface SharedBands {
  /**
   * One round: `bands` has the band of every rank, undefined for those that have none; `own` does that of
   * rank 0 meanwhile. Returns what the others packed (packBand), in the order of their ranks from 1 on.
   */
  scale(
    bands: readonly (number | undefined)[],
    own: () => Promise<void>,
  ): Promise<readonly (Uint8Array | undefined)[]>;
  close(): Promise<void>;
}

/** Scales and adds all bands of `run` with the help of a team. */
export async function scaleBandsInRounds(
  run: BandScalingRun,
  count: number,
  size: number,
  shared: SharedBands,
  { signal, onProgress }: OperationHooks = {},
): Promise<void> {
  for (let first = 0; first < count; first += size) {
    const bands = Array.from({ length: size }, (_, rank) =>
      first + rank < count ? first + rank : undefined,
    );
    let own: ScaledBand | undefined;
    const others = await shared.scale(bands, async () => {
      own = await run.scaleBand(first, signal);
    });
    if (own) await run.addBand(own);
    for (const packed of others) if (packed) await run.addBand(unpackBand(packed));
    onProgress?.(Math.min(first + size, count), count);
  }
}

const ARRAYS = ['voxels', 'gains', 'signal', 'power'] as const;

/** A band as bytes: the length of a JSON head, the head padded to whole words, the arrays it lists. */
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

export function unpackBand(packed: Uint8Array): ScaledBand {
  // Floats lie on whole words.
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
