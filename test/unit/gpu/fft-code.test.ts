/** The written transforms of lines: radices, workgroup memory, and the functions that a shader calls. */
import { describe, expect, it } from 'vitest';
import { lineFftCode, workHalves, workLength } from '../../../src/gpu/fft-code.ts';
import { planLineFft } from '../../../src/gpu/fft-lines.ts';

const LIMITS = {
  bindingBytes: 2 ** 27,
  slabBytes: 2 ** 27,
  bufferBytes: 2 ** 28,
  workgroupBytes: 32768,
  lineBytes: 32768,
  workgroupInvocations: 256,
  workgroupsPerDimension: 65535,
  totalBytes: Number.POSITIVE_INFINITY,
};

function planOf(n: number, kind: 'rows' | 'columns' = 'columns') {
  const planned = planLineFft(n, kind, LIMITS);
  if (!planned.ok) throw new Error(planned.reason);
  return planned.plan;
}

const count = (code: string, pattern: RegExp): number => [...code.matchAll(pattern)].length;

describe('code of the FFT of lines', () => {
  it.each([
    [256, [16, 16]],
    [90, [10, 9]],
    [120, [12, 10]],
    [512, [8, 8, 8]],
    [13, [13]],
    [143, [13, 11]],
  ])('length %i: radices %j, as few and as even as possible', (n, radices) => {
    expect(planOf(n).radices).toEqual(radices);
  });

  it('columns of 256 go through workgroup memory once, with one barrier', () => {
    const plan = planOf(256);
    expect(plan.halves).toBe(1);
    expect(plan.lines).toBe(8);
    const code = lineFftCode(plan, 'transform(thread)');
    expect(count(code, /workgroupBarrier/g)).toBe(1);
    // 16 reads and 16 writes, besides the functions that shaders call.
    expect(count(code, /work\[0u \+ index_in_work\(base[^\n]*\] = /g)).toBe(16);
    expect(count(code, /input_value\(/g)).toBe(16);
    expect(count(code, /output_value\(/g)).toBe(16);
  });

  it('the last pass multiplies by no factors', () => {
    const [first, last] = lineFftCode(planOf(256), 'transform(thread)').split('workgroupBarrier');
    expect(count(first, /table\[/g)).toBe(15);
    expect(count(last, /table\[/g)).toBe(0);
  });

  it('only what the shader calls is written', () => {
    const code = lineFftCode(planOf(64, 'rows'), 'transform_to_work(thread);');
    expect(code).toContain('fn transform_to_work(');
    expect(code).not.toContain('fn transform(');
    expect(code).not.toContain('fn transform_from_work(');
    expect(code).not.toContain('output_value(');
  });

  it('lines that stay in workgroup memory need a second copy from two passes on', () => {
    const { radices, bluestein } = planOf(96);
    expect(workHalves({ radices, bluestein }, false)).toBe(1);
    expect(workHalves({ radices, bluestein }, true)).toBe(2);
    expect(workHalves({ radices: [13], bluestein: false }, true)).toBe(1);
  });

  it('gaps keep the outputs of a butterfly in different banks', () => {
    const plan = { ...planOf(256), padded: true };
    expect(workLength(plan)).toBe(272);
    // Neighbouring butterflies of 8 lines: 16 threads, 16 banks of 8 bytes.
    const banks = [0, 1].flatMap((b) =>
      Array.from({ length: 8 }, (_, l) => ((16 * b + Math.floor((16 * b) / 16)) * 8 + l) % 16),
    );
    expect(new Set(banks).size).toBe(16);
  });
});
