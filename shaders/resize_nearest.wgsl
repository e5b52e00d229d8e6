// CHUNK neighbouring elements of the output per invocation: [outer, o0, o1, o2, inner] out of [outer, e0, e1, e2,
// inner]. Along every axis the coordinate (at + t.x) * t.y / t.z + t.w is rounded by r.x * floor(r.x * coordinate +
// r.y): r.x is 1 or -1. CROPS: coordinates outside the input give the extrapolation value.
struct Params {
  invocations: u32,
  chunks: u32,
  inner: u32,
  extrapolation: f32,
  sizes: vec4<u32>,
  extents: vec4<u32>,
  transforms: array<vec4<f32>, 3>,
  windows: array<vec4<f32>, 3>,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(1) @binding(0) var<uniform> params: Params;

// The element that is taken along an axis, -1 where the coordinate lies outside.
fn place_of(at: u32, axis: u32) -> i32 {
  let t = params.transforms[axis];
  let r = params.windows[axis];
  let last = f32(params.extents[axis] - 1u);
  let coordinate = (f32(at) + t.x) * t.y / t.z + t.w;
  if (CROPS && (coordinate < 0.0 || coordinate > last)) { return -1; }
  return i32(clamp(r.x * floor(r.x * coordinate + r.y), 0.0, last));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.invocations) { return; }
  let row = index / params.chunks;
  let first = (index - row * params.chunks) * u32(CHUNK);
  let plane = row / params.sizes.y;
  let outer = plane / params.sizes.x;
  let p0 = place_of(plane - outer * params.sizes.x, 0u);
  let p1 = place_of(row - plane * params.sizes.y, 1u);
  let base = (outer * params.extents.x + u32(p0)) * params.extents.y + u32(p1);
  let run = params.sizes.z * params.inner;
  for (var at = first; at < min(first + u32(CHUNK), run); at++) {
    var column = at;
    if (params.inner != 1u) { column = at / params.inner; }
    let p2 = place_of(column, 2u);
    var value = T(params.extrapolation);
    if (!CROPS || min(p0, min(p1, p2)) >= 0) {
      value = x[(base * params.extents.z + u32(p2)) * params.inner + at - column * params.inner];
    }
    y[row * run + at] = finish(value, row * run + at);
  }
}
