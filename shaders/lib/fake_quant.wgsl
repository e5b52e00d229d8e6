// QuantizeLinear followed by DequantizeLinear. `q` is scale, zero point, lowest and highest code.
// round() is half-to-even, as ONNX asks; the zero point is added after rounding.
fn fake_quant4(x: vec4<f32>, q: vec4<f32>) -> vec4<f32> {
  return quantize_steps4(x / q.x, q);
}

// The quantized value of what is `x` steps of `q`.
fn quantize_steps4(x: vec4<f32>, q: vec4<f32>) -> vec4<f32> {
  return (clamp(round(x) + q.y, vec4<f32>(q.z), vec4<f32>(q.w)) - q.y) * q.x;
}
