/**
 * Boxes of voxels for the view in three dimensions: the part of the maps around the mask, in blocks where it
 * is large.
 */
import { writeMrc } from '../formats/mrc.ts';
import { createMrcHeader } from '../formats/mrc-header.ts';
import type { Shape } from '../math/grid.ts';
import type { VoxelBox } from '../report/section.ts';
import type { ViewColour, ViewData, ViewMap } from './protocol.ts';
import type { ShownMaps } from './shown.ts';

/** Surfaces of more voxels along an edge than that have more triangles than a browser turns smoothly. */
const MOST_EDGE = 220;
/** Quantiles that colours reach to. */
const COLOUR_QUANTILES = [0.02, 0.98] as const;

/** A map averaged over blocks, (z, y, x). */
interface Blocks {
  readonly data: Float32Array;
  readonly shape: Shape;
}

/**
 * Maps within the crop as MRC files in memory, small enough for a browser's GPU, with levels to draw them
 * at.
 */
export async function viewOf(shown: ShownMaps): Promise<ViewData> {
  const { grid, before, after, crop, model } = shown;
  const factor = Math.ceil(Math.max(...crop.size) / MOST_EDGE);
  const blocks = (data: ArrayLike<number>): Blocks => average(data, grid.shape, crop, factor);
  const inside = blocks(await shown.mask());
  const file = (data: Blocks): Promise<Uint8Array> => fileOf(data, shown, factor);
  const map = async (label: string, voxels: Float32Array): Promise<ViewMap> => {
    const small = blocks(voxels);
    return {
      label,
      bytes: await file(small),
      ...momentsOf(small.data),
      levels: levelsOf(small.data, inside.data),
    };
  };
  const colours: ViewColour[] = [];
  for (const { label, unit, range, voxels } of shown.colours) {
    const small = blocks(await voxels());
    const [low, high] = range ?? rangeOf(small.data, inside.data);
    colours.push({ label, unit, low, high, bytes: await file(small) });
  }
  return {
    before: await map('before', before),
    after: await map('after', after),
    colours,
    binned: factor,
    model: model && {
      text: await textOf(model),
      format: /\.(cif|mmcif)(\.gz)?$/i.test(model.name) ? 'mmcif' : 'pdb',
    },
  };
}

/** Ends of the colour scale, from values in the mask. */
function rangeOf(values: Float32Array, inside: Float32Array): readonly [number, number] {
  const sorted = values.filter((_, i) => inside[i] > 0.5).sort();
  const [low, high] = COLOUR_QUANTILES.map((share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  return [low, Math.max(high, low + 0.1)];
}

/** Means over blocks of `factor` voxels along each edge of the box. */
function average(data: ArrayLike<number>, shape: Shape, { start, size }: VoxelBox, factor: number): Blocks {
  const small = size.map((n) => Math.max(1, Math.floor(n / factor))) as unknown as Shape;
  const out = new Float32Array(small[0] * small[1] * small[2]);
  const share = 1 / factor ** 3;
  let index = 0;
  for (let z = 0; z < small[0]; z++)
    for (let y = 0; y < small[1]; y++)
      for (let x = 0; x < small[2]; x++) {
        let sum = 0;
        for (let dz = 0; dz < factor; dz++)
          for (let dy = 0; dy < factor; dy++) {
            const row = start[0] + z * factor + dz;
            const from = (row * shape[1] + start[1] + y * factor + dy) * shape[2] + start[2] + x * factor;
            for (let dx = 0; dx < factor; dx++) sum += data[from + dx];
          }
        out[index++] = share * sum;
      }
  return { data: out, shape: small };
}

/** An MRC file whose origin puts the blocks where the voxels are. */
async function fileOf(
  { data, shape }: Blocks,
  { grid, crop }: ShownMaps,
  factor: number,
): Promise<Uint8Array> {
  // The middle of a block of voxels lies half of the others away from the first one.
  const shift = (factor - 1) / 2;
  const header = createMrcHeader({
    shape,
    voxelSize: grid.voxelSize.map((size) => size * factor) as unknown as Shape,
    origin: grid.origin.map(
      (at, axis) => at + (crop.start[axis] + shift) * grid.voxelSize[axis],
    ) as unknown as Shape,
  });
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of writeMrc({ header, data }, { label: 'view' })) chunks.push(chunk);
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function momentsOf(data: Float32Array): { mean: number; sigma: number } {
  let sum = 0;
  for (const v of data) sum += v;
  const mean = sum / data.length;
  let squares = 0;
  for (const v of data) squares += (v - mean) ** 2;
  return { mean, sigma: Math.sqrt(squares / data.length) };
}

/** The levels that as many voxels exceed as 1, 2 ... 100 % of the mask has. */
function levelsOf(data: Float32Array, mask: Float32Array): number[] {
  let inside = 0;
  for (const v of mask) if (v > 0.5) inside++;
  const sorted = data.toSorted();
  return Array.from({ length: 100 }, (_, i) => {
    const exceed = Math.round(((i + 1) / 100) * inside);
    return sorted[Math.max(0, sorted.length - 1 - exceed)];
  });
}

/** The model's text; .gz is unpacked. */
async function textOf(file: File): Promise<string> {
  if (!/\.gz$/i.test(file.name)) return file.text();
  return new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).text();
}
