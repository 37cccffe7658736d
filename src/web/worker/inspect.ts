/** Identifies a dropped file by its first bytes, and previews maps. */
import { mapFromBlob, modelFromBlob, openMapBlob } from '../../browser/read-blobs.ts';
import type { FileContents, Requests } from '../../screens/protocol.ts';
import { contentsOfMap, contentsOfModel, isAtomicModelName, previewOf } from '../../screens/shown.ts';

/** Reads no more than it must: headers of maps, the first byte of graphs, models and manifests whole. */
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
  if (isAtomicModelName(file.name)) return contentsOfModel(await modelFromBlob(file));
  const notes: string[] = [];
  return contentsOfMap(await openMapBlob(file, { onWarning: (text) => notes.push(text) }), notes);
}

/** Reads the whole map, without an engine. */
export async function previewFile(file: File): Promise<Requests['preview']['gives']> {
  return previewOf(file.name, await mapFromBlob(file, { allowAllZero: true }));
}
