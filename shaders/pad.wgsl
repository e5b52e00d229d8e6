// CHUNK neighbouring words of the innermost axis of the output per invocation. Along every axis, `extents` elements of
// the input, the first of them at `offset`, come after `before` padded places. MODE: 0 constant, 1 reflect, 2 edge,
// 3 wrap. Extents stand at places 0 to RANK - 1.
struct Params {
  invocations: u32,
  chunks: u32,
  offset: u32,
  value: u32,
  shape: array<vec4<u32>, 2>,
  extents: array<vec4<i32>, 2>,
  before: array<vec4<i32>, 2>,
  strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// Remainder that is never negative.
fn floor_mod(a: i32, n: i32) -> i32 {
  let rest = a % n;
  return select(rest, rest + n, rest < 0);
}

fn fold(at: i32, extent: i32) -> i32 {
  switch i32(MODE) {
    case 1: {
      let turned = floor_mod(at, max(2 * extent - 2, 1));
      return min(turned, 2 * extent - 2 - turned);
    }
    case 2: { return clamp(at, 0, extent - 1); }
    case 3: { return floor_mod(at, extent); }
    default: { return at; }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.invocations) { return; }
  let row = index / params.chunks;
  let first = (index - row * params.chunks) * u32(CHUNK);
  var rest = row;
  var source = params.offset;
  var inside = true;
  for (var left = u32(RANK - 1); left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    let outer = rest / params.shape[axis / 4u][axis % 4u];
    let place = rest - outer * params.shape[axis / 4u][axis % 4u];
    rest = outer;
    let at = fold(i32(place) - params.before[axis / 4u][axis % 4u], extent);
    inside = inside && at >= 0 && at < extent;
    source += u32(at) * params.strides[axis / 4u][axis % 4u];
  }
  let inner = u32(RANK - 1);
  let size = params.shape[inner / 4u][inner % 4u];
  let extent = params.extents[inner / 4u][inner % 4u];
  for (var place = first; place < min(first + u32(CHUNK), size); place++) {
    let at = fold(i32(place) - params.before[inner / 4u][inner % 4u], extent);
    var value = params.value;
    if (inside && at >= 0 && at < extent) { value = x[source + u32(at)]; }
    y[row * size + place] = value;
  }
}
