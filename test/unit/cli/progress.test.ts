import { describe, expect, it } from 'vitest';
import { createProgress, formatSeconds } from '../../../src/cli/progress.ts';
import { formatBytes } from '../../../src/math/bytes.ts';

function recorder(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  const clock = { milliseconds: 0 };
  const stream = { isTTY, columns, write: (text: string) => written.push(text) };
  return { written, clock, progress: createProgress(stream, () => clock.milliseconds) };
}

describe('progress on a terminal', () => {
  it('draws a bar with the time left, at most ten times per second, and takes it off at the end', () => {
    const { written, clock, progress } = recorder(true);
    progress.update('scaling', 0, 100);
    for (clock.milliseconds = 0; clock.milliseconds < 1000; clock.milliseconds += 10)
      progress.update('scaling', 25, 100);
    expect(written.length).toBeLessThanOrEqual(12);
    clock.milliseconds = 2000;
    progress.update('scaling', 50, 100);
    expect(written.at(-1)).toBe(`\r\x1b[2K  [${'#'.repeat(15)}${'.'.repeat(15)}]  50 % scaling, 2.0 s left`);
    progress.update('scaling', 100, 100);
    expect(written.at(-1)).toBe('\r\x1b[2K');
    const before = written.length;
    progress.clear();
    expect(written.length).toBe(before);
  });

  it('never writes past the last column', () => {
    const { written, progress } = recorder(true, 30);
    progress.update('scaling', 1, 3);
    expect(written.at(-1)?.replace('\r\x1b[2K', '').length).toBe(29);
    const unknown = recorder(true, 0);
    unknown.progress.update('scaling', 1, 3);
    expect(unknown.written.at(-1)).toContain(' left');
  });
});

describe('progress in a log file', () => {
  it('writes a plain line every 10 % but at most every 5 seconds', () => {
    const { written, clock, progress } = recorder(false);
    for (let done = 0; done <= 1000; done++) {
      clock.milliseconds = done * 60;
      progress.update('scaling', done, 1000);
    }
    // 60 s in all: 10 % lasts 6 s.
    expect(written).toHaveLength(9);
    expect(written[0]).toBe('  scaling: 10 %, 54 s left\n');
    for (const control of ['\r', '\x1b']) expect(written.join('')).not.toContain(control);
  });

  it('is silent for short work', () => {
    const { written, clock, progress } = recorder(false);
    for (let done = 0; done <= 10; done++) {
      clock.milliseconds = done * 100;
      progress.update('scaling', done, 10);
    }
    expect(written).toEqual([]);
  });
});

describe('numbers as text', () => {
  it('seconds', () => {
    expect([0.04, 9.94, 9.96, 59.4, 59.6, 185, 7800].map(formatSeconds)).toEqual([
      '0.0 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 00 s',
      '3 min 05 s',
      '2 h 10 min',
    ]);
  });

  it('bytes', () => {
    expect([0, 999, 1000, 2 ** 20, 123 * 2 ** 20, 1.5 * 2 ** 30].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 KiB',
      '1.0 MiB',
      '123 MiB',
      '1.5 GiB',
    ]);
  });
});
