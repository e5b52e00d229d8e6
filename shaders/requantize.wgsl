// One element per invocation: a sum of products of codes becomes a code: y = saturate(round(x * scale_a * scale_b /
// scale_y) + zero point of y).
struct Params {
  length: u32,
  a_inner: u32,
  a_extent: u32,
  a_stride: u32,
  b_inner: u32,
  b_extent: u32,
  b_stride: u32,
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read> a_scale: array<f32>;
@group(0) @binding(2) var<storage, read> b_scale: array<f32>;
@group(0) @binding(3) var<storage, read> y_scale: array<f32>;
@group(0) @binding(4) var<storage, read> y_zero: array<i32>;
@group(0) @binding(5) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let from_a = a_scale[index / params.a_inner % params.a_extent * params.a_stride];
  let from_b = b_scale[index / params.b_inner % params.b_extent * params.b_stride];
  let level = round(f32(x[index]) * (from_a * from_b / y_scale[0])) + f32(y_zero[0]);
  y[index] = i32(clamp(level, params.low, params.high));
}
