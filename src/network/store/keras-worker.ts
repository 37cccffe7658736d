/**
 * Entry point of a worker thread: reads Keras files for keras-thread.ts. Limits the memory of the HDF5
 * library, which allocates whatever a file declares, to the need of files of this size.
 */
import { type ErrorTag, isLocScaleError } from '../../errors.ts';
import { type KerasLayer, type KerasModel, openKerasHdf5 } from '../../formats/keras-hdf5.ts';
import { hasSharedMemory, serveThread } from '../../platform/index.ts';

/** A layer without values, which are requested by the indices of layer and weight. */
export interface DeclaredLayer extends Omit<KerasLayer, 'weights'> {
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly type: string;
  }[];
}

/** What the thread is requested to do. */
export type KerasRequest =
  | { readonly id: number; readonly kind: 'open'; readonly bytes: ArrayBufferLike; readonly name: string }
  | { readonly id: number; readonly kind: 'read'; readonly layer: number; readonly weight: number }
  | { readonly id: number; readonly kind: 'close' };

/** Fields of a LocScaleError: structured cloning loses the class. */
export interface TaggedFields {
  readonly tag: ErrorTag;
  readonly hint?: string | undefined;
  readonly where?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
}

/** Its answers. */
export type KerasReply =
  | { readonly id: number; readonly kind: 'layers'; readonly layers: readonly DeclaredLayer[] }
  | { readonly id: number; readonly kind: 'values'; readonly values: ArrayBufferLike }
  | { readonly id: number; readonly kind: 'closed' }
  | {
      readonly id: number;
      readonly kind: 'error';
      readonly message: string;
      readonly tagged?: TaggedFields;
      /** The library's memory may be corrupt: this thread must not read another file. */
      readonly spent: boolean;
    };

/** The library starts with 18 MiB and caches up to 32 MiB of a file's structure. */
const BASE_MEMORY_BYTES = 64 * 2 ** 20;
/** One array at a time is in memory, with its chunks in stored and in decoded form. */
const MEMORY_PER_FILE_BYTE = 8;
const PAGE_BYTES = 65_536;

let model: KerasModel | undefined;
let memoryLimitBytes = BASE_MEMORY_BYTES;

/** Applies to all WebAssembly of this thread, that is to this library only. */
function limitMemory(): void {
  const { prototype } = WebAssembly.Memory;
  const { grow } = prototype;
  prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength + pages * PAGE_BYTES > memoryLimitBytes)
      throw new RangeError('a file declares more than it can hold');
    return grow.call(this, pages);
  };
}

/** Carries out one request. */
async function answer(request: KerasRequest): Promise<KerasReply> {
  const { id } = request;
  switch (request.kind) {
    case 'open': {
      model?.close();
      model = undefined;
      memoryLimitBytes = BASE_MEMORY_BYTES + MEMORY_PER_FILE_BYTE * request.bytes.byteLength;
      model = await openKerasHdf5(new Uint8Array(request.bytes), request.name);
      const layers = model.layers.map(({ weights, ...layer }) => ({
        ...layer,
        weights: weights.map(({ name, shape, type }) => ({ name, shape, type })),
      }));
      return { id, kind: 'layers', layers };
    }
    case 'read': {
      const tensor = model?.layers[request.layer]?.weights[request.weight];
      if (tensor === undefined) throw new Error('there is no such array');
      const values = await tensor.read();
      const { byteLength } = values;
      const shared = hasSharedMemory ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength);
      new Float32Array(shared).set(values);
      return { id, kind: 'values', values: shared };
    }
    case 'close':
      model?.close();
      model = undefined;
      return { id, kind: 'closed' };
  }
}

/** An error as plain fields; `spent`: the library can no longer be used. */
function describe(id: number, error: unknown): KerasReply {
  if (!isLocScaleError(error)) return { id, kind: 'error', message: String(error), spent: true };
  const { tag, message, hint, where, expected, found } = error;
  const tagged = { tag, hint, where, expected, found };
  return { id, kind: 'error', message, tagged, spent: isTrap(error.cause) };
}

/**
 * A crash of the library rather than an error that HDF5 reports: out of bounds, stack overflow, C++
 * exception.
 */
function isTrap(cause: unknown): boolean {
  if (cause === undefined) return false;
  return (
    !(cause instanceof Error) || cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError
  );
}

limitMemory();
serveThread<undefined, KerasRequest, KerasReply>((_, port) => async (request) => {
  const reply = await answer(request).catch((error: unknown) => describe(request.id, error));
  port.post(reply);
});
