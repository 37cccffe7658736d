/**
 * Reads networks from a file of weights, recognised by its first bytes: on disk (read-weights.ts), or dropped on
 * the page.
 */

import { LocScaleError, named, stopIfAborted } from '../../errors.ts';
import { detectCompression } from '../../formats/compression.ts';
import { readPytorchState } from '../../formats/pytorch-state.ts';
import { readTar } from '../../formats/tar-gz.ts';
import { looksLikeHdf5, looksLikeTar } from '../../formats/weight-starts.ts';
import { EMMERNET_INPUT, EMMERNET_OUTPUT, emmernetDropout, writeEmmernet } from '../graph/emmernet-graph.ts';
import { countEmmernetParameters, EMMERNET, emmernetGflopPerCube } from '../graph/emmernet-layers.ts';
import { weightsFromKeras, weightsFromPytorch } from '../graph/emmernet-weights.ts';
import type { Calibration, NetworkManifest, WeightSet } from '../graph/model.ts';
import { KerasThread } from './keras-thread.ts';
import { HIGH_CONTEXT, LOW_CONTEXT } from './network-names.ts';

/** What is known of the file besides its content. */
export interface ReadOptions {
  /** Replaces the name derived from the file name. */
  readonly name?: string;
  readonly calibration?: Calibration;
  /** Replaces the general statement, if known. */
  readonly licence?: string;
  readonly signal?: AbortSignal;
}

/** A file of weights, wherever it is. */
export interface WeightFile {
  /** For messages: its path, or its name. */
  readonly where: string;
  /** Without its folders. */
  readonly name: string;
  readonly byteLength: number;
  /** Its first HEAD_BYTES, or fewer if it is shorter. */
  readonly head: Uint8Array;
  readonly bytes: () => AsyncIterable<Uint8Array>;
  /** The whole file in memory. */
  readonly whole: () => Promise<Uint8Array<ArrayBuffer>>;
  /** Hexadecimal. */
  readonly sha256: (bytes: Uint8Array<ArrayBuffer>) => string | Promise<string>;
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

/** EMmerNet's file names in the archives of LocScale 2.2 to 2.4. */
const archiveNames = /^EMmerNet_?(high|low)_?Context\.(hdf5|pt)$/i;

/** Yields the networks of a file (an archive may have several) one by one, so that one at a time is in memory. */
export async function* readNetworks(
  file: WeightFile,
  options: ReadOptions = {},
): AsyncGenerator<ReadNetwork> {
  const { where, name, head, byteLength } = file;
  if (detectCompression(head) !== 'none' || looksLikeTar(head)) {
    yield* readArchive(file, options);
    return;
  }
  if (byteLength > MOST_FILE_BYTES)
    throw new LocScaleError('bad-input', `${where} is too large for weights of EMmerNet.`, {
      where,
      expected: `at most ${MOST_FILE_BYTES} bytes`,
      found: `${byteLength} bytes`,
      hint: 'Save the state dict alone: torch.save(model.state_dict(), "weights.pt").',
    });
  yield await toModel(await file.whole(), { where, source: name, sha256: file.sha256 }, options);
}

/** The network for the requested context from an archive; that of a single file as it is. */
export async function pickNetwork(
  networks: AsyncIterable<ReadNetwork>,
  where: string,
  lowContext = false,
): Promise<ReadNetwork> {
  const wanted = lowContext ? LOW_CONTEXT : HIGH_CONTEXT;
  const found: string[] = [];
  for await (const network of networks) {
    const { name, source } = network.manifest;
    found.push(name);
    if (!source.includes(' in ') || name === wanted) return network;
  }
  throw new LocScaleError('bad-input', `${where} does not hold ${wanted}.`, {
    where,
    expected: wanted,
    found: found.join(', '),
    hint: lowContext ? `Leave ${named('lowContext')} out.` : `Add ${named('lowContext')}.`,
  });
}

/** Networks of emmernet.tar.gz, one after the other. */
async function* readArchive(file: WeightFile, options: ReadOptions): AsyncGenerator<ReadNetwork> {
  const { where, sha256 } = file;
  const wanted = (entry: string): boolean => archiveNames.test(entry.split('/').at(-1) ?? '');
  const source = { bytes: file.bytes(), byteLength: file.byteLength };
  const limits = { fileBytes: MOST_FILE_BYTES, archiveBytes: MOST_ARCHIVE_BYTES };
  const seen = new Set<string>();
  for await (const { path: entry, bytes } of readTar(source, where, wanted, limits)) {
    const entryName = entry.split('/').at(-1) as string;
    const name = nameOf(entryName);
    // A network present as .hdf5 and as .pt counts once.
    if (seen.has(name)) continue;
    seen.add(name);
    yield await toModel(
      bytes,
      { where: `${where}: ${entryName}`, source: `${entryName} in ${file.name}`, sha256 },
      {
        ...options,
        name: options.name === undefined ? name : `${options.name}-${name.slice('emmernet-'.length)}`,
      },
    );
  }
  if (seen.size === 0)
    throw new LocScaleError('bad-input', `${where} holds no weights of EMmerNet.`, {
      where,
      expected: 'emmernet/EMmerNet_highContext.hdf5 or emmernet/EMmerNet_lowContext.hdf5',
      hint: 'Give emmernet.tar.gz of Zenodo record 8211668.',
    });
}

/** Weights of one file as an ONNX graph with its manifest. */
async function toModel(
  bytes: Uint8Array<ArrayBuffer>,
  { where, source, sha256 }: { where: string; source: string; sha256: WeightFile['sha256'] },
  options: ReadOptions,
): Promise<ReadNetwork> {
  stopIfAborted(options.signal);
  const sourceSha256 = await sha256(bytes);
  const weights = await readWeights(bytes, where);
  stopIfAborted(options.signal);
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
      files: { plain: { file: PLAIN_FILE, sha256: await sha256(plain) } },
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
  const stem = file.replace(/\.[^.]*$/, '');
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
