/** Pages that come late see a run as those that were there from its start. */
import { describe, expect, it } from 'vitest';
import { RunLog } from '../../../src/app/run-log.ts';
import type { RunEvent, RunSummary, ServerLine, ServerRun } from '../../../src/screens/protocol.ts';

const run = { request: { output: 'out.mrc' }, plan: { mode: 'soft' } } as unknown as Omit<ServerRun, 'id'>;
const step = (message: string): RunEvent => ({ kind: 'step', name: '', message });
const progress = (done: number): RunEvent => ({ kind: 'progress', name: 'scaling', done, total: 10 });
const summary = { files: [] } as unknown as RunSummary;

describe('the log of a run', () => {
  it('has what a late page has missed, of progress the last only, and how long ago it was', () => {
    let now = 0;
    const log = new RunLog(() => now);
    log.begin(run);
    log.add(step('one'));
    for (const done of [1, 2, 3]) log.add(progress(done));
    now = 500;
    const lines: ServerLine[] = [];
    const stop = log.follow(0, (line) => lines.push(line));
    expect(lines).toEqual([
      { run: { id: 1, ...run } },
      { number: 1, age: 500, event: step('one') },
      { number: 4, age: 500, event: progress(3) },
    ]);
    log.add(step('two'));
    expect(lines.at(-1)).toEqual({ number: 5, age: 0, event: step('two') });
    stop();
    log.add(step('three'));
    expect(lines).toHaveLength(4);
  });

  it('sends a page that comes again only what it has not', () => {
    const log = new RunLog();
    log.begin(run);
    log.add(step('one'));
    log.add(step('two'));
    const lines: ServerLine[] = [];
    log.follow(1, (line) => lines.push(line));
    expect(lines.map((line) => ('number' in line ? line.number : 'run'))).toEqual(['run', 2]);
  });

  it('ends with an outcome, after which nothing belongs to the run', () => {
    const log = new RunLog();
    expect(log.isUnderWay).toBe(false);
    log.begin(run);
    expect([log.isUnderWay, log.summary]).toEqual([true, undefined]);
    log.end({ summary });
    log.add(step('late'));
    expect([log.isUnderWay, log.summary]).toEqual([false, summary]);
    expect(log.begin(run)).toBe(2);
    expect(log.summary).toBeUndefined();
  });
});
