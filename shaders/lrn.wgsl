// One element per invocation: y = x / (bias + alpha / size * sum of squares over `size` neighbouring channels)^beta.
struct Params {
  length: u32,
  channels: u32,
  inner: u32,
  before: u32,
  after: u32,
  factor: f32,
  beta: f32,
  bias: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let channel = index / params.inner % params.channels;
  let back = min(channel, params.before);
  let count = back + min(params.channels - 1u - channel, params.after);
  var at = index - back * params.inner;
  var sum = 0.0;
  for (var neighbour = 0u; neighbour <= count; neighbour++) {
    sum += x[at] * x[at];
    at += params.inner;
  }
  y[index] = finish(x[index] * pow(params.bias + params.factor * sum, -params.beta), index);
}
