// Applies `count` tuples of indices, from `first` on, to y, which already holds the data. Without a reduction an
// invocation stands for one word of one tuple (count is 1); with one, for one word of the slices and takes all tuples in
// order, so that repeated indices come out the same every time. reduce(old, update) comes with the dispatch.
struct Params {
  length: u32,
  inner: u32,
  depth: u32,
  first: u32,
  count: u32,
  extents: array<vec4<i32>, 2>,
  strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> updates: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let place = index % params.inner;
  let begin = params.first + index / params.inner;
  for (var tuple = begin; tuple < begin + params.count; tuple++) {
    var destination = place;
    for (var axis = 0u; axis < params.depth; axis++) {
      let extent = params.extents[axis / 4u][axis % 4u];
      let wanted = indices[tuple * params.depth + axis];
      let taken = clamp(select(wanted, wanted + extent, wanted < 0), 0, extent - 1);
      destination += u32(taken) * params.strides[axis / 4u][axis % 4u];
    }
    y[destination] = reduce(y[destination], updates[tuple * params.inner + place]);
  }
}
