// One unit of one direction and sample per invocation, one time step per dispatch. `activation_0` to `activation_2` are
// linked in. A GRU that resets before the product needs two dispatches a step: RESET stores reset * hidden in `reset`.
const RNN = 0;
const LSTM = 1;
const GRU = 2;

struct Params {
  step: u32,
  steps: u32,
  hidden: u32,
  batch: u32,
  directions: u32,
  reverse_from: u32,
  time_stride: u32,
  direction_stride: u32,
  batch_stride: u32,
  clip: f32,
}

@group(0) @binding(0) var<storage, read> inputs: array<f32>;
@group(0) @binding(1) var<storage, read> recurrence: array<f32>;
@group(0) @binding(2) var<storage, read> extra: array<f32>; // LSTM: peepholes; GRU: biases
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read> reset: array<f32>;
@group(0) @binding(6) var<storage, read_write> next: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

struct Place {
  unit: u32,
  direction: u32,
  own: u32,    // in the hidden half of the state
  row: u32,    // first unit of the same direction and sample there
  gates: u32,  // first gate value of this step in `inputs`
}

fn clipped(x: f32) -> f32 {
  if (HAS_CLIP) { return clamp(x, -params.clip, params.clip); }
  return x;
}

fn gate_input(at: Place, gate: u32) -> f32 {
  return inputs[at.gates + gate * params.hidden + at.unit];
}

fn weights_of(at: Place, gate: u32) -> u32 {
  return ((at.direction * GATES + gate) * params.hidden + at.unit) * params.hidden;
}

fn from_state(at: Place, gate: u32) -> f32 {
  let weights = weights_of(at, gate);
  var sum = 0.0;
  for (var k = 0u; k < params.hidden; k++) { sum += recurrence[weights + k] * state[at.row + k]; }
  return sum;
}

fn from_reset(at: Place, gate: u32) -> f32 {
  let weights = weights_of(at, gate);
  var sum = 0.0;
  for (var k = 0u; k < params.hidden; k++) { sum += recurrence[weights + k] * reset[at.row + k]; }
  return sum;
}

fn peephole(at: Place, gate: u32, cell: f32) -> f32 {
  if (!HAS_EXTRA) { return 0.0; }
  return extra[(at.direction * 3u + gate) * params.hidden + at.unit] * cell;
}

fn recurrent_bias(at: Place, gate: u32) -> f32 {
  if (!HAS_EXTRA) { return 0.0; }
  return extra[(at.direction * 6u + 3u + gate) * params.hidden + at.unit];
}

fn rnn(at: Place) -> f32 {
  return activation_0(clipped(gate_input(at, 0u) + from_state(at, 0u)), at.direction);
}

fn lstm(at: Place, half: u32) -> f32 {
  let cell = state[half + at.own];
  let input = activation_0(clipped(gate_input(at, 0u) + from_state(at, 0u) + peephole(at, 0u, cell)), at.direction);
  var forget = 1.0 - input;
  if (!COUPLED) {
    forget = activation_0(clipped(gate_input(at, 2u) + from_state(at, 2u) + peephole(at, 2u, cell)), at.direction);
  }
  let candidate = activation_1(clipped(gate_input(at, 3u) + from_state(at, 3u)), at.direction);
  let updated = forget * cell + input * candidate;
  next[half + at.own] = updated;
  let output = activation_0(clipped(gate_input(at, 1u) + from_state(at, 1u) + peephole(at, 1u, updated)), at.direction);
  return output * activation_2(updated, at.direction);
}

fn reset_gate(at: Place) -> f32 {
  return activation_0(clipped(gate_input(at, 1u) + from_state(at, 1u) + recurrent_bias(at, 1u)), at.direction);
}

fn gru(at: Place) -> f32 {
  let hidden = state[at.own];
  let update = activation_0(clipped(gate_input(at, 0u) + from_state(at, 0u) + recurrent_bias(at, 0u)), at.direction);
  var recurrent = 0.0;
  if (RESETS_AFTER) {
    recurrent = reset_gate(at) * (from_state(at, 2u) + recurrent_bias(at, 2u));
  } else {
    recurrent = from_reset(at, 2u) + recurrent_bias(at, 2u);
  }
  let candidate = activation_1(clipped(gate_input(at, 2u) + recurrent), at.direction);
  return (1.0 - update) * candidate + update * hidden;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  let half = params.directions * params.batch * params.hidden;
  if (index >= half) { return; }
  let unit = index % params.hidden;
  let sample = index / params.hidden % params.batch;
  let direction = index / params.hidden / params.batch;
  var length = params.steps;
  if (HAS_LENGTHS) { length = u32(lengths[sample]); }
  let is_over = params.step >= length;
  let time = select(params.step, length - 1u - params.step, direction >= params.reverse_from && !is_over);
  let gates = ((time * params.directions + direction) * params.batch + sample) * GATES * params.hidden;
  let at = Place(unit, direction, index, index - unit, gates);
  if (RESET) {
    next[index] = reset_gate(at) * state[index];
    return;
  }
  var value = state[index];
  if (is_over) {
    if (KIND == LSTM) { next[half + index] = state[half + index]; }
  } else if (KIND == LSTM) {
    value = lstm(at, half);
  } else if (KIND == GRU) {
    value = gru(at);
  } else {
    value = rnn(at);
  }
  next[index] = value;
  let y_at = time * params.time_stride + direction * params.direction_stride + sample * params.batch_stride + unit;
  y[y_at] = select(value, 0.0, is_over);
}
