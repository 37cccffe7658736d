/**
 * EMmerNet among the imported networks: its names there. Loads nothing, since every run without a reference
 * asks.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

export const HIGH_CONTEXT = 'emmernet-high-context';
export const LOW_CONTEXT = 'emmernet-low-context';

/** Whether runs of a network have EMmerNet without asking for it by name. */
export async function emmernetIsImported(folder: string): Promise<boolean> {
  return (await stat(join(folder, HIGH_CONTEXT)).catch(() => undefined)) !== undefined;
}
