/** Entry point of a worker thread: reads one map for map-thread.ts, and hands its voxels over. */
import { type ErrorTag, isLocScaleError } from '../errors.ts';
import type { MapImage } from '../formats/map-image.ts';
import { type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { type Overview, overviewOf } from '../math/inputs/contrast.ts';
import type { OverviewedMap } from '../pipeline/map-input.ts';
import { serveThread } from '../platform/index.ts';
import { type HashedFile, readMapFile } from './read-files.ts';

export interface MapRequest {
  readonly path: string;
  readonly voxelSize?: number;
  readonly kind?: 'map' | 'mask';
  readonly allowAllZero?: boolean;
  /** Whether `onRead` wants the file's checksum. */
  readonly hashed: boolean;
}

/** Fields of a LocScaleError: structured cloning loses the class. */
export interface ErrorFields {
  readonly tag: ErrorTag;
  readonly message: string;
  readonly hint?: string;
  readonly where?: string;
  readonly parameter?: string;
  readonly expected?: string;
  readonly found?: string;
}

export type MapReply =
  | { readonly kind: 'grid'; readonly grid: Grid }
  /** A warning, or an observation. */
  | { readonly kind: 'said'; readonly warns: boolean; readonly message: string }
  | { readonly kind: 'map'; readonly image: OverviewedMap; readonly file: HashedFile | undefined }
  | { readonly kind: 'error'; readonly error: ErrorFields };

serveThread<undefined, MapRequest, MapReply>((_, port) => ({ path, hashed, ...options }) => {
  let file: HashedFile | undefined;
  const read = readMapFile(path, {
    ...options,
    onGrid: (grid) => port.post({ kind: 'grid', grid }),
    onWarning: (message) => port.post({ kind: 'said', warns: true, message }),
    onInfo: (message) => port.post({ kind: 'said', warns: false, message }),
    onRead: hashed
      ? (sum) => {
          file = sum;
        }
      : undefined,
  });
  read.then(
    (image) => {
      const voxels = [image.data.buffer as ArrayBuffer];
      port.post(
        { kind: 'map', image: { ...image, overview: overviewFor(image, options.kind) }, file },
        voxels,
      );
    },
    (error: unknown) => port.post({ kind: 'error', error: fieldsOf(error) }),
  );
});

/** Masks have no contrast. */
function overviewFor({ data, grid }: MapImage, kind: MapRequest['kind']): Overview | undefined {
  return kind === 'mask' ? undefined : overviewOf(data, grid.shape, isotropicVoxelSize(grid));
}

function fieldsOf(error: unknown): ErrorFields {
  if (!isLocScaleError(error))
    return { tag: 'internal', message: error instanceof Error ? error.message : String(error) };
  const { tag, message, hint, where, parameter, expected, found } = error;
  return { tag, message, hint, where, parameter, expected, found };
}
