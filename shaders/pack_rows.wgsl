// Packs matrices in tiles of rows: [matrix][row][column] with any strides becomes [matrix][row tile][column][TILE_ROWS],
// rows past the end zero. One invocation copies four columns of four rows: finding its place takes longer than a copy.
// four(matrix, row, column) is generated for the strides (packing.ts).
struct Params {
  length: u32,
  first: u32,
  rows: u32,
  columns: u32,
  column_blocks: u32,
  row_tiles: u32,
  row_stride: u32,
  column_stride: u32,
  matrix_stride: u32,
  // Columns come in groups with a stride of their own.
  group_size: u32,
  group_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn four_of(matrix: u32, row: u32, column: u32) -> vec4<f32> {
  if (row >= params.rows) { return vec4<f32>(); }
  return four(params.first + matrix * params.matrix_stride + row * params.row_stride, column);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let quads = u32(TILE_ROWS / 4);
  let quad = index % quads;
  let block = index / quads;
  let tile = block / params.column_blocks;
  let column = 4u * (block - tile * params.column_blocks);
  let matrix = tile / params.row_tiles;
  let row = (tile - matrix * params.row_tiles) * TILE_ROWS + 4u * quad;
  let a = four_of(matrix, row, column);
  let b = four_of(matrix, row + 1u, column);
  let c = four_of(matrix, row + 2u, column);
  let d = four_of(matrix, row + 3u, column);
  let at = (tile * params.columns + column) * quads + quad;
  y[at] = vec4<f32>(a.x, b.x, c.x, d.x);
  if (column + 1u < params.columns) { y[at + quads] = vec4<f32>(a.y, b.y, c.y, d.y); }
  if (column + 2u < params.columns) { y[at + 2u * quads] = vec4<f32>(a.z, b.z, c.z, d.z); }
  if (column + 3u < params.columns) { y[at + 3u * quads] = vec4<f32>(a.w, b.w, c.w, d.w); }
}
