/** Opens the maps a run works on; those that are needed late are read late. */
import type { Engine } from '../engine/engine.ts';
import type { LocScaleJob, MapImage, MapSource } from '../pipeline/types.ts';
import type { InputFiles } from './job-options.ts';
import { type InputFile, type OpenOptions, openMap, openMapLater } from './open-map.ts';
import { readingEvents, type Session } from './session.ts';

export interface OpenedInputs {
  readonly input: LocScaleJob['input'];
  readonly mask?: MapSource;
  /** Every file that was read, in the order of reading; grows as late ones are read. */
  readonly files: InputFile[];
  /** Its voxels are read when their step begins: until then the half maps and their spectra need the memory. */
  openLater(path: string, role: string, more?: Partial<OpenOptions>): Promise<MapSource>;
}

export async function openInputs(session: Session, engine: Engine, input: InputFiles): Promise<OpenedInputs> {
  const { values } = session.parsed;
  const files: InputFile[] = [];
  const options = (role: string): OpenOptions => ({
    role,
    allocate: (voxels) => engine.allocateHost(voxels),
    ...readingEvents(session),
  });
  const open = async (path: string, role: string): Promise<MapImage> => {
    session.logger.line(`Reading ${path}`);
    const { image, file } = await openMap(path, options(role));
    files.push(file);
    return image;
  };
  const openLater: OpenedInputs['openLater'] = (path, role, more = {}) =>
    openMapLater(
      path,
      { ...options(role), ...more },
      {
        onReading: () => session.logger.line(`Reading ${path}`),
        onRead: (file) => files.push(file),
      },
    );
  const maps: LocScaleJob['input'] =
    input.kind === 'map'
      ? { kind: 'map', map: await open(input.map, 'map') }
      : {
          kind: 'half-maps',
          half1: await open(input.half1, 'half map 1'),
          half2: await open(input.half2, 'half map 2'),
        };
  const mask = values.mask === undefined ? undefined : await openLater(values.mask, 'mask', { kind: 'mask' });
  return { input: maps, ...(mask === undefined ? {} : { mask }), files, openLater };
}

/** Files named by the input options and the mask, for checks before anything is computed. */
export function inputPathsOf(input: InputFiles, mask: string | undefined): string[] {
  return [
    ...(input.kind === 'map' ? [input.map] : [input.half1, input.half2]),
    ...(mask === undefined ? [] : [mask]),
  ];
}
