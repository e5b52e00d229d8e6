// Transposes the last two axes of the input, batch by batch, through a tile of TILE x TILE words (one column spare,
// against bank conflicts): both sides are read and written along memory. A workgroup is TILE x ROWS invocations and
// uses 4 * TILE * (TILE + 1) bytes. Batches run over two axes, the inner one of extent `batches`.
struct Params {
  rows: u32,
  columns: u32,
  row_stride: u32,
  column_stride: u32,
  batches: u32,
  source_outer: u32,
  source_inner: u32,
  destination_outer: u32,
  destination_inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> tile: array<u32, TILE * (TILE + 1)>;

@compute @workgroup_size(TILE, ROWS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let outer = group.z / params.batches;
  let inner = group.z % params.batches;
  let source = outer * params.source_outer + inner * params.source_inner;
  let destination = outer * params.destination_outer + inner * params.destination_inner;
  for (var place = local.y; place < TILE; place += ROWS) {
    let row = group.y * TILE + place;
    let column = group.x * TILE + local.x;
    if (row < params.rows && column < params.columns) {
      tile[place * (TILE + 1) + local.x] = x[source + row * params.row_stride + column];
    }
  }
  workgroupBarrier();
  for (var place = local.y; place < TILE; place += ROWS) {
    let row = group.y * TILE + local.x;
    let column = group.x * TILE + place;
    if (row < params.rows && column < params.columns) {
      y[destination + column * params.column_stride + row] = tile[local.x * (TILE + 1) + place];
    }
  }
}
