// One invocation computes TILE_ROWS x TILE_COLUMNS results of y = alpha * a * b + beta * c, for every matrix of a batch.
//
// a is packed in tiles of rows (pack_rows.wgsl): [matrix][row tile][depth][TILE_ROWS]; b is row-major. Where its rows are
// no whole number of quads, an invocation loads the quads around its columns, which are those of one matrix. On a GPU
// neighbouring invocations take neighbouring quads of one row tile, and the quads of one invocation lie a workgroup apart,
// so that every load and store of a workgroup is one run of memory. On a CPU (ON_CPU is 1) the quads of an invocation are
// adjacent, so that the first load of a step asks for all its cache lines at once, and workgroups run down the rows before
// the columns, so that their part of b stays in a core's cache. Batch axes come in two kinds: along the inner one a stays
// the same, so that it counts as more columns, and a tile may hold quads of two matrices; the outer ones step all
// operands. clear, place, step and store are generated for the tile (matmul_code.ts): the naga compiler does not unroll
// loops. step makes DEPTH_STEPS steps; every slice is a multiple of it.
struct Params {
  rows: u32,
  columns: u32,
  depth: u32,
  // Quads per row of b that invocations count, and the distance of its rows: in quads or, where they start anywhere, in
  // elements, as all distances in b.
  b_quads: u32,
  b_row: u32,
  // Quads from a panel of b to the next, where it lies in panels.
  b_panel: u32,
  // Quads of columns of all matrices along the inner axis.
  units: u32,
  // Workgroups along the units, and row tiles.
  unit_groups: u32,
  row_tiles: u32,
  // Slices of the depth, and the steps in each.
  slices: u32,
  span: u32,
  outer_count: u32,
  outer_rank: u32,
  inner_b: u32,
  inner_y: u32,
  c_row: u32,
  c_column: u32,
  slice_y: u32,
  first_y: u32,
  alpha: f32,
  beta: f32,
  outer_extents: array<vec4<u32>, 2>,
  outer_a: array<vec4<u32>, 2>,
  outer_b: array<vec4<u32>, 2>,
  outer_c: array<vec4<u32>, 2>,
  outer_y: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> c: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;
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
  let first_quad = unit_group * (WORKGROUP_SIZE * TILE_COLUMNS / 4);
  let quad = first_quad + lane * select(1u, TILE_COLUMNS / 4, ON_CPU == 1);
  let slice = rest % params.slices;
  let outer = rest / params.slices;
  if (outer >= params.outer_count) { return; }

  var a_at = 0u;
  var b_at = 0u;
  var c_at = 0u;
  var y_at = params.first_y + slice * params.slice_y;
  var left = outer;
  for (var axis = params.outer_rank; axis > 0u; axis--) {
    let q = (axis - 1u) / 4u;
    let p = (axis - 1u) % 4u;
    let at = left % params.outer_extents[q][p];
    left = left / params.outer_extents[q][p];
    a_at += at * params.outer_a[q][p];
    b_at += at * params.outer_b[q][p];
    c_at += at * params.outer_c[q][p];
    y_at += at * params.outer_y[q][p];
  }
  let row = row_tile * TILE_ROWS;
  let first = slice * params.span;
  let end = min(first + params.span, params.depth);
  let a_first = a_at + row_tile * params.depth * (TILE_ROWS / 4);
  place(quad, b_at, y_at);
  clear();
  for (var k = first; k < end; k += DEPTH_STEPS) {
    step(a_first + k * (TILE_ROWS / 4), k * params.b_row, lane);
  }
  store(row, 0u, 0u, c_at, lane);
}
