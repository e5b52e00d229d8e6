// One invocation computes tile_lines x TILE_COLUMNS results of windows that slide over one plane: a depthwise
// convolution or a pool: adjacent columns of lines that lie LINE_STEP apart. Every element of x that it needs is loaded once.
//
// compute is generated for the tile (sliding_block_code.ts): the naga compiler does not unroll loops.
struct Params {
  length: u32,
  columns: u32,
  lines: u32,
  column_tiles: u32,
  line_tiles: u32,
  tile_lines: u32,
  // Planes of y per plane of x; planes of y per image, which are the channels of w.
  multiplier: u32,
  channels: u32,
  // Quads of w per channel and step along depth.
  w_quads: u32,
  // What an element outside x counts as.
  outside: f32,
  // Depth, height and width: extents of x and of y, kernel, stride, dilation, padding before and after.
  extent: vec4<u32>,
  out_extent: vec4<u32>,
  kernel: vec4<u32>,
  stride: vec4<u32>,
  dilation: vec4<u32>,
  before: vec4<i32>,
  after: vec4<i32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
// The same buffer, in quads where its rows are whole numbers of them.
@group(0) @binding(1) var<storage, read> xq: array<Q>;
@group(0) @binding(2) var<storage, read> w: array<W>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  ready();
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let column = (index % params.column_tiles) * TILE_COLUMNS;
  var rest = index / params.column_tiles;
  let line_tile = rest % params.line_tiles;
  let line = line_tile % LINE_STEP + line_tile / LINE_STEP * (params.tile_lines * LINE_STEP);
  rest = rest / params.line_tiles;
  let out_z = rest % params.out_extent.x;
  let plane = rest / params.out_extent.x;
  let channel = plane % params.channels;
  let volume_at = plane / params.multiplier * params.extent.x * params.extent.y * params.extent.z;
  let first = vec3<i32>(vec3<u32>(out_z, line, column) * params.stride.xyz) - params.before.xyz;
  compute(volume_at, line, column, rest * params.lines * params.columns, channel, first);
}
