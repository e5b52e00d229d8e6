// One element per invocation: y = sum over the summed axes of a * b (or of a alone), every axis with the step of either
// operand along it, 0 where the operand does not have the axis. Long sums come in slices, one result behind the other.
struct Params {
  length: u32,
  depth: u32,
  slices: u32,
  span: u32,
  extents: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
  sum_extents: array<vec4<u32>, 2>,
  a_sum_strides: array<vec4<u32>, 2>,
  b_sum_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> a: array<R>;
@group(0) @binding(1) var<storage, read> b: array<R>;
@group(0) @binding(2) var<storage, read_write> y: array<R>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length * params.slices) { return; }
  var rest = index % params.length;
  var a_base = 0u;
  var b_base = 0u;
  for (var back = 1; back <= RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    a_base += rest % extent * params.a_strides[axis / 4][axis % 4];
    b_base += rest % extent * params.b_strides[axis / 4][axis % 4];
    rest /= extent;
  }
  var sum = R(0);
  let first = index / params.length * params.span;
  let end = min(first + params.span, params.depth);
  for (var k = first; k < end; k++) {
    var left = k;
    var a_at = a_base;
    var b_at = b_base;
    for (var back = 1; back < SUM_RANK; back++) {
      let axis = SUM_RANK - back;
      let extent = params.sum_extents[axis / 4][axis % 4];
      a_at += left % extent * params.a_sum_strides[axis / 4][axis % 4];
      b_at += left % extent * params.b_sum_strides[axis / 4][axis % 4];
      left /= extent;
    }
    a_at += left * params.a_sum_strides[0].x;
    b_at += left * params.b_sum_strides[0].x;
    if (BINARY) { sum += a[a_at] * b[b_at]; } else { sum += a[a_at]; }
  }
  y[index] = finish(sum, index);
}
