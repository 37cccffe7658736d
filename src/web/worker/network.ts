/**
 * The network that predicts a reference: the bundled one, which is fetched from the page's own folder, or one
 * that the user has dropped, a graph with its manifest or EMmerNet's weights.
 */
import { Sha256 } from '../../browser/sha256.ts';
import { LocScaleError } from '../../errors.ts';
import type { NetworkManifest, ReferencePredictor } from '../../network/graph/model.ts';
import type { NetworkFiles } from '../../network/run/network-graph.ts';
import { openPredictor } from '../../network/run/open-predictor.ts';
import { checkManifest } from '../../network/store/check-manifest.ts';
import type { JobFiles } from '../../screens/protocol.ts';
import type { ReadFile } from './open-job.ts';

/** A manifest has 15 kB; of more than this nobody has to wait for the text. */
const MOST_MANIFEST_BYTES = 2 ** 20;
/** ONNX is a protocol buffer that begins with its version: field 1, a number. */
const ONNX_START = 0x08;

/** What the run is notified of. */
export interface OpenNetworkOptions {
  /** For the record: files that the user gave, with their hashes. */
  readonly onRead: (file: ReadFile) => void;
  /** For the page and the record. */
  readonly onWarning: (message: string) => void;
}

/** Loads onnxruntime; throws 'bad-input' where a file is missing, or its hash is not that of its manifest. */
export async function openNetwork(
  files: Pick<JobFiles, 'network' | 'manifest'>,
  { onRead, onWarning }: OpenNetworkOptions,
): Promise<ReferencePredictor> {
  const { network, manifest } = files;
  const model =
    network === undefined
      ? await bundledNetwork()
      : manifest === undefined
        ? await (await import('./weights.ts')).openWeights(network, onRead)
        : droppedNetwork(network, await readManifest(manifest), onRead);
  return openPredictor(model, {
    // In browsers its WebGPU provider is a build of its own, twice as large.
    provider: 'cpu',
    monteCarlo: false,
    webgpu: async () => ({ usable: false }),
    onNote: onWarning,
  });
}

/** Its manifest is part of the build, and checked all the same. */
async function bundledNetwork(): Promise<NetworkFiles> {
  const { manifest, graph } = __NETWORK__ as NonNullable<typeof __NETWORK__>;
  const text = new TextDecoder().decode(await fetched(manifest));
  return {
    manifest: checkManifest(JSON.parse(text), manifest),
    // Every file of the page has its hash in its name.
    readPlain: () => fetched(graph),
  };
}

/** From the page's folder only, so that runs work offline once it was stored. */
async function fetched(name: string): Promise<Uint8Array> {
  const response = await fetch(new URL(name, import.meta.url)).catch(() => undefined);
  if (response?.ok !== true)
    throw new LocScaleError('bad-input', 'The network could not be loaded from the folder of this page.', {
      hint: 'Without a connection it is there only if it was used before: connect, and start again.',
    });
  return new Uint8Array(await response.arrayBuffer());
}

/** The graph is read when it is needed, and must have the hash of the manifest. */
function droppedNetwork(
  file: File,
  manifest: NetworkManifest,
  onRead: (file: ReadFile) => void,
): NetworkFiles {
  return {
    manifest,
    async readPlain() {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const sha256 = sha256Of(bytes);
      const expected = manifest.files.plain.sha256;
      if (sha256 !== expected)
        throw new LocScaleError('bad-input', `${file.name} is not the file that its manifest describes.`, {
          where: file.name,
          expected: `SHA-256 ${expected}`,
          found: sha256,
          hint: 'Drop the two files of one network.',
        });
      onRead({ role: 'network', name: file.name, bytes: bytes.length, sha256 });
      return bytes;
    },
  };
}

function sha256Of(bytes: Uint8Array): string {
  const hash = new Sha256();
  hash.update(bytes);
  return hash.digest();
}

/** By one byte, so that the answer is immediate; only the run reads the whole graph. */
export async function checkGraph(file: File): Promise<void> {
  const [first] = new Uint8Array(await file.slice(0, 1).arrayBuffer());
  if (first === ONNX_START) return;
  throw new LocScaleError('bad-input', `${file.name} is no ONNX file.`, {
    where: file.name,
    hint: 'Copy or download the file again; weights of Keras and PyTorch may be dropped as they are.',
  });
}

/** Other JSON files, such as records of runs, are recognised by their contents. */
export async function readManifest(file: File): Promise<NetworkManifest> {
  let value: unknown;
  try {
    value = JSON.parse(file.size > MOST_MANIFEST_BYTES ? '' : await file.text());
  } catch (cause) {
    throw new LocScaleError('bad-input', `${file.name} is not the manifest of a network.`, {
      where: file.name,
      hint: 'It is the .json file of a network, next to its .onnx file; records of runs are not read here.',
      cause,
    });
  }
  return checkManifest(value, file.name);
}
