// CHUNK neighbouring elements per invocation: y = apply(a, b), operands broadcast to the output by strides of 0. RANK
// counts the axes left after merging: 1 where both operands have the output's shape or are scalars. Places are found by
// division where a row starts, and by a step from there on.
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

struct Place {
  in_row: u32,
  a: u32,
  b: u32,
}

fn place_of(index: u32) -> Place {
  var rest = index;
  var place = Place(index, 0u, 0u);
  for (var back = 1; back < RANK; back++) {
    let axis = RANK - back;
    let extent = params.extents[axis / 4][axis % 4];
    let at = rest % extent;
    rest /= extent;
    if (back == 1) { place.in_row = at; }
    place.a += at * params.a_strides[axis / 4][axis % 4];
    place.b += at * params.b_strides[axis / 4][axis % 4];
  }
  place.a += rest * params.a_strides[0].x;
  place.b += rest * params.b_strides[0].x;
  return place;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let first = flat_index(id, groups, WORKGROUP_SIZE) * u32(CHUNK);
  if (first >= params.length) { return; }
  let row = params.extents[(RANK - 1) / 4][(RANK - 1) % 4];
  let a_step = params.a_strides[(RANK - 1) / 4][(RANK - 1) % 4];
  let b_step = params.b_strides[(RANK - 1) / 4][(RANK - 1) % 4];
  var place = place_of(first);
  for (var index = first; index < min(first + u32(CHUNK), params.length); index++) {
    if (place.in_row == row) { place = place_of(index); }
    y[index] = finish(apply(a[place.a], b[place.b]), index);
    place.in_row++;
    place.a += a_step;
    place.b += b_step;
  }
}
