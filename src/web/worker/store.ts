/**
 * Results in the browser's private file system, where a reload or a crash does not reach them. Each is a
 * folder; the file that says what is in it is written last, and a folder without it is removed.
 */
import { mapFromBlob } from '../../browser/read-blobs.ts';
import { LocScaleError } from '../../errors.ts';
import { voxelCount } from '../../math/grid.ts';
import type { VoxelBox } from '../../report/section.ts';
import type { RunSummary, StoredResult } from '../../screens/protocol.ts';
import type { ColourMap, Output, Shown } from '../../screens/shown.ts';

/** A worker's part of the file system, which the DOM's types leave out. */
interface WritableHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<{
    write(bytes: Uint8Array, options: { readonly at: number }): number;
    flush(): void;
    close(): void;
  }>;
}
type Folder = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

/** Folder in the page's file system, one folder per result in it. */
const RESULTS = 'results';
const CONTENTS = 'contents.json';
/** The map before scaling as the views draw it, float32 (z, y, x); it is not among the outputs. */
const BEFORE = 'before.f32';
/** Raised when the contents change: results of another format are removed, not converted. */
const FORMAT = 1;
/** Suffixes of outputs (report/maps-of-runs.ts) that the views need. */
const SCALED = 'locscale_output.mrc';
const MASK = 'locscale_output_mask.mrc';

/** contents.json: everything that the page needs besides the maps. */
interface Contents {
  readonly format: number;
  readonly finished: string;
  readonly title: string;
  readonly summary: RunSummary;
  readonly crop: VoxelBox;
  readonly colours: readonly Omit<ColourMap, 'voxels'>[];
  /** Name of its file, which has the same name here. */
  readonly model?: string;
  /** Of every file. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** The result on show. */
export interface ToStore {
  readonly shown: Shown;
  readonly summary: RunSummary;
  /** What the user calls the data. */
  readonly title: string;
}

/** Undefined where the browser has no such file system, or keeps it from this page. */
async function openResults(): Promise<Folder | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return (await root.getDirectoryHandle(RESULTS, { create: true })) as Folder;
  } catch {
    return undefined;
  }
}

/**
 * Throws 'unsupported' without a file system and 'out-of-memory' without room; what was written is then
 * removed.
 */
export async function storeResult({ shown, summary, title }: ToStore): Promise<StoredResult> {
  const results = await openResults();
  if (results === undefined)
    throw new LocScaleError('unsupported', 'The browser offers this page no storage.', {
      hint: 'In a private window there may be none.',
    });
  const finished = new Date().toISOString();
  const id = `${finished.replace(/\D/g, '')}-${crypto.randomUUID().slice(0, 8)}`;
  return withLock(id, {}, async () => {
    try {
      await refuseBeyondQuota(shown);
      const folder = (await results.getDirectoryHandle(id, { create: true })) as Folder;
      const sizes: Record<string, number> = {};
      const { before } = shown;
      sizes[BEFORE] = await writeFile(folder, BEFORE, streamOf(before));
      for (const output of shown.outputs)
        sizes[output.name] = await writeFile(folder, output.name, await output.stream());
      const { model } = shown;
      if (model !== undefined) sizes[model.name] = await writeFile(folder, model.name, model.stream());
      const contents: Contents = {
        format: FORMAT,
        finished,
        title,
        summary,
        crop: shown.crop,
        colours: shown.colours.map(({ voxels: _, ...colour }) => colour),
        model: model?.name,
        sizes,
      };
      await writeFile(folder, CONTENTS, new Blob([JSON.stringify(contents)]).stream());
      return { id, finished, title, bytes: total(sizes) };
    } catch (error) {
      await results.removeEntry(id, { recursive: true }).catch(() => undefined);
      throw noRoom(error, shown);
    }
  });
}

/** The newest first. What was left half written is removed, unless it is being written at this moment. */
export async function listResults(): Promise<readonly StoredResult[]> {
  const results = await openResults();
  if (results === undefined) return [];
  const found: StoredResult[] = [];
  for await (const id of results.keys()) {
    const contents = await readContents(results, id);
    if (contents !== undefined) {
      const { finished, title, sizes } = contents;
      found.push({ id, finished, title, bytes: total(sizes) });
    } else await withLock(id, { ifAvailable: true }, () => results.removeEntry(id, { recursive: true }));
  }
  return found.sort((a, b) => b.finished.localeCompare(a.finished));
}

/** Nothing happens if it is not there. */
export async function deleteResult(id: string): Promise<undefined> {
  await (await openResults())?.removeEntry(id, { recursive: true });
}

/**
 * Maps of a stored result; outputs are read when they are saved. Throws 'bad-input' if it is gone.
 */
export async function openResult(id: string): Promise<{ shown: Shown; summary: RunSummary }> {
  const results = await openResults();
  const contents = results && (await readContents(results, id));
  if (results === undefined || contents === undefined)
    throw new LocScaleError('bad-input', 'This result is not stored any more.');
  const folder = await results.getDirectoryHandle(id);
  const file = async (name: string): Promise<File> => (await folder.getFileHandle(name)).getFile();
  const map = async (name: string) => mapFromBlob(await file(name), { allowAllZero: true });
  const { summary, crop, colours, model } = contents;
  const { data: after, grid } = await map(SCALED);
  const before = new Float32Array(await (await file(BEFORE)).arrayBuffer());
  const outputs: Output[] = summary.files.map((output) => ({
    ...output,
    blob: () => file(output.name),
    stream: async () => (await file(output.name)).stream(),
  }));
  const shown: Shown = {
    grid,
    crop,
    before,
    after,
    colours: colours.map((colour) => ({ ...colour, voxels: async () => (await map(colour.file)).data })),
    model: model === undefined ? undefined : await file(model),
    outputs,
    mask: async () => (await map(MASK)).data,
    dispose: async () => undefined,
  };
  return { shown, summary };
}

/** Undefined: not all of it is there. */
async function readContents(results: Folder, id: string): Promise<Contents | undefined> {
  try {
    const folder = await results.getDirectoryHandle(id);
    const sizeOf = async (name: string) => (await (await folder.getFileHandle(name)).getFile()).size;
    const text = await (await (await folder.getFileHandle(CONTENTS)).getFile()).text();
    const contents = JSON.parse(text) as Contents;
    if (contents.format !== FORMAT) return undefined;
    for (const [name, bytes] of Object.entries(contents.sizes))
      if ((await sizeOf(name)) !== bytes) return undefined;
    return contents;
  } catch {
    return undefined;
  }
}

/** Streams into the file; its size. */
async function writeFile(
  folder: FileSystemDirectoryHandle,
  name: string,
  bytes: ReadableStream<Uint8Array>,
): Promise<number> {
  const file = (await folder.getFileHandle(name, { create: true })) as WritableHandle;
  const handle = await file.createSyncAccessHandle();
  const reader = bytes.getReader();
  try {
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const written = handle.write(value, { at });
      if (written < value.length) throw new DOMException('The disk is full.', 'QuotaExceededError');
      at += written;
    }
    handle.flush();
    return at;
  } finally {
    handle.close();
    await reader.cancel().catch(() => undefined);
  }
}

/** Copies of parts: handles take no memory that threads share. */
function streamOf(voxels: Float32Array): ReadableStream<Uint8Array> {
  const step = 2 ** 20;
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= voxels.length) return controller.close();
      controller.enqueue(new Uint8Array(Float32Array.from(voxels.subarray(at, at + step)).buffer));
      at += step;
    },
  });
}

/** Before anything is written. Throws a QuotaExceededError, as writing would. */
async function refuseBeyondQuota(shown: Shown): Promise<void> {
  const { quota, usage } = await navigator.storage.estimate();
  if (quota !== undefined && usage !== undefined && bytesOf(shown) > quota - usage)
    throw new DOMException('The disk is full.', 'QuotaExceededError');
}

/** The error to throw: quota errors as a sentence, others as they are. */
function noRoom(error: unknown, shown: Shown): unknown {
  if ((error as { name?: string }).name !== 'QuotaExceededError') return error;
  const megabytes = Math.ceil(bytesOf(shown) / 2 ** 20);
  return new LocScaleError('out-of-memory', `The browser has no room for its ${megabytes} MB.`, {
    hint: 'Delete results that were stored before, or other pages’ data.',
  });
}

/** Of the map before and all outputs, as they will be stored. */
function bytesOf({ grid, outputs }: Shown): number {
  return 4 * voxelCount(grid.shape) + outputs.reduce((sum, { bytes }) => sum + bytes, 0);
}

function total(sizes: Readonly<Record<string, number>>): number {
  return Object.values(sizes).reduce((sum, bytes) => sum + bytes, 0);
}

/** Of the tabs of this page one at a time works on a result. */
function withLock<T>(id: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const name = `locscale-gpu result ${id}`;
  return navigator.locks.request(name, options, (lock) => (lock === null ? undefined : work())) as Promise<T>;
}
