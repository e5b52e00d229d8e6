// `count` updates, from `first` on, of one line along the axis per invocation, in order, so that reductions with
// repeated indices come out the same every time; y already holds the data. Lines run over `shape`, places 0 to
// RANK - 1; `index_strides` are those of indices and updates, `strides` those of y, 0 along the axis.
// reduce(old, update) comes with the dispatch.
struct Params {
  lines: u32,
  first: u32,
  count: u32,
  extent: i32,
  axis_stride: u32,
  index_axis_stride: u32,
  shape: array<vec4<u32>, 2>,
  index_strides: array<vec4<u32>, 2>,
  strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> updates: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let line = flat_index(id, groups, WORKGROUP_SIZE);
  if (line >= params.lines) { return; }
  var rest = line;
  var source = params.first * params.index_axis_stride;
  var destination = 0u;
  for (var left = u32(RANK); left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.shape[axis / 4u][axis % 4u];
    let at = rest % extent;
    rest = rest / extent;
    source += at * params.index_strides[axis / 4u][axis % 4u];
    destination += at * params.strides[axis / 4u][axis % 4u];
  }
  for (var done = 0u; done < params.count; done++) {
    let wanted = indices[source];
    let taken = u32(clamp(select(wanted, wanted + params.extent, wanted < 0), 0, params.extent - 1));
    let target_index = destination + taken * params.axis_stride;
    y[target_index] = reduce(y[target_index], updates[source]);
    source += params.index_axis_stride;
  }
}
