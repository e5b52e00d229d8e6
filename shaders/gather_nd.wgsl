// One word of the output per invocation: every tuple of `depth` indices names a slice of `inner` words of `data`,
// within the batch that the tuple belongs to. An index outside its axis takes its nearest end.
struct Params {
  length: u32,
  inner: u32,
  depth: u32,
  tuples_per_batch: u32,
  batch_stride: u32,
  extents: array<vec4<i32>, 2>,
  strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> data: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let tuple = index / params.inner;
  var source = (tuple / params.tuples_per_batch) * params.batch_stride + index % params.inner;
  for (var axis = 0u; axis < params.depth; axis++) {
    let extent = params.extents[axis / 4u][axis % 4u];
    let wanted = indices[tuple * params.depth + axis];
    let taken = clamp(select(wanted, wanted + extent, wanted < 0), 0, extent - 1);
    source += u32(taken) * params.strides[axis / 4u][axis % 4u];
  }
  y[index] = data[source];
}
