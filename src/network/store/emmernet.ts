/** Whether EMmerNet is in the store. Imports next to nothing, because every run without a reference loads it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HIGH_CONTEXT } from './network-names.ts';

export { HIGH_CONTEXT, LOW_CONTEXT } from './network-names.ts';

/** Whether EMmerNet is imported, so that runs use it by default. */
export async function emmernetIsImported(folder: string): Promise<boolean> {
  return (await stat(join(folder, HIGH_CONTEXT)).catch(() => undefined)) !== undefined;
}
