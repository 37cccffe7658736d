/**
 * Called as `locscale` (setup --shim), the program takes `-gpus 1` as LocScale does: where that GPU is
 * missing the run continues on the CPU, with one warning. Under its own name, naming a GPU asks for it, and a
 * missing one ends the run.
 */
import process from 'node:process';
import type { OptionValues } from '../options/index.ts';

/** Set by the shim. */
export const CALLED_AS_VARIABLE = 'LOCSCALE_CALLED_AS';

export function calledAsLocScale(): boolean {
  return process.env[CALLED_AS_VARIABLE] === 'locscale';
}

/**
 * Whether the GPUs named are a wish. With --engine gpu they are not, and with --engine cpu nobody looks for
 * them.
 */
export function mayFallBack({ engine = 'auto', gpuIds }: OptionValues): boolean {
  return calledAsLocScale() && engine === 'auto' && gpuIds !== undefined;
}
