/**
 * The C library calls that redirect file descriptor 2, made through koffi under Node and Deno. node:fs lacks
 * dup2, and under Deno it writes only to files that it has opened itself.
 */
import process from 'node:process';

/** The part used of koffi, the optional package that calls C functions. */
type NativeFunction = (...parameters: unknown[]) => number;

export interface NativeCalls {
  /** Duplicates a descriptor; child processes do not inherit the copy. */
  duplicate(descriptor: number): number;
  /** dup2: makes `target` refer to the same file as `source`. */
  replace(source: number, target: number): void;
  /** An unlinked temporary file: one descriptor to write, one to read. */
  openUnnamedFile(folder: string): { readonly write: number; readonly read: number };
  openPipe(): { readonly read: number; readonly write: number };
  /** Writes all bytes; throws an error with the code of the failure (EPIPE, ENOSPC ...). */
  write(descriptor: number, bytes: Uint8Array): void;
  /** Reads the bytes from `offset` on, if any. */
  readAt(descriptor: number, offset: number, length: number): Uint8Array;
  size(descriptor: number): number;
  close(descriptor: number): void;
  /** Starts a program with these descriptors as its 0, 1, 2 ... */
  spawn(program: readonly string[], environment: readonly string[], descriptors: readonly number[]): void;
}

/** fcntl.h: the same command has different numbers on Linux and macOS. */
const F_DUPFD_CLOEXEC: Partial<Record<NodeJS.Platform, number>> = { linux: 1030, darwin: 67 };
/** Above the descriptors assigned by `spawn`, so that none is overwritten before it is copied. */
const LOWEST_COPY = 10;
const O_RDONLY = 0;
const SEEK_END = 2;
/** posix_spawn_file_actions_t has 80 bytes in glibc and musl, 8 on macOS. */
const FILE_ACTIONS_BYTES = 256;
/** A reader that accepts nothing for this long is considered gone. */
const PATIENCE_MILLISECONDS = 5000;
const PAUSE_MILLISECONDS = 10;

/** Undefined if koffi is not installed, and on systems without these calls (Windows). */
export async function loadNativeCalls(): Promise<NativeCalls | undefined> {
  const duplicateCommand = F_DUPFD_CLOEXEC[process.platform];
  if (duplicateCommand === undefined) return undefined;
  try {
    const { default: koffi } = await import('koffi');
    return bind(koffi, duplicateCommand);
  } catch {
    return undefined;
  }
}

function bind(koffi: typeof import('koffi')['default'], duplicateCommand: number): NativeCalls {
  const library = koffi.load(null);
  const declare = (signature: string): NativeFunction => library.func(signature) as NativeFunction;
  const fcntl = declare('int fcntl(int, int, ...)');
  const dup2 = declare('int dup2(int, int)');
  const close = declare('int close(int)');
  const pipe = declare('int pipe(_Out_ int *)');
  const mkstemp = declare('int mkstemp(_Inout_ uint8_t *)');
  const open = declare('int open(const char *, int, ...)');
  const unlink = declare('int unlink(const char *)');
  const write = declare('intptr_t write(int, const void *, size_t)');
  const pread = declare('intptr_t pread(int, _Out_ uint8_t *, size_t, int64_t)');
  const lseek = declare('int64_t lseek(int, int64_t, int)');
  const codes = koffi.os.errno as Readonly<Record<string, number>>;

  const checked = (result: number, name: string): number => {
    if (result >= 0) return result;
    const number = koffi.errno();
    const code = Object.keys(codes).find((key) => codes[key] === number) ?? `error ${number}`;
    throw Object.assign(new Error(`${name}: ${code}`), { code });
  };
  const duplicate = (descriptor: number): number =>
    checked(fcntl(descriptor, duplicateCommand, 'int', LOWEST_COPY), 'fcntl');
  const moveUp = (descriptor: number): number => {
    const copy = duplicate(descriptor);
    close(descriptor);
    return copy;
  };

  return {
    duplicate,
    replace: (source, target) => {
      checked(dup2(source, target), 'dup2');
    },
    openUnnamedFile(folder) {
      const path = new TextEncoder().encode(`${folder}/locscale-gpu-XXXXXX\0`);
      const first = checked(mkstemp(path), 'mkstemp');
      const name = new TextDecoder().decode(path.subarray(0, -1));
      const second = open(name, O_RDONLY);
      unlink(name);
      const file = { write: moveUp(first), read: moveUp(checked(second, 'open')) };
      return file;
    },
    openPipe() {
      const ends = [0, 0];
      checked(pipe(ends), 'pipe');
      return { read: moveUp(ends[0] as number), write: moveUp(ends[1] as number) };
    },
    write(descriptor, bytes) {
      let waited = 0;
      for (let done = 0; done < bytes.length; ) {
        const rest = bytes.subarray(done);
        const written = write(descriptor, rest, rest.length);
        if (written >= 0) {
          done += written;
          continue;
        }
        const number = koffi.errno();
        if (number === codes.EINTR) continue;
        // EAGAIN: the pipe is full, and another process has set it to non-blocking.
        if (number !== codes.EAGAIN || waited >= PATIENCE_MILLISECONDS) checked(written, 'write');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
        waited += PAUSE_MILLISECONDS;
      }
    },
    readAt(descriptor, offset, length) {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, Math.max(0, pread(descriptor, bytes, length, offset)));
    },
    size: (descriptor) => checked(lseek(descriptor, 0, SEEK_END), 'lseek'),
    close,
    spawn: bindSpawn(declare),
  };
}

function bindSpawn(declare: (signature: string) => NativeFunction): NativeCalls['spawn'] {
  const initActions = declare('int posix_spawn_file_actions_init(void *)');
  const addDup2 = declare('int posix_spawn_file_actions_adddup2(void *, int, int)');
  const destroyActions = declare('int posix_spawn_file_actions_destroy(void *)');
  const posixSpawn = declare(
    'int posix_spawn(_Out_ int *, const char *, void *, void *, const char **, const char **)',
  );
  return (program, environment, descriptors) => {
    const actions = new Uint8Array(FILE_ACTIONS_BYTES);
    if (initActions(actions) !== 0) throw new Error('posix_spawn_file_actions_init failed');
    for (const [target, source] of descriptors.entries()) addDup2(actions, source, target);
    const words = [...program, null];
    const variables = [...environment, null];
    const failure = posixSpawn([0], program[0], actions, null, words, variables);
    destroyActions(actions);
    if (failure !== 0) throw new Error(`posix_spawn: error ${failure}`);
  };
}
