// One word of the output per invocation: the word of x on one side of a diagonal of its matrix, 0 on the other.
// `diagonal` counts columns to the right of the main one.
struct Params {
  length: u32,
  rows: u32,
  columns: u32,
  diagonal: i32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let column = i32(index % params.columns);
  let border = i32((index / params.columns) % params.rows) + params.diagonal;
  y[index] = select(0u, x[index], select(column <= border, column >= border, UPPER));
}
