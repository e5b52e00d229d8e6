// What WGSL leaves to the implementation, done the way ONNX asks.

// Comparisons with NaN may be folded away: the bits tell.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_inf(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

// The remainder with the dividend's sign. By a divisor without end it is the dividend, where 0 times infinity would be NaN.
fn truncated_remainder(a: f32, b: f32) -> f32 {
  if (is_inf(b) && is_finite(a)) { return a; }
  return a % b;
}

// The remainder with the divisor's sign.
fn floored_remainder(a: f32, b: f32) -> f32 {
  if (is_inf(b) && is_finite(a)) { return select(b, a, a == 0.0 || (a < 0.0) == (b < 0.0)); }
  return a - b * floor(a / b);
}

// Halves to the even neighbour; the carry of rounding would turn a NaN into a number.
fn round_to_bfloat16(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}
