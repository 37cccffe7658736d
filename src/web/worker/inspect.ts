/** Identifies a dropped file by its first bytes, and previews maps. */
import { mapFromBlob, modelFromBlob, openMapBlob } from '../../browser/read-blobs.ts';
import { axes, cutSection } from '../../report/section.ts';
import { whiteOf } from '../../report/section-figures.ts';
import type { FileFacts } from '../inputs.ts';
import type { Requests } from '../protocol.ts';

const COORDINATES = /\.(pdb|ent|cif|mmcif)(\.gz)?$/i;

export async function inspectFile(file: File): Promise<FileFacts> {
  const notes: string[] = [];
  if (COORDINATES.test(file.name)) {
    const { atoms, notes: said } = await modelFromBlob(file);
    const chains = new Set(atoms.map(({ chain }) => chain)).size;
    return { kind: 'model', atoms: atoms.length, chains, notes: said };
  }
  const { header, grid } = await openMapBlob(file, { onWarning: (text) => notes.push(text) });
  const { dmin, dmax } = header;
  const range = Number.isFinite(dmin) && dmax > dmin ? ([dmin, dmax] as const) : undefined;
  return { kind: 'map', shape: grid.shape, voxelSize: grid.voxelSize, range, notes };
}

/** Sections of a map through its middle, before anything is computed. */
export async function previewFile(file: File): Promise<Requests['preview']['gives']> {
  const { data, grid } = await mapFromBlob(file, { allowAllZero: true });
  const { shape } = grid;
  const at = shape.map((n) => Math.floor(n / 2)) as unknown as readonly [number, number, number];
  const box = { start: [0, 0, 0], size: shape } as const;
  const cut = axes.map((axis) => cutSection(data, shape, box, axis, at[axis]));
  const white = whiteOf(cut);
  return {
    name: file.name,
    at,
    sections: cut.map(({ width, height, values }) => ({ width, height, before: values })),
    scales: { before: white, after: white },
  };
}
