/**
 * Binds libmpi through koffi: identifies the implementation and declares the functions used here.
 *
 * Handles differ: Open MPI's are addresses of exported variables; MPICH's, and those of libraries with its
 * ABI (Intel MPI, MVAPICH, Cray), are integers. The exported symbols identify the family.
 */
import { LocScaleError } from '../errors.ts';
import type { MpiFamily } from './launcher.ts';

/** A pointer in Open MPI, an integer constant in MPICH. */
type Handle = bigint | number;
/** The optional package koffi, loaded by the caller. */
export type Koffi = typeof import('koffi')['default'];
/** Returns MPI's error code. */
type NativeFunction = (...parameters: unknown[]) => number;

/** A transfer in progress. It references its buffers, which libmpi accesses until the transfer has ended. */
export interface MpiRequest {
  readonly handle: Uint8Array;
  readonly memory: Uint8Array;
}

/**
 * The functions of libmpi that are used. All block only as long as MPI does itself; waiting is polling
 * (`isDone`).
 */
export interface MpiLibrary {
  readonly family: MpiFamily;
  /** "Open MPI 4.1.4", "MPICH 4.0.2". */
  readonly version: string;
  readonly path: string;
  initialise(): void;
  rank(): number;
  size(): number;
  /** Rank and count among the ranks that share memory. Collective. */
  localRanks(): { readonly rank: number; readonly size: number };
  startBarrier(): MpiRequest;
  startBroadcast(memory: Uint8Array, root: number): MpiRequest;
  startSend(memory: Uint8Array, to: number): MpiRequest;
  startReceive(memory: Uint8Array, from: number): MpiRequest;
  isDone(request: MpiRequest): boolean;
  /** Does not return. */
  abort(exitCode: number): void;
  finalise(): void;
}

/** MPI_THREAD_FUNNELED: only the main thread of this process calls MPI. */
const THREAD_FUNNELED = 1;
const MAX_VERSION_BYTES = 8192;
const MAX_ERROR_BYTES = 1024;
/** MPI_Status has 20 (MPICH) or 24 bytes (Open MPI). */
const STATUS_BYTES = 64;
/** Tag of all messages: their order distinguishes them. */
const TAG = 17;

/** Predefined handles of the library. */
interface Handles {
  readonly world: Handle;
  readonly byte: Handle;
  readonly noInfo: Handle;
  readonly errorsReturn: Handle;
  /** MPI_COMM_TYPE_SHARED. */
  readonly typeShared: number;
}

/** From MPICH's mpi.h; fixed by the MPICH ABI Compatibility Initiative. */
const MPICH_HANDLES: Handles = {
  world: 0x44000000,
  byte: 0x4c00010d,
  noInfo: 0x1c000000,
  errorsReturn: 0x54000001,
  typeShared: 1,
};

const OPEN_MPI_SYMBOLS = {
  world: 'ompi_mpi_comm_world',
  byte: 'ompi_mpi_byte',
  noInfo: 'ompi_mpi_info_null',
  errorsReturn: 'ompi_mpi_errors_return',
} as const;

/** Which MPI it is. */
export interface MpiIdentity {
  readonly family: MpiFamily;
  readonly version: string;
}

/**
 * Identifies a library file. Loaded with local symbols, so that a second libmpi cannot interfere with the
 * first.
 */
export function identifyMpi(koffi: Koffi, path: string): MpiIdentity {
  const library = koffi.load(path);
  try {
    const describe = library.func('int MPI_Get_library_version(_Out_ uint8_t *text, _Out_ int *length)');
    const text = new Uint8Array(MAX_VERSION_BYTES);
    const length = [0];
    describe(text, length);
    const family = hasSymbol(library, OPEN_MPI_SYMBOLS.world) ? 'open-mpi' : 'mpich';
    return { family, version: shortVersion(new TextDecoder().decode(text.subarray(0, length[0])), family) };
  } finally {
    library.unload();
  }
}

/** Name and version from "Open MPI v4.1.4, package: ..." or "MPICH Version:\t4.0.2\n...". */
export function shortVersion(text: string, family: MpiFamily): string {
  // Cray's text begins with "MPI VERSION    : ".
  const line = (text.split(/[\n\0]/, 1)[0] ?? '').replace(/^MPI VERSION\s*:/, '').trim();
  const match = /^(.*?)(?:\s+Version)?[\s:]+v?(\d+(?:\.\d+)+\S*?)(?:[\s,]|$)/i.exec(line);
  if (match !== null) return `${match[1]?.replace(/\(R\)/g, '').replace(/[\s:]+$/, '')} ${match[2]}`;
  return line === '' ? (family === 'open-mpi' ? 'Open MPI' : 'MPICH') : line;
}

/** Whether the library exports a symbol. */
function hasSymbol(library: ReturnType<Koffi['load']>, name: string): boolean {
  try {
    library.symbol(name);
    return true;
  } catch {
    return false;
  }
}

/** Loads the library for use, with global symbols: Open MPI's plug-ins look them up in the process. */
export function bindMpi(koffi: Koffi, path: string, identity: MpiIdentity): MpiLibrary {
  const library = koffi.load(path, { global: true });
  const handles =
    identity.family === 'mpich'
      ? MPICH_HANDLES
      : {
          world: library.symbol(OPEN_MPI_SYMBOLS.world) as bigint,
          byte: library.symbol(OPEN_MPI_SYMBOLS.byte) as bigint,
          noInfo: library.symbol(OPEN_MPI_SYMBOLS.noInfo) as bigint,
          errorsReturn: library.symbol(OPEN_MPI_SYMBOLS.errorsReturn) as bigint,
          typeShared: 0,
        };
  return new BoundMpi(koffi, library, path, identity, handles);
}

/** libmpi through koffi. Functions are declared on first use. */
class BoundMpi implements MpiLibrary {
  readonly family: MpiFamily;
  readonly version: string;
  readonly path: string;
  readonly #koffi: Koffi;
  readonly #library: ReturnType<Koffi['load']>;
  readonly #handles: Handles;
  readonly #functions = new Map<string, NativeFunction>();
  readonly #status = new Uint8Array(STATUS_BYTES);

  constructor(
    koffi: Koffi,
    library: ReturnType<Koffi['load']>,
    path: string,
    identity: MpiIdentity,
    handles: Handles,
  ) {
    this.#koffi = koffi;
    this.#library = library;
    this.#handles = handles;
    this.path = path;
    this.family = identity.family;
    this.version = identity.version;
  }

  initialise(): void {
    this.#call('MPI_Init_thread', 'void *, void *, int, _Out_ int *', null, null, THREAD_FUNNELED, [0]);
    // Return error codes, which become exceptions here; MPI's default is to end the process.
    const { world, errorsReturn } = this.#handles;
    this.#call('MPI_Comm_set_errhandler', 'handle, handle', world, errorsReturn);
  }

  rank(): number {
    return this.#number('MPI_Comm_rank', this.#handles.world);
  }

  size(): number {
    return this.#number('MPI_Comm_size', this.#handles.world);
  }

  localRanks(): { rank: number; size: number } {
    const { world, noInfo, typeShared } = this.#handles;
    const types = 'handle, int, int, handle, _Out_ handle *';
    const local: Handle[] = [0];
    this.#call('MPI_Comm_split_type', types, world, typeShared, this.rank(), noInfo, local);
    const ranks = {
      rank: this.#number('MPI_Comm_rank', local[0]),
      size: this.#number('MPI_Comm_size', local[0]),
    };
    this.#call('MPI_Comm_free', '_Inout_ handle *', local);
    return ranks;
  }

  startBarrier(): MpiRequest {
    const request = this.#request(new Uint8Array(0));
    this.#call('MPI_Ibarrier', 'handle, void *', this.#handles.world, this.#address(request.handle));
    return request;
  }

  startBroadcast(memory: Uint8Array, root: number): MpiRequest {
    const { world, byte } = this.#handles;
    const request = this.#request(memory);
    const types = 'void *, int, handle, int, handle, void *';
    const [from, to] = [this.#address(memory), this.#address(request.handle)];
    this.#call('MPI_Ibcast', types, from, memory.length, byte, root, world, to);
    return request;
  }

  startSend(memory: Uint8Array, to: number): MpiRequest {
    return this.#startTransfer('MPI_Isend', memory, to);
  }

  startReceive(memory: Uint8Array, from: number): MpiRequest {
    return this.#startTransfer('MPI_Irecv', memory, from);
  }

  isDone(request: MpiRequest): boolean {
    const done = [0];
    const status = this.#address(this.#status);
    this.#call('MPI_Test', 'void *, _Out_ int *, void *', this.#address(request.handle), done, status);
    return done[0] !== 0;
  }

  abort(exitCode: number): void {
    this.#function('MPI_Abort', 'handle, int')(this.#handles.world, exitCode);
  }

  finalise(): void {
    this.#call('MPI_Finalize', '');
  }

  /** A transfer to or from one rank; the memory must stay until it is done. */
  #startTransfer(name: string, memory: Uint8Array, peer: number): MpiRequest {
    const { world, byte } = this.#handles;
    const request = this.#request(memory);
    const types = 'void *, int, handle, int, int, handle, void *';
    const [block, to] = [this.#address(memory), this.#address(request.handle)];
    this.#call(name, types, block, memory.length, byte, peer, TAG, world, to);
    return request;
  }

  /** Space for an MPI_Request: a pointer (Open MPI) or an int (MPICH). */
  #request(memory: Uint8Array): MpiRequest {
    return { handle: new Uint8Array(8), memory };
  }

  /**
   * Address of the bytes, stable for the lifetime of the array: `koffi.address` moves small arrays off the JS
   * heap.
   */
  #address(memory: Uint8Array): bigint {
    return memory.length === 0 ? 0n : this.#koffi.address(memory);
  }

  /** A number that a function returns about a communicator. */
  #number(name: string, communicator: Handle): number {
    const value = [0];
    this.#call(name, 'handle, _Out_ int *', communicator, value);
    return value[0];
  }

  /** Throws 'internal' with MPI's own description if the call fails. */
  #call(name: string, types: string, ...parameters: unknown[]): void {
    const code = this.#function(name, types)(...parameters);
    if (code !== 0) {
      throw new LocScaleError('internal', `${name} failed: ${this.#describe(code)}.`, {
        where: this.version,
        hint: 'A rank or the network between the ranks has failed.',
      });
    }
  }

  /** Handles are pointers or integers, by the family. */
  #function(name: string, types: string): NativeFunction {
    let native = this.#functions.get(name);
    if (native === undefined) {
      const handle = this.family === 'open-mpi' ? 'void *' : 'int';
      const declared = types.replaceAll('handle', handle);
      native = this.#library.func(`int ${name}(${declared})`) as NativeFunction;
      this.#functions.set(name, native);
    }
    return native;
  }

  /** MPI's text for an error code. */
  #describe(code: number): string {
    const text = new Uint8Array(MAX_ERROR_BYTES);
    const length = [0];
    this.#function('MPI_Error_string', 'int, _Out_ uint8_t *, _Out_ int *')(code, text, length);
    return new TextDecoder().decode(text.subarray(0, length[0]));
  }
}
