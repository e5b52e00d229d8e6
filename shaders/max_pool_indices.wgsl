// One invocation finds the place in x of the largest element of one window: the first of equal ones. The place is that
// in the flat tensor, or with COLUMN_MAJOR in a tensor whose spatial axes run the other way round.
struct Params {
  length: u32,
  kernel: vec4<u32>,
  stride: vec4<u32>,
  dilation: vec4<u32>,
  before: vec4<i32>,
  extent: vec4<u32>,
  out_extent: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

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

  var largest = T(0);
  var at = -1;
  for (var kz = 0u; kz < params.kernel.x; kz++) {
    let in_z = u32(first.x + i32(kz * params.dilation.x));
    if (in_z >= params.extent.x) { continue; }
    for (var ky = 0u; ky < params.kernel.y; ky++) {
      let in_y = u32(first.y + i32(ky * params.dilation.y));
      if (in_y >= params.extent.y) { continue; }
      for (var kx = 0u; kx < params.kernel.z; kx++) {
        let in_x = u32(first.z + i32(kx * params.dilation.z));
        if (in_x >= params.extent.z) { continue; }
        let row_wise = (in_z * params.extent.y + in_y) * params.extent.z + in_x;
        let value = x[plane_at + row_wise];
        if (at < 0 || value > largest) {
          largest = value;
          let column_wise = (in_x * params.extent.y + in_y) * params.extent.x + in_z;
          at = i32(plane_at + select(row_wise, column_wise, COLUMN_MAJOR));
        }
      }
    }
  }
  y[index] = at;
}
