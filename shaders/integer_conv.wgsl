// One element per invocation of a convolution of codes over up to three spatial axes, summed in i32. Padding adds
// nothing: it stands for the zero point.
struct Params {
  length: u32,
  channels_in: u32,
  channels_out: u32,
  groups: u32,
  w_zero_stride: u32,
  input: vec4<u32>,
  output: vec4<u32>,
  kernel: vec4<u32>,
  stride: vec4<u32>,
  dilation: vec4<u32>,
  before: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read> w: array<i32>;
@group(0) @binding(2) var<storage, read> x_zero: array<i32>;
@group(0) @binding(3) var<storage, read> w_zero: array<i32>;
@group(0) @binding(4) var<storage, read> bias: array<i32>;
@group(0) @binding(5) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let out = params.output;
  let place = vec3<u32>(index / out.z / out.y % out.x, index / out.z % out.y, index % out.z);
  let features = params.channels_out * params.groups;
  let feature = index / out.z / out.y / out.x % features;
  let image = index / out.z / out.y / out.x / features;
  let start = vec3<i32>(place * params.stride.xyz) - vec3<i32>(params.before.xyz);
  let extent = vec3<i32>(params.input.xyz);
  let plane = params.input.x * params.input.y * params.input.z;
  let first = (image * params.groups + feature / params.channels_out) * params.channels_in;
  var x_offset = 0;
  var w_offset = 0;
  if (HAS_X_ZERO) { x_offset = x_zero[0]; }
  if (HAS_W_ZERO) { w_offset = w_zero[feature * params.w_zero_stride]; }
  var sum = 0;
  if (HAS_BIAS) { sum = bias[feature]; }
  let taps = params.kernel.x * params.kernel.y * params.kernel.z;
  for (var tap = 0u; tap < taps; tap++) {
    let k = vec3<u32>(tap / params.kernel.z / params.kernel.y, tap / params.kernel.z % params.kernel.y, tap % params.kernel.z);
    let at = start + vec3<i32>(k * params.dilation.xyz);
    if (any(at < vec3<i32>(0)) || any(at >= extent)) { continue; }
    var x_at = first * plane + u32((at.x * extent.y + at.y) * extent.z + at.z);
    var w_at = feature * params.channels_in * taps + tap;
    for (var channel = 0u; channel < params.channels_in; channel++) {
      sum += (x[x_at] - x_offset) * (w[w_at] - w_offset);
      x_at += plane;
      w_at += taps;
    }
  }
  y[index] = sum;
}
