// Everything that happens to a result between its computation and its store, fused from the nodes that follow:
// activation 0, fake-quant 0, residual add, activation 1, fake-quant 1. The linker declares ACTIVATION_0,
// FAKE_QUANT_0, RESIDUAL, ACTIVATION_1, FAKE_QUANT_1: the int8 variant of a layer differs in the FAKE_QUANT flags alone.
struct Epilogue {
  activation0: vec2<f32>,
  activation1: vec2<f32>,
}

@group(1) @binding(1) var<uniform> epilogue: Epilogue;
@group(1) @binding(2) var<uniform> quantizer0: vec4<f32>;
@group(1) @binding(3) var<uniform> quantizer1: vec4<f32>;
@group(1) @binding(4) var<storage, read> residual: array<f32>;

fn finish_with(value: vec4<f32>, other: vec4<f32>) -> vec4<f32> {
  var v = activate4(value, ACTIVATION_0, epilogue.activation0);
  if (FAKE_QUANT_0) { v = fake_quant4(v, quantizer0); }
  if (RESIDUAL) { v = v + other; }
  v = activate4(v, ACTIVATION_1, epilogue.activation1);
  if (FAKE_QUANT_1) { v = fake_quant4(v, quantizer1); }
  return v;
}

// What to store at `index` of the output.
fn finish(value: f32, index: u32) -> f32 {
  var other = vec4<f32>(0.0);
  if (RESIDUAL) { other.x = residual[index]; }
  return finish_with(vec4<f32>(value, 0.0, 0.0, 0.0), other).x;
}

// What to store at `index` to `index + 3`.
fn finish4(value: vec4<f32>, index: u32) -> vec4<f32> {
  var other = vec4<f32>(0.0);
  if (RESIDUAL) { other = vec4<f32>(residual[index], residual[index + 1u], residual[index + 2u], residual[index + 3u]); }
  return finish_with(value, other);
}
