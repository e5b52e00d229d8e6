// One element per invocation: stores it and its place at its rank, where that is below k.
struct Params {
  length: u32,
  parts: u32,
  extent: u32,
  inner: u32,
  k: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> counts: array<u32>;
@group(0) @binding(2) var<storage, read_write> values: array<u32>;
@group(0) @binding(3) var<storage, read_write> places: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rank = 0u;
  for (var part = 0u; part < params.parts; part++) { rank += counts[part * params.length + index]; }
  if (rank >= params.k) { return; }
  let line = index / params.inner;
  let at = (line / params.extent * params.k + rank) * params.inner + index % params.inner;
  values[at] = x[index];
  places[at] = i32(line % params.extent);
}
