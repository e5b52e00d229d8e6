// One word per invocation: y = condition ? a : b, all three broadcast to the output by strides of 0.
struct Params {
  length: u32,
  extents: array<vec4<u32>, 2>,
  condition_strides: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> condition: array<i32>;
@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = index;
  var condition_index = 0u;
  var a_index = 0u;
  var b_index = 0u;
  for (var back = 1; back < RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    let at = rest % extent;
    rest /= extent;
    condition_index += at * params.condition_strides[axis / 4][axis % 4];
    a_index += at * params.a_strides[axis / 4][axis % 4];
    b_index += at * params.b_strides[axis / 4][axis % 4];
  }
  condition_index += rest * params.condition_strides[0].x;
  a_index += rest * params.a_strides[0].x;
  b_index += rest * params.b_strides[0].x;
  y[index] = select(b[b_index], a[a_index], condition[condition_index] != 0);
}
