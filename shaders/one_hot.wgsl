// One word of the output per invocation: indices [outer, inner] become [outer, depth, inner], on where the place along
// depth is the index (counted from the end where negative) and off elsewhere. I is the type of the indices.
struct Params {
  length: u32,
  depth: i32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> indices: array<I>;
@group(0) @binding(1) var<storage, read> off_on: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let row = index / params.inner;
  let place = i32(row % u32(params.depth));
  let wanted = i32(indices[(row / u32(params.depth)) * params.inner + index % params.inner]);
  y[index] = off_on[select(0, 1, select(wanted, wanted + params.depth, wanted < 0) == place)];
}
