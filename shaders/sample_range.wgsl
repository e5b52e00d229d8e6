// Smallest and largest value of a part of a sample per workgroup: y[(sample * parts + part) * 2 ..].
// 512 bytes of workgroup memory.
struct Params {
  sample_length: u32,
  parts: u32,
  part_length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> lowest: array<f32, WORKGROUP_SIZE>;
var<workgroup> highest: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let base = group.y * params.sample_length;
  let start = group.x * params.part_length;
  let end = min(start + params.part_length, params.sample_length);
  var low = x[base + start];
  var high = low;
  for (var offset = start + lane; offset < end; offset += WORKGROUP_SIZE) {
    let value = x[base + offset];
    low = min(low, value);
    high = max(high, value);
  }
  lowest[lane] = low;
  highest[lane] = high;
  workgroupBarrier();
  for (var width = u32(WORKGROUP_SIZE) / 2u; width > 0u; width /= 2u) {
    if (lane < width) {
      lowest[lane] = min(lowest[lane], lowest[lane + width]);
      highest[lane] = max(highest[lane], highest[lane + width]);
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let index = 2u * (group.y * params.parts + group.x);
    y[index] = lowest[0];
    y[index + 1u] = highest[0];
  }
}
