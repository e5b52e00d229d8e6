// One element of the output per invocation: x [batch, channels, e0, e1, e2] sampled at the points of grid [batch,
// points, DIMS], whose last coordinates stand first. An image has e0 = 1. MODE: 0 nearest, 1 linear, 2 cubic;
// PADDING: 0 zeros, 1 border, 2 reflection, of every neighbour on its own.
struct Params {
  length: u32,
  channels: u32,
  points: u32,
  extents: vec4<i32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> grid: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Mirrors at the centres of the border elements, or at their outer edges.
fn reflect_at(v: f32, extent: i32) -> f32 {
  let low = select(-0.5, 0.0, ALIGN_CORNERS);
  let span = f32(extent) - select(0.0, 1.0, ALIGN_CORNERS);
  if (span <= 0.0) { return 0.0; }
  let beyond = select(v - low - span, low - v, v < low);
  if (beyond <= 0.0) { return v; }
  let turns = floor(beyond / span);
  let rest = beyond - turns * span;
  let from_low = (v < low) == (turns % 2.0 == 0.0);
  return select(low + span - rest, low + rest, from_low);
}

fn coordinate_of(point: u32, axis: u32, extent: i32) -> f32 {
  let place = 2u - axis;
  if (place >= u32(DIMS)) { return 0.0; }
  let normalized = grid[point * u32(DIMS) + place];
  var v = ((normalized + 1.0) * f32(extent) - 1.0) / 2.0;
  if (ALIGN_CORNERS) { v = (normalized + 1.0) / 2.0 * f32(extent - 1); }
  if (MODE == 0) { v = round(v); }
  // Integers must hold the result.
  return clamp(v, -8388608.0, 8388608.0);
}

// The element that stands for a place, -1 where it is padding.
fn element_of(place: i32, extent: i32) -> i32 {
  if (PADDING == 1) { return clamp(place, 0, extent - 1); }
  if (PADDING == 2) { return clamp(i32(reflect_at(f32(place), extent)), 0, extent - 1); }
  return select(-1, place, place >= 0 && place < extent);
}

fn weight_of(place: i32, v: f32) -> f32 {
  if (MODE == 0) { return 1.0; }
  let d = abs(f32(place) - v);
  if (MODE == 1) { return max(1.0 - d, 0.0); }
  let a = -0.75;
  if (d <= 1.0) { return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0; }
  if (d < 2.0) { return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a; }
  return 0.0;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let e = params.extents;
  let plane = index / params.points;
  let point = plane / params.channels * params.points + index % params.points;
  let v = vec3<f32>(coordinate_of(point, 0u, e.x), coordinate_of(point, 1u, e.y), coordinate_of(point, 2u, e.z));
  let taps = select(select(4, 2, MODE == 1), 1, MODE == 0);
  let taps0 = select(taps, 1, DIMS == 2);
  let first = vec3<i32>(floor(v)) - select(0, 1, MODE == 2);
  let first0 = select(first.x, 0, DIMS == 2);
  var sum = 0.0;
  for (var p0 = first0; p0 < first0 + taps0; p0++) {
    let w0 = select(weight_of(p0, v.x), 1.0, DIMS == 2);
    let e0 = element_of(p0, e.x);
    for (var p1 = first.y; p1 < first.y + taps; p1++) {
      let w1 = w0 * weight_of(p1, v.y);
      let e1 = element_of(p1, e.y);
      for (var p2 = first.z; p2 < first.z + taps; p2++) {
        let e2 = element_of(p2, e.z);
        if (min(e0, min(e1, e2)) < 0) { continue; }
        sum += w1 * weight_of(p2, v.z) * x[((plane * u32(e.x) + u32(e0)) * u32(e.y) + u32(e1)) * u32(e.z) + u32(e2)];
      }
    }
  }
  y[index] = finish(sum, index);
}
