/** Weights of networks that are dropped: what the command line imports, a file of Keras or PyTorch, or an archive. */
import { chunksOf } from '../../browser/read-blobs.ts';
import { Sha256 } from '../../browser/sha256.ts';
import { HEAD_BYTES } from '../../formats/weight-starts.ts';
import type { NetworkFiles } from '../../network/run/network-graph.ts';
import { pickNetwork, type ReadNetwork, readNetworks } from '../../network/store/read-networks.ts';
import type { ReadFile } from './open-job.ts';

/** A network as a graph, which is not stored; throws 'bad-input' for everything else. */
export async function readWeights(file: File): Promise<ReadNetwork> {
  const { name, size } = file;
  const networks = readNetworks({
    ...{ where: name, name, byteLength: size, sha256: sha256Of },
    head: new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()),
    bytes: () => chunksOf(file, name),
    whole: async () => new Uint8Array(await file.arrayBuffer()),
  });
  return pickNetwork(networks, name);
}

/** For a run, whose record has the hash of the file. */
export async function openWeights(file: File, onRead: (file: ReadFile) => void): Promise<NetworkFiles> {
  const { manifest, plain } = await readWeights(file);
  const hash = new Sha256();
  for await (const chunk of chunksOf(file, file.name)) hash.update(chunk);
  onRead({ role: 'network', name: file.name, bytes: file.size, sha256: hash.digest() });
  return { manifest, readPlain: async () => plain };
}

/** By the browser's own code, for bytes that are in memory. */
async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
