/** Encodes bytes as base64, in chunks: a call with millions of arguments would overflow the stack. */

const PIECE = 0x8000;

/** `btoa` takes strings only, and Uint8Array.toBase64 is too new. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += PIECE)
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(binary);
}

/** For img elements; nothing is loaded from elsewhere. */
export function pngUrl(png: Uint8Array): string {
  return `data:image/png;base64,${toBase64(png)}`;
}
