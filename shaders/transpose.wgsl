// Transposes the last two axes of the input, batch by batch: an invocation turns 4 x 4 words in registers, a workgroup
// of SIDE x SIDE invocations a tile whose rows are contiguous on both sides. load4 and store4, which come with the
// dispatch, move four neighbouring words. Batches run over two axes, the inner one of extent `batches`.
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

@group(0) @binding(0) var<storage, read> x: array<W>;
@group(0) @binding(1) var<storage, read_write> y: array<W>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let column = id.x * 4u;
  if (row >= params.rows || column >= params.columns) { return; }
  let outer = id.z / params.batches;
  let inner = id.z - outer * params.batches;
  let source = outer * params.source_outer + inner * params.source_inner + row * params.row_stride + column;
  let a = load4(source);
  let b = load4(source + params.row_stride);
  let c = load4(source + 2u * params.row_stride);
  let d = load4(source + 3u * params.row_stride);
  let destination = outer * params.destination_outer + inner * params.destination_inner +
    column * params.column_stride + row;
  let count = params.rows - row;
  store4(destination, vec4<u32>(a.x, b.x, c.x, d.x), count);
  if (column + 1u >= params.columns) { return; }
  store4(destination + params.column_stride, vec4<u32>(a.y, b.y, c.y, d.y), count);
  if (column + 2u >= params.columns) { return; }
  store4(destination + 2u * params.column_stride, vec4<u32>(a.z, b.z, c.z, d.z), count);
  if (column + 3u >= params.columns) { return; }
  store4(destination + 3u * params.column_stride, vec4<u32>(a.w, b.w, c.w, d.w), count);
}
