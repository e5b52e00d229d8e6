// One invocation computes TILE_ROWS output channels x TILE_COLUMNS adjacent results of one row of a convolution.
//
// Weights are packed in tiles of channels (pack_rows.wgsl): [group][channel tile][input channel, kz, ky, kx][TILE_ROWS].
// Neighbouring invocations take neighbouring tiles of one row of results, then further rows, of the same channels. On a CPU
// (ON_CPU is 1) workgroups run down the channels first, so that their part of x stays in a core's cache.
// clear, taps and store are generated for the tile (conv_code.ts): the naga compiler does not unroll loops.
struct Params {
  // Output channels of a group; results of a row; elements between channels of y.
  rows: u32,
  columns: u32,
  row_stride: u32,
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
  // Along the innermost spatial axis.
  kernel_x: u32,
  stride_x: u32,
  dilation_x: u32,
  before_x: i32,
  width: u32,
  // Along the two outer ones: extents of x and of y, kernel, stride, dilation, padding.
  extent: vec4<u32>,
  kernel: vec4<u32>,
  stride: vec4<u32>,
  dilation: vec4<u32>,
  before: vec4<i32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
// The same buffer, in quads where its rows are whole numbers of them.
@group(0) @binding(1) var<storage, read> xq: array<Q>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  ready();
  var rest = group.x + group.y * groups.x;
  var unit_group = rest % params.unit_groups;
  var row_tile = rest / params.unit_groups % params.row_tiles;
  if (ON_CPU == 1) {
    row_tile = rest % params.row_tiles;
    unit_group = rest / params.row_tiles % params.unit_groups;
  }
  rest = rest / (params.unit_groups * params.row_tiles);
  let unit = unit_group * WORKGROUP_SIZE + lane;
  let row = row_tile * TILE_ROWS;
  let own_group = rest % params.groups;
  let weights = own_group * params.row_tiles + row_tile;
  let slice = rest / params.groups;
  if (slice >= params.slices) { return; }

  // extent: depth and height of x, then of y.
  let known = min(unit, params.units - 1u);
  let column = (known % params.column_tiles) * TILE_COLUMNS;
  var line = known / params.column_tiles;
  let y_at_line = line % (params.extent.z * params.extent.w);
  let image = line / (params.extent.z * params.extent.w);
  let first_z = i32((y_at_line / params.extent.w) * params.stride.x) - params.before.x;
  let first_y = i32((y_at_line % params.extent.w) * params.stride.y) - params.before.y;
  let first_x = i32(column * params.stride_x) - params.before_x;
  let x_at = (image * params.groups + own_group) * params.channels * params.extent.x * params.extent.y * params.width;

  let first = slice * params.span;
  let end = min(first + params.span, params.kernel_rows);
  var ky = first % params.kernel.y;
  var kz = (first / params.kernel.y) % params.kernel.x;
  var plane_at = x_at + first / (params.kernel.x * params.kernel.y) * params.extent.x * params.extent.y * params.width;
  var w_at = (weights * params.kernel_rows + first) * params.kernel_x * (TILE_ROWS / 4);
  clear();
  for (var k = first; k < end; k++) {
    let in_z = first_z + i32(kz * params.dilation.x);
    let in_y = first_y + i32(ky * params.dilation.y);
    let is_inside = in_z >= 0 && u32(in_z) < params.extent.x && in_y >= 0 && u32(in_y) < params.extent.y;
    let line_at = select(0u, plane_at + (u32(in_z) * params.extent.y + u32(in_y)) * params.width, is_inside);
    // A row of zeros outside: no place of it lies within the width.
    taps(line_at, select(0u, params.width, is_inside), first_x, w_at, lane);
    w_at += params.kernel_x * (TILE_ROWS / 4);
    ky++;
    if (ky == params.kernel.y) {
      ky = 0u;
      kz++;
      if (kz == params.kernel.x) {
        kz = 0u;
        plane_at += params.extent.x * params.extent.y * params.width;
      }
    }
  }
  let y_at = slice * params.slice_y + (image * params.groups + own_group) * params.rows * params.row_stride +
    y_at_line * params.columns;
  // Past the last column nothing is stored: all lanes have to get there.
  store(row, select(params.columns, column, unit < params.units), y_at, own_group * params.rows, lane);
}
