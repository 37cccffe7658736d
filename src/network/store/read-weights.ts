/** Reads networks from a weight file, recognised by its first bytes. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { LocScaleError, stopIfAborted } from '../../errors.ts';
import { detectCompression } from '../../formats/compression.ts';
import { looksLikeHdf5 } from '../../formats/keras-hdf5.ts';
import { readPytorchState } from '../../formats/pytorch-state.ts';
import { readTar } from '../../formats/tar-gz.ts';
import { EMMERNET_INPUT, EMMERNET_OUTPUT, emmernetDropout, writeEmmernet } from '../graph/emmernet-graph.ts';
import { countEmmernetParameters, EMMERNET, emmernetGflopPerCube } from '../graph/emmernet-layers.ts';
import { weightsFromKeras, weightsFromPytorch } from '../graph/emmernet-weights.ts';
import type { Calibration, NetworkManifest, WeightSet } from '../graph/model.ts';
import { HIGH_CONTEXT, LOW_CONTEXT } from './emmernet.ts';
import { KerasThread } from './keras-thread.ts';

/** What is known of the file besides its content. */
export interface ReadOptions {
  /** Replaces the name derived from the file name. */
  readonly name?: string;
  readonly calibration?: Calibration;
  /** Replaces the general statement, if known. */
  readonly licence?: string;
  readonly signal?: AbortSignal;
}

/** A network as read from a file of weights. */
export interface ReadNetwork {
  readonly manifest: NetworkManifest;
  /** The network as ONNX graph, without dropout. */
  readonly plain: Uint8Array<ArrayBuffer>;
}

/** File name in the store and in the manifest. */
const PLAIN_FILE = 'plain.onnx';

/** Size limit, eleven times EMmerNet's weights: allows checkpoints with optimiser state. */
const MOST_FILE_BYTES = 2 ** 30;
const MOST_ARCHIVE_BYTES = 2 ** 31;
/** The magic text of a tar header is at 257. */
const TAR_MAGIC_AT = 257;
const HEAD_BYTES = 512;

/** EMmerNet's file names in the archives of LocScale 2.2 to 2.4. */
const archiveNames = /^EMmerNet_?(high|low)_?Context\.(hdf5|pt)$/i;

/**
 * Yields the networks of a file (an archive may have several) one by one, so that one at a time is in memory.
 */
export async function* readModels(path: string, options: ReadOptions = {}): AsyncGenerator<ReadNetwork> {
  const { head, byteLength } = await readHead(path);
  if (detectCompression(head) !== 'none' || isTar(head)) {
    yield* readArchive(path, byteLength, options);
    return;
  }
  if (byteLength > MOST_FILE_BYTES)
    throw new LocScaleError('bad-input', `${path} is too large for weights of EMmerNet.`, {
      where: path,
      expected: `at most ${MOST_FILE_BYTES} bytes`,
      found: `${byteLength} bytes`,
      hint: 'Save the state dict alone: torch.save(model.state_dict(), "weights.pt").',
    });
  const bytes = await readWhole(path, byteLength, options.signal);
  yield await toModel(bytes, path, basename(path), options);
}

/** The first bytes and the size; throws 'bad-input' for anything but a file. */
async function readHead(path: string): Promise<{ head: Uint8Array; byteLength: number }> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw unreadable(path, 'it is not a file');
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return { head: buffer.subarray(0, bytesRead), byteLength: info.size };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asUnreadable(path, error);
  }
}

/** By the magic number of POSIX tar. */
function isTar(head: Uint8Array): boolean {
  return new TextDecoder().decode(head.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + 5)) === 'ustar';
}

/** The whole file in memory. */
async function readWhole(
  path: string,
  byteLength: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  let filled = 0;
  for await (const chunk of chunksOf(path, signal)) {
    if (filled + chunk.length > byteLength) throw unreadable(path, 'it grows while it is read');
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled !== byteLength) throw unreadable(path, 'it became shorter while it was read');
  return bytes;
}

/** Pieces of a file; errors name it. */
async function* chunksOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    for await (const chunk of stream) {
      throwIfStopped(signal);
      yield chunk as Uint8Array;
    }
  } catch (error) {
    throw asUnreadable(path, error);
  } finally {
    stream.destroy();
  }
}

export function throwIfStopped(signal: AbortSignal | undefined): void {
  stopIfAborted(signal);
}

/** Networks of emmernet.tar.gz, one after the other. */
async function* readArchive(
  path: string,
  byteLength: number,
  options: ReadOptions,
): AsyncGenerator<ReadNetwork> {
  const wanted = (entry: string): boolean => archiveNames.test(entry.split('/').at(-1) ?? '');
  const source = { bytes: chunksOf(path, options.signal), byteLength };
  const limits = { fileBytes: MOST_FILE_BYTES, archiveBytes: MOST_ARCHIVE_BYTES };
  const seen = new Set<string>();
  for await (const { path: entry, bytes } of readTar(source, path, wanted, limits)) {
    const file = entry.split('/').at(-1) as string;
    const name = nameOf(file);
    // A network present as .hdf5 and as .pt counts once.
    if (seen.has(name)) continue;
    seen.add(name);
    yield await toModel(bytes, `${path}: ${file}`, `${file} in ${basename(path)}`, {
      ...options,
      name: options.name === undefined ? name : `${options.name}-${name.slice('emmernet-'.length)}`,
    });
  }
  if (seen.size === 0)
    throw new LocScaleError('bad-input', `${path} holds no weights of EMmerNet.`, {
      where: path,
      expected: 'emmernet/EMmerNet_highContext.hdf5 or emmernet/EMmerNet_lowContext.hdf5',
      hint: 'Give emmernet.tar.gz of Zenodo record 8211668.',
    });
}

/** Weights of one file as an ONNX graph with its manifest. */
async function toModel(
  bytes: Uint8Array,
  where: string,
  source: string,
  options: ReadOptions,
): Promise<ReadNetwork> {
  throwIfStopped(options.signal);
  const sourceSha256 = sha256Of(bytes);
  const weights = await readWeights(bytes, where);
  throwIfStopped(options.signal);
  const plain = writeEmmernet(weights, { transposedConvolution: 'native', dropoutMasks: false });
  const name = options.name ?? nameOf(source);
  return {
    plain,
    manifest: {
      format: 1,
      name,
      title: titleOf(name),
      architecture: 'emmernet',
      source,
      sourceSha256,
      licence: options.licence ?? 'as its authors published it (LocScale, Zenodo record 8211668)',
      parameters: countEmmernetParameters(),
      gflopPerCube: emmernetGflopPerCube(),
      files: { plain: { file: PLAIN_FILE, sha256: sha256Of(plain) } },
      input: EMMERNET_INPUT,
      output: EMMERNET_OUTPUT,
      voxelSizeAngstrom: 1,
      standardisation: 'mean-10sd',
      cubeEdge: EMMERNET.cubeEdge,
      stride: EMMERNET.cubeEdge / 2,
      dropout: emmernetDropout(),
      calibration: options.calibration,
    },
  };
}

/** By the content, not by the name. */
async function readWeights(bytes: Uint8Array, where: string): Promise<WeightSet> {
  if (!looksLikeHdf5(bytes)) return weightsFromPytorch(await readPytorchState(bytes, where), where);
  const thread = new KerasThread();
  try {
    const { layers } = await thread.open(bytes, where);
    return await weightsFromKeras(layers, where);
  } finally {
    await thread.end();
  }
}

/** "EMmerNet_lowContext.hdf5" -> emmernet-low-context; other files are named after themselves. */
function nameOf(file: string): string {
  const stem = basename(file).replace(/\.[^.]*$/, '');
  if (/low_?context/i.test(stem)) return LOW_CONTEXT;
  if (/high_?context/i.test(stem)) return HIGH_CONTEXT;
  const words = stem
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `emmernet-${words || 'weights'}`.slice(0, 64).replace(/-$/, '');
}

/** For log and help. */
function titleOf(name: string): string {
  if (name === HIGH_CONTEXT) return 'EMmerNet, high context';
  if (name === LOW_CONTEXT) return 'EMmerNet, low context';
  return `EMmerNet, ${name}`;
}

/** Hexadecimal. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The error of a file that cannot be read. */
function unreadable(path: string, reason: string, cause?: unknown): LocScaleError {
  return new LocScaleError('bad-input', `${path} cannot be read: ${reason}.`, {
    where: path,
    hint: 'Give emmernet.tar.gz, or the .hdf5 or .pt file of EMmerNet.',
    cause,
  });
}

/** Errors of the file system become 'bad-input'. */
function asUnreadable(path: string, error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof LocScaleError || typeof code !== 'string') return error;
  return unreadable(path, code === 'ENOENT' ? 'there is no such file' : code, error);
}
