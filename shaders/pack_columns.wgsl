// Copies matrices so that every row is a whole number of quads: [matrix][row][column] with any strides becomes
// [matrix][panel][row][4 * panel_quads], columns past the end zero. One invocation writes one quad of four rows: finding its
// place takes longer than a copy.
struct Params {
  length: u32,
  // Element of x that the first matrix starts at.
  first: u32,
  rows: u32,
  row_blocks: u32,
  columns: u32,
  // Quads of the columns, and of a row of y before them; quads of a row of a panel, and panels of a matrix.
  quads: u32,
  first_quad: u32,
  panel_quads: u32,
  panels: u32,
  row_stride: u32,
  column_stride: u32,
  matrix_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn element(x_at: u32, column: u32) -> f32 {
  return select(0.0, x[x_at + min(column, params.columns - 1u) * params.column_stride], column < params.columns);
}

// y_at is the place of the quad in the first row of its panel.
fn copy_row(matrix: u32, row: u32, quad: u32, y_at: u32) {
  if (row >= params.rows) { return; }
  let x_at = params.first + matrix * params.matrix_stride + row * params.row_stride;
  let column = 4u * quad;
  y[y_at + row * params.panel_quads] = vec4<f32>(
    element(x_at, column),
    element(x_at, column + 1u),
    element(x_at, column + 2u),
    element(x_at, column + 3u),
  );
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let quad = index % params.quads;
  let rest = index / params.quads;
  let row = 4u * (rest % params.row_blocks);
  let matrix = rest / params.row_blocks;
  let place = params.first_quad + quad;
  let panel = place / params.panel_quads;
  let y_at = (matrix * params.panels + panel) * params.rows * params.panel_quads + place - panel * params.panel_quads;
  copy_row(matrix, row, quad, y_at);
  copy_row(matrix, row + 1u, quad, y_at);
  copy_row(matrix, row + 2u, quad, y_at);
  copy_row(matrix, row + 3u, quad, y_at);
}
