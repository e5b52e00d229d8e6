// The coordinates of the elements that are not 0, in order: an invocation per element counts those before its own, and
// writes its coordinate along axis n to y[n * total + count]. Extents stand at places 0 to rank - 1.
struct Params {
  length: u32,
  rank: u32,
  total: u32,
  shape: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = flat_index(id, groups, WORKGROUP_SIZE);
  if (index >= params.length || x[index] == T(0)) { return; }
  var before = 0u;
  for (var other = 0u; other < index; other++) {
    before += select(0u, 1u, x[other] != T(0));
  }
  var rest = index;
  for (var left = params.rank; left > 0u; left--) {
    let axis = left - 1u;
    let extent = params.shape[axis / 4u][axis % 4u];
    y[axis * params.total + before] = i32(rest % extent);
    rest = rest / extent;
  }
}
