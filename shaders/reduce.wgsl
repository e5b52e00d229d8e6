// One invocation folds every `parts`-th element that belongs to one output into a state A. What A is, how elements enter
// it, how two combine, in which order, and whether the state or the finished value is stored, is linked in. Both the axes
// that are kept and those that are reduced are merged where they can be.
struct Params {
  outputs: u32,
  parts: u32,
  length: u32,
  count: f32,
  alpha: f32,
  kept_extents: array<vec4<u32>, 2>,
  kept_strides: array<vec4<u32>, 2>,
  reduced_extents: array<vec4<u32>, 2>,
  reduced_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(1) @binding(0) var<uniform> params: Params;

fn kept_offset(output: u32) -> u32 {
  var rest = output;
  var offset = 0u;
  for (var back = 1; back < KEPT_RANK; back++) {
    let axis = KEPT_RANK - back;
    let extent = params.kept_extents[axis / 4][axis % 4];
    offset += rest % extent * params.kept_strides[axis / 4][axis % 4];
    rest /= extent;
  }
  return offset + rest * params.kept_strides[0].x;
}

fn reduced_offset(index: u32) -> u32 {
  var rest = index;
  var offset = 0u;
  for (var back = 1; back < REDUCED_RANK; back++) {
    let axis = REDUCED_RANK - back;
    let extent = params.reduced_extents[axis / 4][axis % 4];
    offset += rest % extent * params.reduced_strides[axis / 4][axis % 4];
    rest /= extent;
  }
  return offset + rest * params.reduced_strides[0].x;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let invocation = flat_index(id, groups, WORKGROUP_SIZE);
  if (invocation >= params.outputs * params.parts) { return; }
  var output = invocation / params.parts;
  var part = invocation % params.parts;
  if (!PARTS_INNERMOST) {
    output = invocation % params.outputs;
    part = invocation / params.outputs;
  }
  store(folded(kept_offset(output), part), output, part);
}
