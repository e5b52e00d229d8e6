// One element per invocation: 1 where the element is the one whose place its group's state names, else 0.
struct Params {
  length: u32,
  inner: u32,
  extent: u32,
}

@group(0) @binding(0) var<storage, read> places: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let line = index / params.inner;
  let place = places[line / params.extent * params.inner + index % params.inner];
  y[index] = finish(select(0.0, 1.0, place == i32(line % params.extent)), index);
}
