// Mean over the positions of one channel of one sample per workgroup: x is [samples, outer, channels, inner].
// 256 bytes of workgroup memory.
struct Params {
  channels: u32,
  outer: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let positions = params.outer * params.inner;
  let base = group.y * positions * params.channels + group.x * params.inner;
  var sum = 0.0;
  for (var position = lane; position < positions; position += WORKGROUP_SIZE) {
    sum += x[base + (position / params.inner) * params.channels * params.inner + position % params.inner];
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var width = u32(WORKGROUP_SIZE) / 2u; width > 0u; width /= 2u) {
    if (lane < width) { sums[lane] += sums[lane + width]; }
    workgroupBarrier();
  }
  if (lane == 0u) { y[group.y * params.channels + group.x] = sums[0] / f32(positions); }
}
