// One invocation computes one result of a pool over up to three spatial axes. The types T and R and the functions
// `start`, `combine` and `result` come from the operator's row.
struct Params {
  length: u32,
  // Kernel, stride, dilation, padding before and after, extents of x and of y: depth, height, width.
  kernel: vec4<u32>,
  stride: vec4<u32>,
  dilation: vec4<u32>,
  before: vec4<i32>,
  after: vec4<i32>,
  extent: vec4<u32>,
  out_extent: vec4<u32>,
  power: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(1) @binding(0) var<uniform> params: Params;

// Taps of a window that lie from `low` up to `high`.
fn taps_within(start: i32, kernel: u32, dilation: u32, low: i32, high: i32) -> u32 {
  let step = i32(dilation);
  let first = max(0, (low - start + step - 1) / step);
  let last = min(i32(kernel) - 1, (high - 1 - start) / step);
  return u32(max(0, select(last, -1, high - 1 < start) - first + 1));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let out_x = index % params.out_extent.z;
  let out_y = (index / params.out_extent.z) % params.out_extent.y;
  let lines = index / (params.out_extent.z * params.out_extent.y);
  let out_z = lines % params.out_extent.x;
  let plane_at = lines / params.out_extent.x * params.extent.x * params.extent.y * params.extent.z;
  let first = vec3<i32>(vec3<u32>(out_z, out_y, out_x) * params.stride.xyz) - params.before.xyz;

  var sum = start();
  var found = 0u;
  for (var kz = 0u; kz < params.kernel.x; kz++) {
    let in_z = u32(first.x + i32(kz * params.dilation.x));
    if (in_z >= params.extent.x) { continue; }
    for (var ky = 0u; ky < params.kernel.y; ky++) {
      let in_y = u32(first.y + i32(ky * params.dilation.y));
      if (in_y >= params.extent.y) { continue; }
      let line_at = plane_at + (in_z * params.extent.y + in_y) * params.extent.z;
      for (var kx = 0u; kx < params.kernel.z; kx++) {
        let in_x = u32(first.z + i32(kx * params.dilation.z));
        if (in_x >= params.extent.z) { continue; }
        sum = combine(sum, x[line_at + in_x], found == 0u);
        found++;
      }
    }
  }
  let high = vec3<i32>(params.extent.xyz) + params.after.xyz;
  let padded = taps_within(first.x, params.kernel.x, params.dilation.x, -params.before.x, high.x) *
    taps_within(first.y, params.kernel.y, params.dilation.y, -params.before.y, high.y) *
    taps_within(first.z, params.kernel.z, params.dilation.z, -params.before.z, high.z);
  y[index] = finish(result(sum, found, padded), index);
}
