/** Floating-point operations of WGSL, as a statement in front of each that has some. */
import { expect, it } from 'vitest';
import { countOperations } from '../../../bench/count-operations.ts';

const CODE = `
@group(0) @binding(0) var<storage, read> source: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
override count: u32 = 4u;
fn times(v: vec2f, w: vec2f) -> vec2f {
  return vec2f(v.x * w.x - v.y * w.y, v.x * w.y + v.y * w.x);
}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  let first = thread * count + 1u;
  var sum = vec2f(0.0);
  for (var i = 0u; i < count; i++) {
    sum += times(source[first + i], source[i]);
    if (i == 2u) { continue; }
  }
  let power = dot(sum, sum);
  out[thread] = sqrt(power) * 0.5 - power;
}
`;

it('counts floats and vectors as they are computed, no indices, loops or comparisons', () => {
  const counts = [...countOperations(CODE).matchAll(/counted_operations \+= (\d+)u;\s+([^;]*;)/g)].map(
    ([, count, statement]) => `${count}: ${statement}`,
  );
  expect(counts).toEqual([
    '6: return vec2f(v.x * w.x - v.y * w.y, v.x * w.y + v.y * w.x);',
    '2: sum += times(source[first + i], source[i]);',
    '3: let power = dot(sum, sum);',
    '3: out[thread] = sqrt(power) * 0.5 - power;',
  ]);
});

it('changes nothing else', () => {
  expect(countOperations(CODE).replaceAll(/ counted_operations \+= \d+u; /g, '')).toBe(CODE);
});
