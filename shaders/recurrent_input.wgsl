// One gate value of one time step, direction and sample per invocation: x W' + W's bias (and R's, where it only adds).
struct Params {
  length: u32,
  gates: u32,
  batch: u32,
  directions: u32,
  depth: u32,
  time_stride: u32,
  batch_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let gate = index % params.gates;
  let sample = index / params.gates % params.batch;
  let direction = index / params.gates / params.batch % params.directions;
  let time = index / params.gates / params.batch / params.directions;
  let x_at = time * params.time_stride + sample * params.batch_stride;
  let w_at = (direction * params.gates + gate) * params.depth;
  var sum = 0.0;
  if (HAS_BIAS) {
    let bias_at = direction * 2u * params.gates + gate;
    sum = bias[bias_at];
    if (ADDS_BOTH) { sum += bias[bias_at + params.gates]; }
  }
  for (var k = 0u; k < params.depth; k++) { sum += x[x_at + k] * w[w_at + k]; }
  y[index] = sum;
}
