import { describe, expect, it } from 'vitest';
import { Pool, type TaskRunner } from '../../../src/cpu-fallback/pool.ts';

/** Ends its oldest task when told to; counts what it holds. */
class ManualRunner implements TaskRunner {
  readonly waiting: ((fails?: boolean) => void)[] = [];
  most = 0;

  run(_: string, args: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.push((fails) => (fails ? reject(new Error('broken')) : resolve(args)));
      this.most = Math.max(this.most, this.waiting.length);
    });
  }

  async endOne(fails = false): Promise<void> {
    this.waiting.shift()?.(fails);
    await new Promise((resolve) => setTimeout(resolve));
  }

  async end(): Promise<void> {}
}

const list = (length: number) => Array.from({ length }, (_, i) => i) as never[];

describe('a pool', () => {
  it('gives every runner one task, and with `ahead` a second one once all have their first', async () => {
    for (const ahead of [false, true]) {
      const runners = [new ManualRunner(), new ManualRunner()];
      const done = new Pool(runners).map('clearOutside', list(7), { ahead });
      expect(runners.map(({ waiting }) => waiting.length)).toEqual(ahead ? [2, 2] : [1, 1]);
      while (runners.some(({ waiting }) => waiting.length > 0)) {
        // One of them is faster.
        await runners[0].endOne();
        await runners[0].endOne();
        await runners[1].endOne();
      }
      expect(await done).toEqual(list(7));
      expect(runners.map(({ most }) => most)).toEqual(ahead ? [2, 2] : [1, 1]);
    }
  });

  it('with `ahead` gives three tasks to three runners, each one', async () => {
    const runners = [new ManualRunner(), new ManualRunner(), new ManualRunner()];
    const done = new Pool(runners).map('clearOutside', list(3), { ahead: true });
    expect(runners.map(({ waiting }) => waiting.length)).toEqual([1, 1, 1]);
    for (const runner of runners) await runner.endOne();
    await done;
  });

  it('passes a failure on when all tasks it has given out are over, and gives out no more', async () => {
    const runners = [new ManualRunner(), new ManualRunner()];
    let failure: unknown;
    const done = new Pool(runners).map('clearOutside', list(9), { ahead: true }).catch((error) => {
      failure = error;
    });
    await runners[0].endOne(true);
    expect(runners.map(({ waiting }) => waiting.length)).toEqual([1, 2]);
    expect(failure).toBeUndefined();
    await runners[1].endOne();
    await runners[1].endOne();
    expect(failure).toBeUndefined();
    await runners[0].endOne();
    await done;
    expect(failure).toMatchObject({ message: 'broken' });
  });
});
