/** The first bytes of files that may hold the weights of a network: HDF5 (Keras), ZIP (PyTorch), tar. */

const HDF5_SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const ZIP_SIGNATURE = [0x50, 0x4b, 3, 4];
/** The magic text of a tar header. */
const TAR_MAGIC = [...'ustar'].map((letter) => letter.charCodeAt(0));
const TAR_MAGIC_AT = 257;

/** Enough of a file to recognise it. */
export const HEAD_BYTES = 512;

export function looksLikeHdf5(start: Uint8Array): boolean {
  return HDF5_SIGNATURE.every((byte, i) => start[i] === byte);
}

export function looksLikeZip(start: Uint8Array): boolean {
  return ZIP_SIGNATURE.every((byte, i) => start[i] === byte);
}

export function looksLikeTar(start: Uint8Array): boolean {
  return TAR_MAGIC.every((byte, i) => start[TAR_MAGIC_AT + i] === byte);
}
