/**
 * Called as `locscale` (setup --shim), the program treats `-gpus 1` like LocScale: if that GPU is missing the
 * run continues on the CPU, with one warning. Under its own name a GPU that is named is required, and a
 * missing one ends the run.
 */
import process from 'node:process';
import type { OptionValues } from '../options/index.ts';

/** Set by the shim. */
export const CALLED_AS_VARIABLE = 'LOCSCALE_CALLED_AS';

/** Whether the program was started through the shim. */
export function calledAsLocScale(): boolean {
  return process.env[CALLED_AS_VARIABLE] === 'locscale';
}

/**
 * Whether the GPUs named are optional. With --engine gpu they are required, and with --engine cpu they are
 * not looked for.
 */
export function mayFallBack({ engine = 'auto', gpuIds }: OptionValues): boolean {
  return calledAsLocScale() && engine === 'auto' && gpuIds !== undefined;
}
