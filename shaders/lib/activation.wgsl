// The activations that a kernel may apply as it stores. `kind` is always a constant: the switch folds away.
// Numbers as in ACTIVATIONS of src/base/dispatch.ts; p is alpha and beta.
fn activate4(x: vec4<f32>, kind: i32, p: vec2<f32>) -> vec4<f32> {
  switch kind {
    case 1: { return max(x, vec4<f32>(0.0)); }
    case 2: { return min(max(x, vec4<f32>(p.x)), vec4<f32>(p.y)); }
    case 3: { return select(x, p.x * x, x < vec4<f32>(0.0)); }
    case 4: { return x * clamp(x / 6.0 + 0.5, vec4<f32>(0.0), vec4<f32>(1.0)); }
    case 5: { return clamp(p.x * x + p.y, vec4<f32>(0.0), vec4<f32>(1.0)); }
    case 6: { return 1.0 / (1.0 + exp(-x)); }
    case 7: { return tanh(x); }
    case 8: { return select(x, p.x * (exp(x) - 1.0), x < vec4<f32>(0.0)); }
    case 9: { return x / (1.0 + exp(-x)); }
    default: { return x; }
  }
}
