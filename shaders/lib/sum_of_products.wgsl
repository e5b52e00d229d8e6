// Sums of products of codes, turned into codes as the integer kernels of runtimes do it: the sum as a whole number, times
// one float32 factor, rounded half to even. Sums of rounded products differ from that by chance where a result lies close to
// the middle between two codes.

// What one step of a sum is worth: its reciprocal, and in steps of the quantizer behind it, or as a number where the sum
// stays float. Zero where operands are no codes.
struct Unit {
  inverse: vec4<f32>,
  factor: vec4<f32>,
}

// The upper half of each significand: products of halves are exact.
fn upper_half4(x: vec4<f32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) & vec4<u32>(0xfffff000u));
}

// The nearest float32 to a / b: adapters may be off by 2.5 units of the last place, by what the remainder tells.
fn quotient4(a: vec4<f32>, b: f32) -> vec4<f32> {
  let q = a / b;
  let upper_q = upper_half4(q);
  let upper_b = upper_half4(vec4<f32>(b));
  let lower_q = q - upper_q;
  let lower_b = b - upper_b;
  let remainder = ((a - upper_q * upper_b) - upper_q * lower_b) - lower_q * upper_b - lower_q * lower_b;
  return q + remainder / b;
}

fn no_unit() -> Unit {
  return Unit();
}

// Of a sum whose steps are worth `scale`, the scale of the input times that of the weights, before quantizer `q`.
fn unit_before(scale: vec4<f32>, q: vec4<f32>) -> Unit {
  return Unit(1.0 / scale, quotient4(scale, q.x));
}

// Of a sum that stays float.
fn unit_alone(scale: vec4<f32>) -> Unit {
  return Unit(1.0 / scale, scale);
}

// The sum as the number that integer kernels turn into a float.
fn whole_sum4(x: vec4<f32>, unit: Unit) -> vec4<f32> {
  return select(x, round(x * unit.inverse) * unit.factor, unit.factor > vec4<f32>(0.0));
}

// x in steps of `q`, not rounded yet.
fn in_steps4(x: vec4<f32>, unit: Unit, q: vec4<f32>) -> vec4<f32> {
  return select(x / q.x, round(x * unit.inverse) * unit.factor, unit.factor > vec4<f32>(0.0));
}
