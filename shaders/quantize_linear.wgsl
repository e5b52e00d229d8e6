// One element per invocation: y = saturate(round(x / scale) + zero point), halves to even. Scales lie per tensor, along
// an axis, or per block of an axis: the strides tell.
struct Params {
  length: u32,
  inner: u32,
  extent: u32,
  block: u32,
  outer_stride: u32,
  axis_stride: u32,
  inner_stride: u32,
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read> zero_point: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var at = 0u;
  if (!PER_TENSOR) {
    let line = index / params.inner;
    at = line / params.extent * params.outer_stride +
      line % params.extent / params.block * params.axis_stride +
      index % params.inner * params.inner_stride;
  }
  var zero = 0.0;
  if (HAS_ZERO_POINT) { zero = f32(zero_point[at]); }
  y[index] = i32(clamp(round(f32(x[index]) / scale[at]) + zero, params.low, params.high));
}
