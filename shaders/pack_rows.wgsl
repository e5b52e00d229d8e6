// Packs matrices in tiles of rows: [matrix][row][column] with any strides becomes [matrix][row tile][column][TILE_ROWS],
// rows past the end zero. Columns come in groups with a stride of their own. One invocation writes one element.
struct Params {
  length: u32,
  first: u32,
  rows: u32,
  columns: u32,
  row_tiles: u32,
  row_stride: u32,
  column_stride: u32,
  matrix_stride: u32,
  group_size: u32,
  group_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = index / TILE_ROWS;
  let column = rest % params.columns;
  rest = rest / params.columns;
  let row = (rest % params.row_tiles) * TILE_ROWS + index % TILE_ROWS;
  let matrix = rest / params.row_tiles;
  var value = 0.0;
  if (row < params.rows) {
    let group = column / params.group_size;
    let place = column % params.group_size;
    value = x[
      params.first + matrix * params.matrix_stride + row * params.row_stride + group * params.group_stride +
        place * params.column_stride
    ];
  }
  y[index] = value;
}
