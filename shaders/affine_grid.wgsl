// One coordinate of the grid per invocation: row `place` of the affine matrix of the batch, [DIMS, DIMS + 1], times the
// normalized position of the point, its last axis first.
struct Params {
  length: u32,
  points: u32,
  sizes: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn normalized(at: u32, size: u32) -> f32 {
  if (ALIGN_CORNERS) { return select(2.0 * f32(at) / f32(size - 1u) - 1.0, -1.0, size == 1u); }
  return (2.0 * f32(at) + 1.0) / f32(size) - 1.0;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length) { return; }
  let row = (index / u32(DIMS) / params.points * u32(DIMS) + index % u32(DIMS)) * u32(DIMS + 1);
  var rest = index / u32(DIMS) % params.points;
  var sum = theta[row + u32(DIMS)];
  for (var axis = 0u; axis < u32(DIMS); axis++) {
    let size = params.sizes[u32(DIMS) - 1u - axis];
    sum += theta[row + axis] * normalized(rest % size, size);
    rest = rest / size;
  }
  y[index] = finish(sum, index);
}
