// Puts one pooled element per invocation where its index says, in an output that holds zeros. Indices are flat in
// `shape`, the extents before pooling; the output may be larger and has the strides `strides`. Places 0 to RANK - 1.
struct Params {
  length: u32,
  elements: i32,
  shape: array<vec4<u32>, 2>,
  strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = u32(clamp(indices[index], 0, params.elements - 1));
  var destination = 0u;
  for (var left = u32(RANK); left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.shape[axis / 4u][axis % 4u];
    destination += (rest % extent) * params.strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  y[destination] = x[index];
}
