/** Names of EMmerNet in the store. Imports nothing, because every run without a reference loads it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Names of EMmerNet's variants in the store. */
export const HIGH_CONTEXT = 'emmernet-high-context';
export const LOW_CONTEXT = 'emmernet-low-context';

/** Whether EMmerNet is imported, so that runs use it by default. */
export async function emmernetIsImported(folder: string): Promise<boolean> {
  return (await stat(join(folder, HIGH_CONTEXT)).catch(() => undefined)) !== undefined;
}
