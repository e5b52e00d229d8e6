// One invocation reduces one span of a row of x: y[span][row], or y[row] where one span is all. The functions `term`,
// `combine` and `result` come from the operator's row.
struct Params {
  rows: u32,
  row_stride: u32,
  step: u32,
  count: u32,
  span: u32,
  length: u32,
  whole: f32,
  power: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let row_at = (index % params.rows) * params.row_stride;
  let first = index / params.rows * params.span;
  let end = min(first + params.span, params.count);
  var sum = term(x[row_at + first * params.step]);
  for (var place = first + 1u; place < end; place++) {
    sum = combine(sum, term(x[row_at + place * params.step]));
  }
  y[index] = finish(result(sum), index);
}
