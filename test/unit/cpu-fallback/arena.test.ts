/**
 * Memory of the CPU engine: pieces never overlap, are zero when given, and free parts of any size are used
 * again.
 */
import { describe, expect, it } from 'vitest';
import { Arena } from '../../../src/cpu-fallback/arena.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

const endOf = (piece: Float32Array): number => piece.byteOffset + piece.byteLength;

describe('Arena', () => {
  it('gives zeroed pieces that never overlap, in any order of allocating and freeing', () => {
    const arena = new Arena();
    const random = createRandom(5);
    const live = new Map<Float32Array, number>();
    for (let step = 1; step < 3000; step++) {
      if (live.size > 0 && random.uniform() < 0.48) {
        const [piece, value] = [...live][Math.floor(random.uniform() * live.size)];
        expect(piece.every((x) => x === value)).toBe(true);
        live.delete(piece);
        if (random.uniform() < 0.05) arena.handOver(piece);
        else arena.free(piece.fill(-1));
      } else {
        const piece = arena.allocate(1 + Math.floor(random.uniform() ** 3 * 5000));
        expect(piece.every((x) => x === 0)).toBe(true);
        live.set(piece.fill(step), step);
      }
    }
  });

  it('serves larger and smaller pieces from neighbours that were freed', () => {
    const arena = new Arena();
    const [a, b, c] = [1000, 1000, 1000].map((count) => arena.allocate(count));
    arena.free(b);
    arena.free(a);
    const larger = arena.allocate(1900);
    expect(larger.buffer).toBe(c.buffer);
    expect(endOf(larger)).toBeLessThanOrEqual(c.byteOffset);
    arena.free(larger);
    expect(arena.allocate(10).byteOffset).toBe(a.byteOffset);
    // At the end what is free can grow.
    arena.free(c);
    const grown = arena.allocate(5000);
    expect(grown.byteOffset).toBeLessThanOrEqual(c.byteOffset);
    expect(grown.every((x) => x === 0)).toBe(true);
  });

  it('leaves what was given away to its readers, and memory that is not its own alone', () => {
    const arena = new Arena();
    const result = arena.allocate(100).fill(7);
    const other = arena.allocate(100);
    arena.handOver(result);
    arena.free(result);
    expect(arena.allocate(50).buffer).toBe(result.buffer);
    for (let i = 0; i < 5; i++) arena.allocate(100).fill(1);
    expect(result.every((x) => x === 7)).toBe(true);
    // Parts, strangers and second releases change nothing.
    arena.free(other.subarray(0, 50));
    arena.free(new Float32Array(new SharedArrayBuffer(400)));
    other.fill(3);
    arena.allocate(40).fill(9);
    expect(other.every((x) => x === 3)).toBe(true);
  });

  it('begins anew where only pieces that were given away are left', () => {
    const arena = new Arena();
    const [result, spectrum] = [arena.allocate(100), arena.allocate(500)];
    arena.handOver(result);
    expect(arena.allocate(10).buffer).toBe(result.buffer);
    const rest = arena.allocate(20);
    arena.free(spectrum);
    expect(rest.buffer).toBe(result.buffer);
  });
});
