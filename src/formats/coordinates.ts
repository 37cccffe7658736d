/**
 * Reads coordinate files, PDB or mmCIF by content rather than by extension, gzipped or not. Work and memory
 * are proportional to the size of the text, which is limited.
 */
import { Gunzip } from 'fflate';
import { LocScaleError } from '../errors.ts';
import { beginsDataBlock } from './cif-tokens.ts';
import { detectCompression } from './compression.ts';
import { readMmcif } from './mmcif.ts';
import { readPdb } from './pdb.ts';
import { printable } from './printable.ts';
import { DEFAULT_MAX_BYTES, type ReadStructureOptions, type Structure } from './structure.ts';
import { crc32 } from './zip.ts';

/** Control characters other than white space and line ends. */
const controls = /[^\P{Cc}\t\n\r]/u;
/** Control characters, which never belong in a model file. */
const allControls = new RegExp(controls, 'gu');

/** Compressed bytes per step, so that excessive expansion is detected early. */
const CHUNK_BYTES = 1 << 16;

/** `name`: of the file, for messages. */
export function readStructure(
  bytes: Uint8Array,
  name: string,
  options: ReadStructureOptions = {},
): Structure {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const compression = detectCompression(bytes);
  if (compression === 'bzip2') {
    throw new LocScaleError('bad-input', `${name} is compressed with bzip2.`, {
      where: name,
      hint: 'Decompress it, or compress it with gzip.',
    });
  }
  const plain = compression === 'gzip' ? gunzip(bytes, name, maxBytes) : bytes;
  if (plain.length > maxBytes) throw tooLarge(name, maxBytes);
  const text = decode(plain);
  const clean = withoutControls(text);
  const structure = beginsDataBlock(clean) ? readMmcif(clean, name, options) : readPdb(clean, name, options);
  if (structure.atoms.length > 0) return structure;
  throw new LocScaleError('bad-input', `${name} holds no atoms.`, {
    where: name,
    expected: 'a PDB or mmCIF file with atoms',
    found: describeStart(plain, text),
  });
}

/** UTF-8 if valid, else Latin-1, which old files have in titles and names. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('latin1').decode(bytes);
  }
}

/**
 * Replaces control characters by blanks: neither format uses them, and in a name they would act on terminals
 * and viewers.
 */
function withoutControls(text: string): string {
  // Fast path: most files have none.
  return controls.test(text) ? text.replaceAll(allControls, ' ') : text;
}

/** Decompresses all members; throws 'bad-input' for damaged data and more than `maxBytes`. */
function gunzip(bytes: Uint8Array, name: string, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const stream = new Gunzip((chunk) => {
    total += chunk.length;
    if (total > maxBytes) throw tooLarge(name, maxBytes);
    chunks.push(chunk);
  });
  /** End of each gzip member, in the file (after its checksum) and in the output. */
  const ends: { readonly file: number; readonly out: number }[] = [];
  stream.onmember = (file) => ends.push({ file, out: total });
  try {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      stream.push(bytes.subarray(at, at + CHUNK_BYTES), at + CHUNK_BYTES >= bytes.length);
    }
  } catch (cause) {
    if (cause instanceof LocScaleError) throw cause;
    throw damaged(name, cause);
  }
  ends.push({ file: bytes.length, out: total });
  const out = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  ends.forEach((end, i) => {
    const stated = end.file >= 8 ? view.getUint32(end.file - 8, true) : undefined;
    if (crc32(out.subarray(i === 0 ? 0 : ends[i - 1].out, end.out)) !== stated) throw damaged(name);
  });
  return out;
}

/** The error of damaged gzip data. */
function damaged(name: string, cause?: unknown): LocScaleError {
  return new LocScaleError('bad-input', `${name} is damaged: its gzip data cannot be decompressed.`, {
    where: name,
    hint: 'Copy or download the file again.',
    cause,
  });
}

/** The error of a model that is too large to be one. */
function tooLarge(name: string, maxBytes: number): LocScaleError {
  return new LocScaleError('bad-input', `${name} is larger than ${maxBytes} bytes.`, {
    where: name,
    hint: 'Split the model, or leave out what is not in the map.',
  });
}

/** What a file seems to be, if it is no model. */
function describeStart(bytes: Uint8Array, text: string): string {
  if (bytes.length === 0) return 'an empty file';
  if (bytes.length > 212 && String.fromCharCode(...bytes.subarray(208, 212)) === 'MAP ') return 'a map';
  const line = text.slice(0, 200).split(/[\r\n]/, 1)[0];
  return `a file that begins with "${printable(line.slice(0, 40))}"`;
}
