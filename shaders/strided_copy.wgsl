// CHUNK words, or vec4s of words, of the innermost axis per invocation: walks `shape` row-major and copies between two
// strided layouts. W is u32 or vec4<u32>; all offsets and strides count W. Extents stand at places 0 to RANK - 1. Index
// arithmetic outweighs a copied word by far, hence the chunks.
struct Params {
  invocations: u32,
  chunks: u32,
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
  if (index >= params.invocations) { return; }
  var rest = index / params.chunks;
  let first = (index - rest * params.chunks) * u32(CHUNK);
  let inner = u32(RANK - 1);
  let extent = params.shape[inner / 4u][inner % 4u];
  let source_step = params.source_strides[inner / 4u][inner % 4u];
  let destination_step = params.destination_strides[inner / 4u][inner % 4u];
  var source = params.source_offset + i32(first) * source_step;
  var destination = params.destination_offset + first * destination_step;
  for (var left = inner; left > 0u; left--) {
    let axis = left - 1u;
    let outer = rest / params.shape[axis / 4u][axis % 4u];
    let at = rest - outer * params.shape[axis / 4u][axis % 4u];
    rest = outer;
    source += i32(at) * params.source_strides[axis / 4u][axis % 4u];
    destination += at * params.destination_strides[axis / 4u][axis % 4u];
  }
  for (var done = 0u; done < u32(CHUNK); done++) {
    if (first + done >= extent) { return; }
    y[destination] = x[source];
    source += source_step;
    destination += destination_step;
  }
}
