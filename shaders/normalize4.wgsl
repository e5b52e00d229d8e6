// Four neighbouring elements per invocation, as in normalize.wgsl. Aliases say whether scale and bias change along the
// last axis (vectors) or not (scalars); the state never does. Strides and the last extent count in those units.
struct Params {
  length: u32,
  count: f32,
  epsilon: f32,
  extents: array<vec4<u32>, 2>,
  state_strides: array<vec4<u32>, 2>,
  scale_strides: array<vec4<u32>, 2>,
  bias_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> states: array<A>;
@group(0) @binding(2) var<storage, read> scale: array<S>;
@group(0) @binding(3) var<storage, read> bias: array<B>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = index;
  var state_index = 0u;
  var scale_index = 0u;
  var bias_index = 0u;
  for (var back = 1; back < RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    let at = rest % extent;
    rest /= extent;
    state_index += at * params.state_strides[axis / 4][axis % 4];
    scale_index += at * params.scale_strides[axis / 4][axis % 4];
    bias_index += at * params.bias_strides[axis / 4][axis % 4];
  }
  state_index += rest * params.state_strides[0].x;
  scale_index += rest * params.scale_strides[0].x;
  bias_index += rest * params.bias_strides[0].x;
  let v = x[index];
  let state = states[state_index];
  let s = vec4<f32>(scale[scale_index]);
  let b = vec4<f32>(bias[bias_index]);
  let result = vec4<f32>(
    apply(v.x, state, s.x, b.x),
    apply(v.y, state, s.y, b.y),
    apply(v.z, state, s.z, b.z),
    apply(v.w, state, s.w, b.w),
  );
  y[index] = finish4(result, 4u * index);
}
