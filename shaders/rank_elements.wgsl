// One element and one part of its line per invocation: how many elements of the part come before it in sorted order,
// equal ones in order of place.
struct Params {
  length: u32,
  parts: u32,
  part: u32,
  extent: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let invocation = flat_index(id, groups, WORKGROUP_SIZE);
  if (invocation >= params.length * params.parts) { return; }
  let index = invocation % params.length;
  let first = invocation / params.length * params.part;
  let place = index / params.inner % params.extent;
  let base = index - place * params.inner;
  let own = x[index];
  var count = 0u;
  for (var other = first; other < min(params.extent, first + params.part); other++) {
    let value = x[base + other * params.inner];
    var comes_before = value < own;
    if (LARGEST) { comes_before = value > own; }
    if (comes_before || (value == own && other < place)) { count++; }
  }
  counts[invocation] = count;
}
