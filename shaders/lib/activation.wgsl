// The activations that a kernel may apply as it stores, named in ACTIVATIONS of src/base/dispatch.ts; p is alpha and beta.
fn relu4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return max(x, vec4<f32>(0.0));
}

fn clip4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return min(max(x, vec4<f32>(p.x)), vec4<f32>(p.y));
}

fn leaky_relu4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return select(x, p.x * x, x < vec4<f32>(0.0));
}

fn hard_swish4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return x * clamp(x / 6.0 + 0.5, vec4<f32>(0.0), vec4<f32>(1.0));
}

fn hard_sigmoid4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return clamp(p.x * x + p.y, vec4<f32>(0.0), vec4<f32>(1.0));
}

fn sigmoid4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return 1.0 / (1.0 + exp(-x));
}

// Near zero by the series, where tanh as a quotient of exponentials has few correct digits; clamped where they overflow.
fn tanh4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  let s = x * x;
  let near = x * (1.0 + s * (-0.33333334 + s * (0.13333334 + s * (-0.053968254 + s * 0.021869488))));
  return select(tanh(clamp(x, vec4<f32>(-10.0), vec4<f32>(10.0))), near, abs(x) < vec4<f32>(0.3));
}

// Near zero by the series: exp(x) - 1 cancels there.
fn elu4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  let near = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * 0.008333334))));
  let below = select(exp(x) - 1.0, near, x > vec4<f32>(-0.1));
  return select(x, p.x * below, x < vec4<f32>(0.0));
}
