/** The one map of the commands symmetrise and symmetry: a map, or the mean of two half maps. */
import type { Engine } from '../engine/engine.ts';
import { decideGrid } from '../pipeline/read-maps.ts';
import type { MapImage } from '../pipeline/types.ts';
import { chooseInput, type InputFiles, refusePositionals } from './job-options.ts';
import { inputPathsOf } from './open-inputs.ts';
import { type OpenOptions, openMap, sizeOfInput } from './open-map.ts';
import { readingEvents, type Session } from './session.ts';

export interface OneMap {
  readonly input: InputFiles;
  /** All files that are read. */
  readonly paths: readonly string[];
}

/** What the command line names; its files exist. */
export async function chooseOneMap({ parsed }: Session): Promise<OneMap> {
  const { values, positionals } = parsed;
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  const paths = inputPathsOf(input, values.mask);
  for (const path of paths) await sizeOfInput(path);
  return { input, paths };
}

/** Half maps become their mean; with a mask (-ma) values are multiplied by it. */
export async function openOneMap(session: Session, engine: Engine, { input }: OneMap): Promise<MapImage> {
  const { values } = session.parsed;
  const open = async (path: string, role: string, kind: OpenOptions['kind'] = 'map'): Promise<MapImage> => {
    const { image } = await openMap(path, {
      role,
      kind,
      allocate: (voxels) => engine.allocateHost(voxels),
      ...readingEvents(session),
    });
    return image;
  };
  const combine = (other: MapImage | undefined, by: (a: number, b: number) => number): void => {
    if (other === undefined) return;
    for (let i = 0; i < image.data.length; i++) image.data[i] = by(image.data[i], other.data[i]);
  };
  const image = input.kind === 'map' ? await open(input.map, 'map') : await open(input.half1, 'half map 1');
  const half2 = input.kind === 'map' ? undefined : await open(input.half2, 'half map 2');
  const mask = values.mask === undefined ? undefined : await open(values.mask, 'mask', 'mask');
  const maps = [image, half2, mask].filter((map) => map !== undefined);
  const { grid, header } = decideGrid(maps, { warn: (message) => session.logger.warn(message) });
  combine(half2, (a, b) => (a + b) / 2);
  combine(mask, (value, inside) => value * inside);
  return { ...image, grid, header };
}
