/**
 * Answers with arrays of numbers as bytes: the length of a JSON text, that text, and the arrays, which it
 * names by their place. All lengths are multiples of 8 bytes, so that arrays can be read where they are.
 */
const ALIGNMENT = 8;
/** Key of the object that stands for an array in the JSON text. */
const PLACE = '$array';

/** Arrays that are sent as bytes. */
type NumberArray = Float32Array | Uint8Array;

/** An array's place behind the JSON text: bytes from its end, and number of values. */
interface Place {
  readonly kind: 'f32' | 'u8';
  readonly at: number;
  readonly length: number;
}

/** Any JSON value with arrays of numbers anywhere in it; undefined becomes null. */
export function encodeAnswer(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: { readonly at: number; readonly array: NumberArray }[] = [];
  let end = 0;
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (!(part instanceof Float32Array || part instanceof Uint8Array)) return part;
    const place: Place = {
      kind: part instanceof Float32Array ? 'f32' : 'u8',
      at: end,
      length: part.length,
    };
    arrays.push({ at: end, array: part });
    end = aligned(end + part.byteLength);
    return { [PLACE]: place };
  });
  const json = new TextEncoder().encode(text ?? 'null');
  const start = aligned(ALIGNMENT + json.length);
  const bytes = new Uint8Array(start + end);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, ALIGNMENT);
  for (const { at, array } of arrays)
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), start + at);
  return bytes;
}

/** The opposite; arrays are views of `bytes`. */
export function decodeAnswer(bytes: ArrayBuffer): unknown {
  const length = new DataView(bytes).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(bytes, ALIGNMENT, length));
  const start = aligned(ALIGNMENT + length);
  return JSON.parse(text, (_, part: unknown) => {
    const place = (part as Readonly<Record<string, Place>> | null)?.[PLACE];
    if (place === undefined) return part;
    return place.kind === 'f32'
      ? new Float32Array(bytes, start + place.at, place.length)
      : new Uint8Array(bytes, start + place.at, place.length);
  });
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}
