/** The float64 engine of the tests as a GPU that is lost while it scales. */
import type { Engine, OpenedScaling, TileHooks } from '../../src/engine/engine.ts';
import { LocScaleError } from '../../src/errors.ts';
import { createSimpleEngine } from './simple-engine.ts';

export const lost = new LocScaleError('no-device', 'The GPU Test was lost.');

/**
 * A GPU whose values are `gain` times those of the CPU, so that a test sees whose they are, and which is lost after
 * `tiles` tiles, if at all.
 */
export function gpu(gain: number, tiles = Number.POSITIVE_INFINITY): Engine {
  const engine = createSimpleEngine();
  let done = 0;
  const changed = ({ onTiles, ...hooks }: TileHooks, change: () => Promise<void>): TileHooks => ({
    ...hooks,
    async onTiles(finished) {
      await change();
      await onTiles?.(finished);
      if (++done >= tiles) throw lost;
    },
  });
  return {
    ...engine,
    name: 'gpu',
    description: 'GPU, Test',
    async openLocalScaling(settings): Promise<OpenedScaling> {
      const opened = await engine.openLocalScaling(settings);
      return {
        ...opened,
        async start(maps, tileSize) {
          const run = await opened.start(maps, tileSize);
          const raised = new Set<number>();
          const raise = async (): Promise<void> => {
            const scaled = await engine.download(run.result.scaled);
            scaled.forEach((value, i) => {
              if (value === 0 || raised.has(i)) return;
              raised.add(i);
              scaled[i] = gain * value;
            });
          };
          return {
            ...run,
            run: (hooks = {}, starts) => run.run(changed(hooks, raise), starts),
          };
        },
      };
    },
  };
}
