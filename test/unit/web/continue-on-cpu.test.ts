/** A lost GPU costs the run time, not its result; one that the user insists on is an error. */
import { describe, expect, it } from 'vitest';
import { type ErrorTag, LocScaleError } from '../../../src/errors.ts';
import { type Attempt, continuingOnCpu } from '../../../src/web/worker/continue-on-cpu.ts';

describe('a run whose GPU fails', () => {
  async function run(
    choice: Attempt['choice'],
    engine: string,
    tag: ErrorTag,
    thrown: Error = new LocScaleError(tag, 'The GPU was lost.', { hint: 'Run again.' }),
  ) {
    const choices: string[] = [];
    const said: string[] = [];
    const attempt = async ({ choice: now, onEngine }: Attempt): Promise<string> => {
      choices.push(now);
      onEngine(now === 'cpu' ? 'CPU' : engine);
      if (now !== 'cpu') throw thrown;
      return 'a map';
    };
    const outcome = await continuingOnCpu(choice, attempt, (message) => said.push(message)).catch(
      (error: Error) => error.message,
    );
    return { outcome, choices, said };
  }

  it.each(['no-device', 'out-of-memory'] as const)('starts again on the CPU and says so: %s', async (tag) => {
    expect(await run('auto', 'GPU, some model', tag)).toEqual({
      outcome: 'a map',
      choices: ['auto', 'cpu'],
      said: ['The GPU was lost: the run begins again on the CPU.'],
    });
  });

  it('explains in a sentence what the browser calls by a name of its own', async () => {
    const dropped = new Error('Instance dropped error in getCompilationInfo');
    const sentence = 'The GPU stopped working (Instance dropped error in getCompilationInfo)';
    const { outcome, said } = await run('auto', 'GPU, some model', 'internal', dropped);
    expect([outcome, ...said]).toEqual(['a map', `${sentence}: the run begins again on the CPU.`]);
    expect((await run('gpu', 'GPU, some model', 'internal', dropped)).outcome).toBe(`${sentence}.`);
    expect((await run('auto', 'CPU', 'internal', dropped)).outcome).toBe(dropped.message);
  });

  it.each([
    ['the GPU was asked for', 'gpu', 'GPU, some model', 'no-device'],
    ['the CPU computed', 'auto', 'CPU, 2 worker threads', 'out-of-memory'],
    ['the input is wrong', 'auto', 'GPU, some model', 'bad-input'],
    ['it was cancelled', 'auto', 'GPU, some model', 'aborted'],
  ] as const)('fails where %s', async (_, choice, engine, tag) => {
    expect(await run(choice, engine, tag)).toEqual({
      outcome: 'The GPU was lost.',
      choices: [choice],
      said: [],
    });
  });
});
