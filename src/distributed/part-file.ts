/**
 * One message as a file: a 48-byte little-endian header, then the payload.
 *
 *   0 magic "LSRANKS1"   8 session (16 characters)   24 sequence u32   28 sender u32
 *   32 payload length u64   40 CRC-32 of the payload u32   44 CRC-32 of bytes 0 ... 43 u32
 *
 * Written under a temporary name and renamed, so that a reader sees all of it or nothing. Length and
 * checksums cover file systems without atomic renames.
 */
import { type FileHandle, open, rename } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { LocScaleError } from '../errors.ts';
import { splitIntoChunks } from './chunks.ts';

/** What identifies a message. */
export interface PartAddress {
  readonly session: string;
  readonly sequence: number;
  readonly sender: number;
}

/**
 * Layout: MAGIC, session, then from byte 24 sequence and sender (uint32), length (uint64) and CRC-32, little
 * endian; then the payload.
 */
const MAGIC = 'LSRANKS1';
const HEADER_BYTES = 48;
export const SESSION_CHARACTERS = 16;
/** Bytes per read or write; the event loop and the checksum run in between. */
const CHUNK_BYTES = 16 * 2 ** 20;
/** How long clients of a network file system may report a stale, shorter length, in milliseconds. */
const SETTLING_MS = 5000;
const SETTLING_PAUSE_MS = 250;

/**
 * Writes under a temporary name and renames: readers see whole files only, as far as the file system is
 * consistent.
 */
export async function writePart(path: string, address: PartAddress, payload: Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w');
  try {
    let checksum = 0;
    for (const { start, end } of splitIntoChunks(payload.length, CHUNK_BYTES)) {
      const chunk = payload.subarray(start, end);
      checksum = crc32(chunk, checksum);
      await writeAll(file, chunk, HEADER_BYTES + start);
    }
    await writeAll(file, encodeHeader(address, payload.length, checksum), 0);
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** The payload, or undefined if the file does not exist yet. */
export async function readPart(
  path: string,
  address: PartAddress,
  settlingMs = SETTLING_MS,
): Promise<Uint8Array | undefined> {
  const started = performance.now();
  for (;;) {
    const result = await tryToRead(path, address);
    if (result === undefined || result instanceof Uint8Array) return result;
    if (performance.now() - started > settlingMs) {
      throw new LocScaleError(
        'bad-input',
        `The part that rank ${address.sender} sent is damaged: ${result}.`,
        {
          where: path,
          hint: 'Check the file system that the ranks share, then run again.',
        },
      );
    }
    await setTimeout(SETTLING_PAUSE_MS);
  }
}

/** A returned string describes the defect. */
async function tryToRead(path: string, address: PartAddress): Promise<Uint8Array | string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const header = new Uint8Array(HEADER_BYTES);
    if (!(await readAll(file, header, 0))) return 'its header is cut off';
    const view = new DataView(header.buffer);
    if (view.getUint32(44, true) !== crc32(header.subarray(0, 44)))
      return 'the checksum of its header is wrong';
    const expected = encodeHeader(address, 0, 0).subarray(0, 32);
    if (!expected.every((byte, index) => byte === header[index])) return 'it is another message';
    const payload = new Uint8Array(Number(view.getBigUint64(32, true)));
    let checksum = 0;
    for (const { start, end } of splitIntoChunks(payload.length, CHUNK_BYTES)) {
      const chunk = payload.subarray(start, end);
      if (!(await readAll(file, chunk, HEADER_BYTES + start))) return 'it is shorter than it says';
      checksum = crc32(chunk, checksum);
    }
    return checksum === view.getUint32(40, true) ? payload : 'its checksum is wrong';
  } catch (error) {
    // Stale NFS handle: reopen the file.
    if ((error as { code?: unknown }).code === 'ESTALE') return 'it cannot be read (ESTALE)';
    throw error;
  } finally {
    await file.close();
  }
}

/** The header of a message. */
function encodeHeader(address: PartAddress, length: number, checksum: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(new TextEncoder().encode(MAGIC + address.session));
  const view = new DataView(header.buffer);
  view.setUint32(24, address.sequence, true);
  view.setUint32(28, address.sender, true);
  view.setBigUint64(32, BigInt(length), true);
  view.setUint32(40, checksum, true);
  view.setUint32(44, crc32(header.subarray(0, 44)), true);
  return header;
}

/** A write may be partial. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** False at the end of the file. */
async function readAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** Missing, or replaced between lookup and open (network file systems). */
export function isMissing(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ENOENT' || code === 'ESTALE';
}
