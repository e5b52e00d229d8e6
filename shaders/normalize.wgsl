// CHUNK neighbouring elements per invocation: y = apply(x, state, scale, bias), the state of x's group, its scale and its
// bias reached by strides that are 0 along the axes over which they are shared. What a state holds, and apply, is linked
// in. Places are found by division where a row starts, and by a step from there on.
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

struct Place {
  in_row: u32,
  state: u32,
  scale: u32,
  bias: u32,
}

fn place_of(index: u32) -> Place {
  var rest = index;
  var place = Place(index, 0u, 0u, 0u);
  for (var back = 1; back < RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    let at = rest % extent;
    rest /= extent;
    if (back == 1) { place.in_row = at; }
    place.state += at * params.state_strides[axis / 4][axis % 4];
    place.scale += at * params.scale_strides[axis / 4][axis % 4];
    place.bias += at * params.bias_strides[axis / 4][axis % 4];
  }
  place.state += rest * params.state_strides[0].x;
  place.scale += rest * params.scale_strides[0].x;
  place.bias += rest * params.bias_strides[0].x;
  return place;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let first = flat_index(id, groups, WORKGROUP_SIZE) * u32(CHUNK);
  if (first >= params.length) { return; }
  let row = params.extents[(RANK - 1) / 4][(RANK - 1) % 4];
  let state_step = params.state_strides[(RANK - 1) / 4][(RANK - 1) % 4];
  let scale_step = params.scale_strides[(RANK - 1) / 4][(RANK - 1) % 4];
  let bias_step = params.bias_strides[(RANK - 1) / 4][(RANK - 1) % 4];
  var place = place_of(first);
  for (var index = first; index < min(first + u32(CHUNK), params.length); index++) {
    if (place.in_row == row) { place = place_of(index); }
    let value = apply(x[index], states[place.state], scale[place.scale], bias[place.bias]);
    y[index] = finish(value, index);
    place.in_row++;
    place.state += state_step;
    place.scale += scale_step;
    place.bias += bias_step;
  }
}
