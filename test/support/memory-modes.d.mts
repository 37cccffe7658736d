/** Types of memory-modes.mjs. */
import type { Engine } from '../../src/engine/engine.ts';
import type { createMrcHeader } from '../../src/formats/mrc-header.ts';
import type { LocScaleJob } from '../../src/pipeline/types.ts';

export const MEMORY_FLAGS: readonly string[];
export const MEMORY_MODES: readonly string[];
export function memoryJob(
  mode: string,
  n: number,
  engine: Engine,
  createHeader: typeof createMrcHeader,
): LocScaleJob;
