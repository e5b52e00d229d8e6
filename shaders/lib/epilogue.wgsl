// Everything that may happen to a result between its computation and its store, fused from the nodes that follow:
// activation 0, fake-quant 0, residual add, activation 1, fake-quant 1. One of the activations may be a chain of operators,
// whose numbers lie in scalars. The linker writes finish and finish4 with those that a kernel has: drivers spend seconds on
// code that would fold away, once for every store of a tile.
struct Epilogue {
  activation0: vec2<f32>,
  activation1: vec2<f32>,
  scalars: array<vec4<f32>, 8>,
}

@group(1) @binding(1) var<uniform> epilogue: Epilogue;
@group(1) @binding(2) var<uniform> quantizer0: vec4<f32>;
@group(1) @binding(3) var<uniform> quantizer1: vec4<f32>;
@group(1) @binding(4) var<storage, read> residual: array<Residual>;
// Quantizers of the operands of a sum of products; zeros where an operand has no codes.
@group(1) @binding(5) var<uniform> factor0: vec4<f32>;
@group(1) @binding(6) var<uniform> factor1: vec4<f32>;
