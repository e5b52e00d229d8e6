// One element per invocation: y = apply(x, state, scale, bias), the state of x's group, its scale and its bias reached by
// strides that are 0 along the axes over which they are shared. What a state holds, and apply, is linked in.
struct Params {
  length: u32,
  count: f32,
  epsilon: f32,
  extents: array<vec4<u32>, 2>,
  state_strides: array<vec4<u32>, 2>,
  scale_strides: array<vec4<u32>, 2>,
  bias_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> states: array<A>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
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
  y[index] = finish(apply(x[index], states[state_index], scale[scale_index], bias[bias_index]), index);
}
