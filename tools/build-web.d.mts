export function buildWeb(): Promise<void>;
/** Writes the script of the service worker for the files in the folder. */
export function addServiceWorker(folder: string, later?: readonly string[]): Promise<void>;
/** Names of the files that only runs with a network load. */
export function laterIn(folder: string): string[];
/** Bytes, as they are and with gzip, of everything in the folder. */
export function sizesOf(
  folder: string,
): { readonly name: string; readonly bytes: number; readonly gzip: number }[];
