// One element of the output per invocation: [outer, o0, o1, o2, inner] out of [outer, e0, e1, e2, inner], as the
// weighted sum of its neighbours. Along every axis the coordinate is (at + t.x) * t.y / t.z + t.w; a window says in .x
// how many neighbours count (1: the coordinate is an element) and in .y how much the filter is stretched (at most 1).
// Neighbours beyond the input repeat its border, or have no weight where EXCLUDES_OUTSIDE. CROPS: coordinates outside
// the input give the extrapolation value. CUBIC: the filter is cubic convolution with parameter cubic, else linear.
struct Params {
  length: u32,
  inner: u32,
  extrapolation: f32,
  cubic: f32,
  sizes: vec4<u32>,
  extents: vec4<u32>,
  transforms: array<vec4<f32>, 3>,
  windows: array<vec4<f32>, 3>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn coordinate_of(at: u32, t: vec4<f32>) -> f32 {
  return (f32(at) + t.x) * t.y / t.z + t.w;
}

// First neighbour, relative to the whole part of the coordinate.
fn first_of(window: vec4<f32>) -> i32 {
  return select(1 - i32(window.x) / 2, 0, window.x == 1.0);
}

fn weight_of(place: i32, coordinate: f32, window: vec4<f32>, extent: u32) -> f32 {
  if (window.x == 1.0) { return 1.0; }
  if (EXCLUDES_OUTSIDE && (place < 0 || place >= i32(extent))) { return 0.0; }
  let d = abs(f32(place) - coordinate) * window.y;
  if (!CUBIC) { return max(1.0 - d, 0.0); }
  let a = params.cubic;
  if (d <= 1.0) { return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0; }
  if (d < 2.0) { return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a; }
  return 0.0;
}

fn row_of(place: i32, extent: u32) -> u32 {
  return u32(clamp(place, 0, i32(extent) - 1));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let e = params.extents;
  let s = params.sizes;
  let place = index / params.inner;
  let c = vec3<f32>(
    coordinate_of(place / (s.z * s.y) % s.x, params.transforms[0]),
    coordinate_of(place / s.z % s.y, params.transforms[1]),
    coordinate_of(place % s.z, params.transforms[2]),
  );
  let first = vec3<i32>(floor(c)) +
    vec3<i32>(first_of(params.windows[0]), first_of(params.windows[1]), first_of(params.windows[2]));
  let outer = place / (s.x * s.y * s.z);
  var sum = 0.0;
  var weights = 0.0;
  for (var n0 = 0; n0 < i32(params.windows[0].x); n0++) {
    let p0 = first.x + n0;
    let w0 = weight_of(p0, c.x, params.windows[0], e.x);
    let row0 = outer * e.x + row_of(p0, e.x);
    for (var n1 = 0; n1 < i32(params.windows[1].x); n1++) {
      let p1 = first.y + n1;
      let w1 = w0 * weight_of(p1, c.y, params.windows[1], e.y);
      let row1 = row0 * e.y + row_of(p1, e.y);
      for (var n2 = 0; n2 < i32(params.windows[2].x); n2++) {
        let p2 = first.z + n2;
        let w2 = w1 * weight_of(p2, c.z, params.windows[2], e.z);
        sum += w2 * x[(row1 * e.z + row_of(p2, e.z)) * params.inner + index % params.inner];
        weights += w2;
      }
    }
  }
  var value = sum;
  if (NORMALIZES) { value = sum / weights; }
  if (CROPS && (any(c < vec3<f32>(0.0)) || any(c > vec3<f32>(e.xyz - 1u)))) { value = params.extrapolation; }
  y[index] = finish(value, index);
}
