// One invocation computes TILE_ROWS output channels x TILE_COLUMNS results of one row of a transposed convolution. The
// results are stride_x apart, so that they use the same taps, and adjacent elements of x under each.
//
// Weights are packed in tiles of channels (pack_rows.wgsl): [group][channel tile][input channel, kz, ky, kx][TILE_ROWS].
// clear, tap and store are generated for the tile (conv_transpose_code.ts): the naga compiler does not unroll loops.
struct Params {
  // Output channels of a group; results of a row; elements between channels of y.
  rows: u32,
  columns: u32,
  row_stride: u32,
  // Tiles of results with the same taps.
  column_tiles: u32,
  units: u32,
  unit_groups: u32,
  row_tiles: u32,
  groups: u32,
  // Input channels of a group.
  channels: u32,
  // Slices of the reduction, over rows of the kernel, and the kernel rows in each.
  slices: u32,
  span: u32,
  kernel_rows: u32,
  slice_y: u32,
  // Depth, height and width: extents of x and of y, kernel, stride, dilation, padding before.
  extent: vec4<u32>,
  out_extent: vec4<u32>,
  kernel: vec4<u32>,
  stride: vec4<u32>,
  dilation: vec4<u32>,
  before: vec4<i32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> c: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// The element of x that a tap at `place` elements of y before the padded start reads; -1 where the stride skips it.
fn source(place: i32, stride: u32, extent: u32) -> i32 {
  let step = i32(stride);
  if (place < 0 || place % step != 0 || u32(place / step) >= extent) { return -1; }
  return place / step;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  var rest = group.x + group.y * groups.x;
  let unit = (rest % params.unit_groups) * WORKGROUP_SIZE + lane;
  rest = rest / params.unit_groups;
  let row = (rest % params.row_tiles) * TILE_ROWS;
  let weights = rest % (params.row_tiles * params.groups);
  rest = rest / params.row_tiles;
  let own_group = rest % params.groups;
  let slice = rest / params.groups;
  if (slice >= params.slices || unit >= params.units) { return; }

  let tile = (unit % params.column_tiles) * TILE_COLUMNS;
  rest = unit / params.column_tiles;
  let phase = rest % params.stride.z;
  rest = rest / params.stride.z;
  let out_y = rest % params.out_extent.y;
  let out_z = (rest / params.out_extent.y) % params.out_extent.x;
  let image = rest / (params.out_extent.y * params.out_extent.x);
  let column = phase + tile * params.stride.z;
  let first = slice * params.span;
  let end = min(first + params.span, params.kernel_rows);
  let plane_length = params.extent.y * params.extent.z;
  let x_at = (image * params.groups + own_group) * params.channels * params.extent.x * plane_length;
  let w_at = weights * params.kernel_rows * params.kernel.z * (TILE_ROWS / 4);
  clear();
  for (var k = first; k < end; k++) {
    let ky = k % params.kernel.y;
    let kz = (k / params.kernel.y) % params.kernel.x;
    let channel = k / (params.kernel.y * params.kernel.x);
    let in_y = source(i32(out_y) + params.before.y - i32(ky * params.dilation.y), params.stride.y, params.extent.y);
    let in_z = source(i32(out_z) + params.before.x - i32(kz * params.dilation.x), params.stride.x, params.extent.x);
    if (in_y < 0 || in_z < 0) { continue; }
    let line_at = x_at + (channel * params.extent.x + u32(in_z)) * plane_length + u32(in_y) * params.extent.z;
    for (var kx = 0u; kx < params.kernel.z; kx++) {
      let place = i32(column) + params.before.z - i32(kx * params.dilation.z);
      let step = i32(params.stride.z);
      if (place % step != 0) { continue; }
      tap(line_at, place / step, w_at + (k * params.kernel.z + kx) * (TILE_ROWS / 4));
    }
  }
  let y_at = slice * params.slice_y + (image * params.groups + own_group) * params.rows * params.row_stride +
    (out_z * params.out_extent.y + out_y) * params.columns;
  store(row, column, y_at, own_group * params.rows);
}
