/**
 * Float32 values as unsigned integers of the same order, and thresholds rounded to float32 so that a
 * comparison in float32 decides as one in float64 would. Integers compare the same on every device:
 * a GPU may flush denormals and assume that no value is NaN.
 */

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** Order key of a float32 value (not NaN); -0 and 0 have the same. */
export function orderKey(x: number): number {
  value[0] = x === 0 ? 0 : x;
  return (bits[0] >>> 31 === 1 ? ~bits[0] : bits[0] | 0x80000000) >>> 0;
}

/** The float32 value of an order key. */
export function fromOrderKey(key: number): number {
  bits[0] = key >>> 31 === 1 ? key & 0x7fffffff : ~key;
  return value[0];
}

/** The values of many keys. */
export function fromOrderKeys(keys: Uint32Array): Float32Array {
  const values = new Float32Array(keys.length);
  const patterns = new Uint32Array(values.buffer);
  for (let i = 0; i < keys.length; i++) patterns[i] = keys[i] >>> 31 === 1 ? keys[i] & 0x7fffffff : ~keys[i];
  return values;
}

/** Key of the smallest float32 that is at least `x`: v >= x if and only if orderKey(v) >= this. */
export function keyAtLeast(x: number): number {
  const key = orderKey(Math.fround(x));
  return Math.fround(x) >= x ? key : nextKey(key);
}

/** Key of the smallest float32 above `x`: v > x if and only if orderKey(v) >= this. */
export function keyAbove(x: number): number {
  const key = orderKey(Math.fround(x));
  return Math.fround(x) > x ? key : nextKey(key);
}

/** -0 has no key of its own and is skipped. */
function nextKey(key: number): number {
  return key === 0x7ffffffe ? 0x80000000 : key + 1;
}
