// Four neighbouring elements per invocation: y = apply(a, b). An operand that is constant along the last axis is read as
// one scalar (alias A or B is f32), the others as vectors; strides and the last extent count in those units.
struct Params {
  length: u32,
  alpha: f32,
  extents: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> a: array<A>;
@group(0) @binding(1) var<storage, read> b: array<B>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
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
  let p = vec4<f32>(a[a_index]);
  let q = vec4<f32>(b[b_index]);
  let v = vec4<f32>(apply(p.x, q.x), apply(p.y, q.y), apply(p.z, q.z), apply(p.w, q.w));
  y[index] = finish4(v, 4u * index);
}
