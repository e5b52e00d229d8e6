// One element per invocation: y = apply(a, b), operands broadcast to the output by strides of 0. RANK counts the axes
// left after merging: 1 where both operands have the output's shape or are scalars.
struct Params {
  length: u32,
  alpha: f32,
  extents: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> b: array<U>;
@group(0) @binding(2) var<storage, read_write> y: array<R>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = index;
  var a_index = 0u;
  var b_index = 0u;
  for (var back = 1; back < RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    let at = rest % extent;
    rest /= extent;
    a_index += at * params.a_strides[axis / 4][axis % 4];
    b_index += at * params.b_strides[axis / 4][axis % 4];
  }
  a_index += rest * params.a_strides[0].x;
  b_index += rest * params.b_strides[0].x;
  y[index] = finish(apply(a[a_index], b[b_index]), index);
}
