// One complex number of a discrete Fourier transform per invocation: the sum of `count` elements, `element_stride` apart, each
// turned by its share of `size` steps of the circle. Elements are real, or pairs (COMPLEX). Of half a spectrum (HALF_SPECTRUM)
// the other half is the mirrored conjugate: the sum is real.
struct Params {
  length: u32,
  bins: u32,
  inner: u32,
  frames: u32,
  outer_stride: u32,
  frame_stride: u32,
  element_stride: u32,
  count: u32,
  size: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> window: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Cosine and sine of `at` steps of `size` around the circle: the built-in functions may be off by 1/2048. Counted from the nearest
// quarter the angle is at most π / 4, where the series end soon.
fn on_circle(at: u32, size: u32) -> vec2<f32> {
  let turns = f32(at) / f32(size);
  let quarter = round(4.0 * turns);
  let a = 6.2831853 * (turns - 0.25 * quarter);
  let s = a * a;
  let sine = a * (1.0 + s * (-0.16666667 + s * (0.0083333333 + s * (-0.0001984127 + s * 0.0000027557319))));
  let cosine = 1.0 + s * (-0.5 + s * (0.041666667 + s * (-0.0013888889 + s * 0.000024801587)));
  switch u32(quarter) % 4u {
    case 0u: { return vec2<f32>(cosine, sine); }
    case 1u: { return vec2<f32>(-sine, cosine); }
    case 2u: { return vec2<f32>(-cosine, -sine); }
    default: { return vec2<f32>(sine, -cosine); }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let bin = index / params.inner % params.bins;
  let row = index / params.inner / params.bins;
  let first = row / params.frames * params.outer_stride + row % params.frames * params.frame_stride + index % params.inner;
  var sum = vec2<f32>(0.0);
  var at = 0u;
  for (var n = 0u; n < params.count; n++) {
    let place = first + n * params.element_stride;
    var element = vec2<f32>(0.0);
    if (COMPLEX) { element = vec2<f32>(x[2u * place], x[2u * place + 1u]); } else { element.x = x[place]; }
    if (HAS_WINDOW) { element *= window[n]; }
    if (HALF_SPECTRUM && n > 0u && 2u * n < params.size) { element *= 2.0; }
    var turn = on_circle(at, params.size);
    if (!INVERSE) { turn.y = -turn.y; }
    sum += vec2<f32>(element.x * turn.x - element.y * turn.y, element.x * turn.y + element.y * turn.x);
    at = (at + bin) % params.size;
  }
  sum *= params.scale;
  if (HALF_SPECTRUM) {
    y[index] = sum.x;
  } else {
    y[2u * index] = sum.x;
    y[2u * index + 1u] = sum.y;
  }
}
