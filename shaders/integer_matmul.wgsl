// One element per invocation: y = sum over k of (a - zero point of a's row) * (b - zero point of b's column), in i32.
struct Params {
  length: u32,
  rows: u32,
  columns: u32,
  depth: u32,
  a_zero_stride: u32,
  b_zero_stride: u32,
  extents: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> a: array<i32>;
@group(0) @binding(1) var<storage, read> b: array<i32>;
@group(0) @binding(2) var<storage, read> a_zero: array<i32>;
@group(0) @binding(3) var<storage, read> b_zero: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let column = index % params.columns;
  let row = index / params.columns % params.rows;
  var matrix = index / params.columns / params.rows;
  var a_at = row * params.depth;
  var b_at = column;
  for (var back = 1; back <= RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    a_at += matrix % extent * params.a_strides[axis / 4][axis % 4];
    b_at += matrix % extent * params.b_strides[axis / 4][axis % 4];
    matrix /= extent;
  }
  var a_offset = 0;
  var b_offset = 0;
  if (HAS_A_ZERO) { a_offset = a_zero[row * params.a_zero_stride]; }
  if (HAS_B_ZERO) { b_offset = b_zero[column * params.b_zero_stride]; }
  var sum = 0;
  for (var k = 0u; k < params.depth; k++) {
    sum += (a[a_at] - a_offset) * (b[b_at] - b_offset);
    a_at += 1u;
    b_at += params.columns;
  }
  y[index] = sum;
}
