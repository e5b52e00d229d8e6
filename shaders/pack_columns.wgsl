// Copies matrices so that every row is a whole number of quads: [matrix][row][column] with any strides becomes
// [matrix][row][4 * quads], columns past the end zero. One invocation writes one element.
struct Params {
  length: u32,
  rows: u32,
  columns: u32,
  padded_columns: u32,
  row_stride: u32,
  column_stride: u32,
  matrix_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let column = index % params.padded_columns;
  let rest = index / params.padded_columns;
  let row = rest % params.rows;
  let matrix = rest / params.rows;
  var value = 0.0;
  if (column < params.columns) {
    value = x[matrix * params.matrix_stride + row * params.row_stride + column * params.column_stride];
  }
  y[index] = value;
}
