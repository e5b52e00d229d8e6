// One word, or one vec4 of words, per invocation: x is [batch, time, inner], or [time, batch, inner] where TIME_FIRST;
// the first lengths[batch] time steps come in reverse. W is u32 or vec4<u32>; inner and length count W.
struct Params {
  length: u32,
  second: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<W>;
@group(0) @binding(1) var<storage, read> lengths: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<W>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let row = index / params.inner;
  let first = row / params.second;
  let second = row % params.second;
  let time = select(second, first, TIME_FIRST);
  let batch = select(first, second, TIME_FIRST);
  let steps = u32(lengths[batch]);
  let taken = select(time, steps - 1u - time, time < steps);
  let source = select(first * params.second + taken, taken * params.second + second, TIME_FIRST);
  y[index] = x[source * params.inner + index % params.inner];
}
