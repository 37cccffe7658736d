/** The padding value of windows beyond the box. */
import type { Engine, Volume } from '../engine/engine.ts';

/** Mean outside the mask; 0 if the mask fills the box. */
export async function meanOutside(engine: Engine, volume: Volume, mask: Volume): Promise<number> {
  const outside = await engine.statistics(volume, { mask, inside: false });
  return outside.count === 0 ? 0 : outside.mean;
}
