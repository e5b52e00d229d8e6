// One element per invocation: y = clip(x, low, high), the bounds in one-element tensors where there are any.
struct Params {
  length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> low: array<T>;
@group(0) @binding(2) var<storage, read> high: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<R>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var value = x[index];
  if (HAS_LOW) { value = max(value, low[0]); }
  if (HAS_HIGH) { value = min(value, high[0]); }
  y[index] = finish(value, index);
}
