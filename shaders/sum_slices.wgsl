// Adds up the partial sums of a sliced reduction: y[i] = alpha * sum over s of x[s][i] + beta * c, one element per
// invocation. c is indexed by the element's place in a row of `row_length` elements and by its row. store is linked in: it
// adds both, and passes the unit of the sums on where there is one.
struct Params {
  length: u32,
  slices: u32,
  row_length: u32,
  row_period: u32,
  c_row: u32,
  c_column: u32,
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> c: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var sum = 0.0;
  for (var slice = 0u; slice < params.slices; slice++) {
    sum += x[slice * params.length + index];
  }
  sum *= params.alpha;
  var c_at = 0u;
  var addend = 0.0;
  if (HAS_C) {
    let row = (index / params.row_length) % params.row_period;
    c_at = row * params.c_row + (index % params.row_length) * params.c_column;
    addend = params.beta * c[c_at];
  }
  store(sum, addend, index, c_at);
}
