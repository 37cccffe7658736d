// Decisions about float32 values by their bits: implementations may assume that no value is NaN or
// infinite, and may flush denormals. src/math/statistics/float-order.ts is the same on the host.

fn is_finite(bits: u32) -> bool {
  return (bits & 0x7f800000u) != 0x7f800000u;
}

fn is_nan(bits: u32) -> bool {
  return (bits & 0x7fffffffu) > 0x7f800000u;
}

// Unsigned integer that orders as the value does; -0 and 0 have the same.
fn order_key(bits: u32) -> u32 {
  let b = select(bits, 0u, bits == 0x80000000u);
  return select(b | 0x80000000u, ~b, (b & 0x80000000u) != 0u);
}

// Above 0.5 and not NaN.
fn in_mask(bits: u32) -> bool {
  return bits > 0x3f000000u && bits <= 0x7f800000u;
}
