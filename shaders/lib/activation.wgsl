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

fn tanh4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return tanh(x);
}

fn elu4(x: vec4<f32>, p: vec2<f32>) -> vec4<f32> {
  return select(x, p.x * (exp(x) - 1.0), x < vec4<f32>(0.0));
}
