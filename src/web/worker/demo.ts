/** Half maps of a generated protein, made here from a seed: nothing is downloaded. */
import { mapToBlob } from '../../browser/save.ts';
import { generateDemoData } from '../../synthetic/half-maps.ts';

/** The generated files, and the map that sharpening should come close to. */
export interface Truth {
  /** By which the run recognises the files: only for these the truth is known. */
  readonly names: readonly string[];
  /** The reference map, (z, y, x), on the grid of the half maps. */
  readonly voxels: Float32Array;
}

/** Half maps as files, so that they take the same way as the user's own. */
export async function generateDemo(onTruth: (truth: Truth) => void): Promise<readonly File[]> {
  const { half1, half2, reference } = generateDemoData();
  const files: File[] = [];
  for (const [name, map] of [
    ['demo_half_map_1.mrc', half1],
    ['demo_half_map_2.mrc', half2],
  ] as const)
    files.push(new File([await mapToBlob(map, 'generated demo data')], name));
  onTruth({ names: files.map(({ name }) => name), voxels: reference.data });
  return files;
}
