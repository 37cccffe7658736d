/** Chooses the engine: the one asked for, or says in words why not. Engines are loaded on use. */
import type { Engine } from './engine.ts';
import { LocScaleError } from './errors.ts';

export interface EngineChoice {
  readonly engine: 'auto' | 'gpu' | 'cpu';
  readonly threads?: number;
  readonly memoryLimitBytes?: number;
  /** One line per engine that was passed over, with the reason. */
  readonly onInfo?: (message: string) => void;
}

export async function selectEngine(choice: EngineChoice): Promise<{ engine: Engine; reason: string }> {
  if (choice.engine === 'gpu') {
    throw new LocScaleError('unsupported', 'The GPU engine is not part of this version.', {
      where: '--engine gpu',
      hint: 'Use --engine cpu.',
    });
  }
  if (choice.engine === 'auto') choice.onInfo?.('GPU engine: not part of this version.');
  const { createCpuEngine } = await import('./cpu-fallback/index.ts');
  const { threads, memoryLimitBytes } = choice;
  const engine = await createCpuEngine({
    ...(threads === undefined ? {} : { threads }),
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  });
  const reason = choice.engine === 'cpu' ? 'asked for' : 'this version computes on the CPU';
  return { engine, reason };
}
