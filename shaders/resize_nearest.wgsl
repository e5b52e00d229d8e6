// One element of the output per invocation: [outer, o0, o1, o2, inner] out of [outer, e0, e1, e2, inner]. Along every
// axis the coordinate (at + t.x) * t.y / t.z + t.w is rounded by r.x * floor(r.x * coordinate + r.y): r.x is 1 or -1.
// CROPS: coordinates outside the input give the extrapolation value.
struct Params {
  length: u32,
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

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = index / params.inner;
  var source = index % params.inner;
  var stride = params.inner;
  var outside = false;
  for (var left = 3u; left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.extents[axis];
    let size = params.sizes[axis];
    let t = params.transforms[axis];
    let r = params.windows[axis];
    let coordinate = (f32(rest % size) + t.x) * t.y / t.z + t.w;
    outside = outside || coordinate < 0.0 || coordinate > f32(extent - 1u);
    let place = clamp(r.x * floor(r.x * coordinate + r.y), 0.0, f32(extent - 1u));
    source += u32(place) * stride;
    stride *= extent;
    rest = rest / size;
  }
  source += rest * stride;
  var value = x[source];
  if (CROPS && outside) { value = T(params.extrapolation); }
  y[index] = finish(value, index);
}
