/** Runs one case and says what came of it. */
import { getHeapStatistics } from 'node:v8';
import { isLocScaleError } from '../../../src/errors.ts';
import type { FuzzTarget } from './types.ts';

export interface Verdict {
  /** `accepted`, or the tag of the refusal; `fault` where neither holds. */
  readonly outcome: string;
  /** Of a fault: one line. */
  readonly fault?: string;
  readonly milliseconds: number;
  /** Bytes of arrays that the case has allocated and that are not collected yet. */
  readonly allocatedBytes: number;
}

/** Milliseconds after which the campaign counts a case that does end as a fault. */
export const SLOW_MILLISECONDS = 10_000;

/** Outside of the heap: arrays, mostly. A tenth of the time that process.memoryUsage() takes. */
function arrayBytes(): number {
  return getHeapStatistics().external_memory;
}

/** By the clock: without a limit where other work may share the cores. */
export async function judge(
  target: FuzzTarget,
  bytes: Uint8Array,
  slowMilliseconds = Number.POSITIVE_INFINITY,
): Promise<Verdict> {
  const before = arrayBytes();
  const started = performance.now();
  let outcome = 'accepted';
  let fault: string | undefined;
  try {
    await target.read(bytes);
  } catch (error) {
    if (isLocScaleError(error) && target.refusals.includes(error.tag)) outcome = error.tag;
    else fault = describe(error);
  }
  const milliseconds = performance.now() - started;
  const allocatedBytes = Math.max(0, arrayBytes() - before);
  if (allocatedBytes > target.memoryLimitBytes)
    fault ??= `allocated ${allocatedBytes} bytes, more than ${target.memoryLimitBytes}`;
  if (milliseconds > slowMilliseconds) fault ??= `took ${(milliseconds / 1000).toFixed(1)} s`;
  if (fault === undefined) return { outcome, milliseconds, allocatedBytes };
  return { outcome: 'fault', fault, milliseconds, allocatedBytes };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const at = error.stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  const tag = isLocScaleError(error) ? ` (${error.tag})` : '';
  return `${error.name}${tag}: ${error.message.split('\n', 1)[0]}${at === undefined ? '' : `, ${at.trim()}`}`;
}
