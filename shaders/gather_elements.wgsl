// One word of the output per invocation: the word of `data` at the same coordinate, except along one axis, where the
// index says. An index outside the axis takes its nearest end. Coordinates run over `shape`, places 0 to RANK - 1;
// `strides` are those of `data`, 0 along the axis.
struct Params {
  length: u32,
  extent: i32,
  axis_stride: u32,
  shape: array<vec4<u32>, 2>,
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
  var rest = index;
  let wanted = indices[index];
  var source = u32(clamp(select(wanted, wanted + params.extent, wanted < 0), 0, params.extent - 1)) * params.axis_stride;
  for (var left = u32(RANK); left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.shape[axis / 4u][axis % 4u];
    source += (rest % extent) * params.strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  y[index] = data[source];
}
