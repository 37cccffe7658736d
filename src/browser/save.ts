/**
 * Maps to files of the user: as a stream where the browser has a file system for pages, else by way of a
 * Blob.
 */
import { writeMrc } from '../formats/mrc.ts';
import type { MapImage } from '../pipeline/types.ts';

interface FileHandle {
  createWritable(): Promise<WritableStream<Uint8Array>>;
}

/** What this file uses of the DOM's types, which clash with Node's. */
interface SaveScope {
  showSaveFilePicker?(options: { readonly suggestedName: string }): Promise<FileHandle>;
  showDirectoryPicker?(options: { readonly mode: 'readwrite' }): Promise<{
    getFileHandle(name: string, options: { readonly create: true }): Promise<FileHandle>;
  }>;
  readonly document: {
    createElement(name: 'a'): { href: string; download: string; click(): void };
  };
}

type Bytes = ReadableStream<Uint8Array> | Blob;

/** A label of an MRC file. */
const LABEL_CHARACTERS = 80;
/** Downloads read their Blob after the click; no event reports when they have. */
const KEEP_MILLISECONDS = 60_000;
const BETWEEN_DOWNLOADS_MILLISECONDS = 300;

/** The map as a stream of the bytes of an MRC file. `label`: one line on what was done to it. */
export function mapStream(map: Pick<MapImage, 'header' | 'data'>, label: string): ReadableStream<Uint8Array> {
  const bytes = writeMrc(map, { label: label.slice(0, LABEL_CHARACTERS) });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await bytes.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => {
        await bytes.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The map as an MRC file in memory (which large Blobs soon leave for the browser's disk). */
export async function mapToBlob(map: Pick<MapImage, 'header' | 'data'>, label: string): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of writeMrc(map, { label: label.slice(0, LABEL_CHARACTERS) })) chunks.push(chunk);
  return new Blob(chunks, { type: 'application/octet-stream' });
}

/**
 * Lets the user choose where to save (Chrome, Edge) and streams the bytes there, else downloads them. To be
 * called from a click; `bytes` may be made once the place is chosen. False: the user thought better of it. A
 * file that could not be written whole is not there.
 */
export async function saveAs(name: string, bytes: Bytes | (() => Promise<Bytes>)): Promise<boolean> {
  const scope = globalThis as unknown as SaveScope;
  if (scope.showSaveFilePicker === undefined) {
    const given = typeof bytes === 'function' ? await bytes() : bytes;
    download(name, given instanceof Blob ? given : await new Response(given).blob());
    return true;
  }
  try {
    const file = await scope.showSaveFilePicker({ suggestedName: name });
    const given = typeof bytes === 'function' ? await bytes() : bytes;
    const stream = given instanceof Blob ? given.stream() : given;
    // The browser writes to a file of its own, which takes the name when the stream is closed.
    await stream.pipeTo(await file.createWritable());
    return true;
  } catch (error) {
    if ((error as { name?: string }).name === 'AbortError') return false;
    throw error;
  }
}

/**
 * The same for several files: into a folder that the user chooses (Chrome, Edge), where files of these names
 * are replaced, else as downloads one after the other.
 */
export async function saveAll(
  names: readonly string[],
  blobOf: (name: string) => Promise<Blob>,
): Promise<boolean> {
  const scope = globalThis as unknown as SaveScope;
  if (scope.showDirectoryPicker === undefined) {
    for (const [i, name] of names.entries()) {
      // Browsers drop downloads that follow each other too fast.
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, BETWEEN_DOWNLOADS_MILLISECONDS));
      download(name, await blobOf(name));
    }
    return true;
  }
  try {
    const folder = await scope.showDirectoryPicker({ mode: 'readwrite' });
    for (const name of names) {
      const file = await folder.getFileHandle(name, { create: true });
      await (await blobOf(name)).stream().pipeTo(await file.createWritable());
    }
    return true;
  } catch (error) {
    if ((error as { name?: string }).name === 'AbortError') return false;
    throw error;
  }
}

function download(name: string, blob: Blob): void {
  const link = (globalThis as unknown as SaveScope).document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MILLISECONDS);
}
