/** A run that has begun on a GPU and ends on the CPU: for the command line and the page alike. */
import { isLocScaleError, type LocScaleError } from './errors.ts';
import { SELF_TEST } from './gpu/verification.ts';
import type { ScaledWindows } from './pipeline/scaled-windows.ts';

/** The GPU was lost, computes wrongly or has too little memory. */
export function isGpuFailure(error: unknown): error is LocScaleError {
  return isLocScaleError(error) && (error.tag === 'no-device' || error.tag === 'out-of-memory');
}

/**
 * Announces the attempt on the CPU, which takes the windows that are left in `scaledWindows`: none if the GPU
 * computes wrongly.
 */
export function announceCpu(error: LocScaleError, scaledWindows: ScaledWindows | undefined): string {
  if (error.where === SELF_TEST) scaledWindows?.clear();
  const kept = scaledWindows?.count ?? 0;
  const windows = kept === 0 ? '' : `, with the ${kept} windows that were scaled`;
  return `${error.message.replace(/\.$/, '')}: the run begins again on the CPU${windows}.`;
}
