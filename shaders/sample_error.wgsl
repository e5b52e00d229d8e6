// How a part of a sample of b differs from that of a, per workgroup: y[(sample * parts + part) * 5 ..] is the sum of a², of b²,
// of a·b and of (a − b)², and the largest |a − b|. 1,280 bytes of workgroup memory.
struct Params {
  sample_length: u32,
  parts: u32,
  part_length: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, WORKGROUP_SIZE>;
var<workgroup> largest: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let base = group.y * params.sample_length;
  let start = group.x * params.part_length;
  let end = min(start + params.part_length, params.sample_length);
  var sum = vec4f(0.0);
  var most = 0.0;
  for (var offset = start + lane; offset < end; offset += WORKGROUP_SIZE) {
    let p = a[base + offset];
    let q = b[base + offset];
    let error = p - q;
    sum += vec4f(p * p, q * q, p * q, error * error);
    most = max(most, abs(error));
  }
  sums[lane] = sum;
  largest[lane] = most;
  workgroupBarrier();
  for (var width = u32(WORKGROUP_SIZE) / 2u; width > 0u; width /= 2u) {
    if (lane < width) {
      sums[lane] += sums[lane + width];
      largest[lane] = max(largest[lane], largest[lane + width]);
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let index = 5u * (group.y * params.parts + group.x);
    y[index] = sums[0].x;
    y[index + 1u] = sums[0].y;
    y[index + 2u] = sums[0].z;
    y[index + 3u] = sums[0].w;
    y[index + 4u] = largest[0];
  }
}
