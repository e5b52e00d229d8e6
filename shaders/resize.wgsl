// CHUNK neighbouring elements of the output per invocation: [outer, o0, o1, o2, inner] out of [outer, e0, e1, e2,
// inner], each the weighted sum of its neighbours. Along every axis the coordinate is (at + t.x) * t.y / t.z + t.w.
// TAPS_n neighbours count along axis n (1: the coordinate is an element), or as many as its window says in .x where
// ANTIALIASES; .y of the window is how much the filter is stretched then (at most 1). Neighbours beyond the input
// repeat its border, or have no weight where EXCLUDES_OUTSIDE. CROPS: coordinates outside the input give the
// extrapolation value. CUBIC: the filter is cubic convolution with parameter `cubic`, else linear.
struct Params {
  invocations: u32,
  chunks: u32,
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

fn coordinate_of(at: u32, axis: u32) -> f32 {
  let t = params.transforms[axis];
  return (f32(at) + t.x) * t.y / t.z + t.w;
}

fn taps_of(axis: u32, taps: i32) -> i32 {
  if (ANTIALIASES) { return i32(params.windows[axis].x); }
  return taps;
}

fn first_of(coordinate: f32, taps: i32) -> i32 {
  return i32(floor(coordinate)) + select(1 - taps / 2, 0, taps == 1);
}

fn weight_of(place: i32, coordinate: f32, taps: i32, axis: u32) -> f32 {
  if (taps == 1) { return 1.0; }
  if (EXCLUDES_OUTSIDE && (place < 0 || place >= i32(params.extents[axis]))) { return 0.0; }
  var d = abs(f32(place) - coordinate);
  if (ANTIALIASES) { d *= params.windows[axis].y; }
  if (!CUBIC) { return max(1.0 - d, 0.0); }
  let a = params.cubic;
  let near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  let far = ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
  return select(select(0.0, far, d < 2.0), near, d <= 1.0);
}

fn row_of(place: i32, axis: u32) -> u32 {
  return u32(clamp(place, 0, i32(params.extents[axis]) - 1));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.invocations) { return; }
  let row = index / params.chunks;
  let first = (index - row * params.chunks) * u32(CHUNK);
  let plane = row / params.sizes.y;
  let outer = plane / params.sizes.x;
  let c0 = coordinate_of(plane - outer * params.sizes.x, 0u);
  let c1 = coordinate_of(row - plane * params.sizes.y, 1u);
  let taps0 = taps_of(0u, TAPS_0);
  let taps1 = taps_of(1u, TAPS_1);
  let taps2 = taps_of(2u, TAPS_2);
  let first0 = first_of(c0, taps0);
  let first1 = first_of(c1, taps1);
  let last = vec3<f32>(params.extents.xyz - 1u);
  let run = params.sizes.z * params.inner;
  for (var at = first; at < min(first + u32(CHUNK), run); at++) {
    var column = at;
    if (params.inner != 1u) { column = at / params.inner; }
    let within = at - column * params.inner;
    let c2 = coordinate_of(column, 2u);
    let first2 = first_of(c2, taps2);
    var sum = 0.0;
    var weights = 0.0;
    for (var n0 = 0; n0 < taps0; n0++) {
      let w0 = weight_of(first0 + n0, c0, taps0, 0u);
      let row0 = outer * params.extents.x + row_of(first0 + n0, 0u);
      for (var n1 = 0; n1 < taps1; n1++) {
        let w1 = w0 * weight_of(first1 + n1, c1, taps1, 1u);
        let row1 = (row0 * params.extents.y + row_of(first1 + n1, 1u)) * params.extents.z;
        for (var n2 = 0; n2 < taps2; n2++) {
          let w2 = w1 * weight_of(first2 + n2, c2, taps2, 2u);
          sum += w2 * x[(row1 + row_of(first2 + n2, 2u)) * params.inner + within];
          weights += w2;
        }
      }
    }
    if (NORMALIZES) { sum = sum / weights; }
    if (CROPS) {
      let c = vec3<f32>(c0, c1, c2);
      if (any(c < vec3<f32>(0.0)) || any(c > last)) { sum = params.extrapolation; }
    }
    y[row * run + at] = finish(sum, row * run + at);
  }
}
