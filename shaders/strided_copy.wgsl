// One word, or one vec4 of words, per invocation: walks `shape` row-major and copies between two strided layouts.
// W is u32 or vec4<u32>; all offsets and strides count W. Extents stand at places 0 to RANK - 1.
struct Params {
  length: u32,
  source_offset: i32,
  destination_offset: u32,
  shape: array<vec4<u32>, 4>,
  source_strides: array<vec4<i32>, 4>,
  destination_strides: array<vec4<u32>, 4>,
}

@group(0) @binding(0) var<storage, read> x: array<W>;
@group(0) @binding(1) var<storage, read_write> y: array<W>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  var rest = index;
  var source = params.source_offset;
  var destination = params.destination_offset;
  for (var left = u32(RANK); left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.shape[axis / 4u][axis % 4u];
    let at = rest % extent;
    rest = rest / extent;
    source += i32(at) * params.source_strides[axis / 4u][axis % 4u];
    destination += at * params.destination_strides[axis / 4u][axis % 4u];
  }
  y[destination] = x[source];
}
