// One element of the first state per invocation: hidden values, then (for LSTM) cell values, each [direction, sample,
// unit]; zero where no initial value is given.
struct Params {
  length: u32,
  hidden: u32,
  batch: u32,
  directions: u32,
  direction_stride: u32,
  batch_stride: u32,
}

@group(0) @binding(0) var<storage, read> initial_hidden: array<f32>;
@group(0) @binding(1) var<storage, read> initial_cell: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let unit = index % params.hidden;
  let sample = index / params.hidden % params.batch;
  let direction = index / params.hidden / params.batch % params.directions;
  let at = direction * params.direction_stride + sample * params.batch_stride + unit;
  var value = 0.0;
  if (index < params.directions * params.batch * params.hidden) {
    if (HAS_HIDDEN) { value = initial_hidden[at]; }
  } else if (HAS_CELL) {
    value = initial_cell[at];
  }
  state[index] = value;
}
