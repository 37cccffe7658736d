/** Identifies a dropped file by its first bytes, and previews maps. */
import { mapFromBlob, modelFromBlob, openMapBlob } from '../../browser/read-blobs.ts';
import { HEAD_BYTES, looksLikeHdf5, looksLikeTar, looksLikeZip } from '../../formats/weight-starts.ts';
import type { FileContents, Requests } from '../../screens/protocol.ts';
import { contentsOfMap, contentsOfModel, isAtomicModelName, previewOf } from '../../screens/shown.ts';

/**
 * Reads no more than it must: headers of maps, the first byte of graphs; models, manifests and weights of networks
 * whole, so that the card says what is wrong with them.
 */
export async function inspectFile(file: File): Promise<FileContents> {
  const kind = /\.(onnx|json)$/i.exec(file.name)?.[1].toLowerCase();
  if (kind === 'onnx') {
    await (await import('./network.ts')).checkGraph(file);
    return { kind: 'network', notes: [] };
  }
  if (kind === 'json') {
    const { title } = await (await import('./network.ts')).readManifest(file);
    return { kind: 'manifest', title, notes: [] };
  }
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  // What is compressed is an archive by its name: maps and models are compressed, too.
  const isArchive = looksLikeTar(head) || /\.(tar\.(gz|bz2)|tgz)$/i.test(file.name);
  if (isArchive || looksLikeHdf5(head) || looksLikeZip(head)) {
    const { manifest } = await (await import('./weights.ts')).readWeights(file);
    return { kind: 'network', title: manifest.title, notes: [] };
  }
  if (isAtomicModelName(file.name)) return contentsOfModel(await modelFromBlob(file));
  const notes: string[] = [];
  return contentsOfMap(await openMapBlob(file, { onWarning: (text) => notes.push(text) }), notes);
}

/** Reads the whole map, without an engine. */
export async function previewFile(file: File): Promise<Requests['preview']['gives']> {
  return previewOf(file.name, await mapFromBlob(file, { allowAllZero: true }));
}
